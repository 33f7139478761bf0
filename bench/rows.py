"""The rows of the benchmark: what is compared with what, and the figures to reach."""

from __future__ import annotations

from dataclasses import dataclass

from bench.harness import Comparison, Row

PURE = {"CHAINRULE_PURE": "1"}


def _faster_than_micrograd(at_least: float | None = None) -> Comparison:
    return Comparison("demo.micrograd", at_least=at_least)


DEMO = (
    Row("demo.floats", "plain Python floats, forward only (the floor)", "demo.floats", learns=False),
    Row("demo.micrograd", "micrograd", "demo.micrograd", "micrograd"),
    Row(
        "demo.upstream",
        "micrograd's nn on chainrule's Value",
        "demo.upstream",
        comparisons=(Comparison("demo.floats", at_most=2.4), _faster_than_micrograd(120)),
    ),
    Row(
        "demo.seen",
        "the same, once its graph was traced, explained and put on a page",
        "demo.seen",
        comparisons=(Comparison("demo.upstream", at_most=1.05),),
    ),
    Row(
        "demo.own",
        "chainrule's MLP in the same loops",
        "demo.own",
        comparisons=(_faster_than_micrograd(400),),
    ),
    Row(
        "demo.all_own",
        "chainrule's MLP, hinge, dot and SGD",
        "demo.all_own",
        comparisons=(_faster_than_micrograd(800),),
    ),
    Row(
        "demo.pure_upstream",
        "micrograd's nn on chainrule uncompiled",
        "demo.upstream",
        comparisons=(_faster_than_micrograd(3),),
        environment=PURE,
    ),
    Row(
        "demo.pure_own",
        "chainrule's MLP in the same loops, uncompiled",
        "demo.own",
        comparisons=(_faster_than_micrograd(),),
        environment=PURE,
    ),
    Row(
        "demo.scalargrad",
        "scalargrad",
        "demo.scalargrad",
        "scalargrad",
        (_faster_than_micrograd(),),
    ),
    Row("demo.xad", "micrograd's nn on xad's Real", "demo.xad", "xad", (_faster_than_micrograd(),)),
    Row(
        "demo.torch",
        "micrograd's nn on torch's 0-d tensors",
        "demo.torch",
        "torch",
        (_faster_than_micrograd(),),
    ),
)

GPT = (
    Row("gpt.plain", "a plain-Python Value with slots, Python Adam", "gpt.plain"),
    Row(
        "gpt.swapped",
        "only Value swapped for chainrule's",
        "gpt.swapped",
        comparisons=(Comparison("gpt.plain", at_least=13),),
    ),
    Row(
        "gpt.dot",
        "chainrule's Value, dot and Adam",
        "gpt.dot",
        comparisons=(Comparison("gpt.plain", at_least=70),),
    ),
)


@dataclass(frozen=True)
class Measured:
    """A row that is measured once: a measurement, its size (`{size}` in the title), and that in a smoke run."""

    key: str
    title: str
    measurement: str
    size: int
    quick_size: int
    peer: str = ""


MEMORY = (
    Measured("memory.node", "bytes a node", "memory.node", 10_000_000, 10_000),
    Measured("memory.micrograd", "bytes a node, micrograd", "memory.micrograd", 300_000, 10_000, "micrograd"),
    *(
        Measured(f"scale.{nodes}", "a chain of {size} nodes", "scale.chain", nodes, nodes // 10)
        for nodes in (10**3, 10**4, 10**5, 10**6, 10**7)
    ),
    Measured("memory.churn", "{size} nodes built, differentiated and dropped", "memory.churn", 10**8, 10**5),
    Measured(
        "memory.closures",
        "{size} nodes with lecture-style _backward closures",
        "memory.closures",
        10**7,  # 10**8 take minutes and leave memory where it was, too
        10**5,
    ),
)

SECTIONS = {
    "demo": "micrograd's demo step: moons, MLP 2-16-16-1, 100 samples, 65,818 scalar nodes",
    "gpt": "the GPT step: plain lists, n = 8, 68,051 scalar nodes",
    "memory": "memory and scale",
}
