"""The lessons' listings and networks of many wirings agree with eager, on machine code and on the tape."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

import chainrule as cr
from bench.compiled import workloads
from bench.compiled.workloads import Workload
from tests.compiler.exactness.agreement import Count, Execution
from tests.compiler.exactness.compiling import Calls, agree, nothing_ran_eagerly
from tests.compiler.exactness.wirings import PROGRAMS, known_draw
from tests.programs import run_python

# Python looks at a Value or an input, so that other arguments may need another trace.
LOOKING = {"branch_a_sample"}


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in LOOKING])
def test_machine_code_agrees_with_eager(name: str) -> None:
    calls, count = Calls(lambda call: known_draw(name, call), executor="native"), Count()
    for call in range(3):
        calls.check(call, count)
    assert count == Count(agreed=3)
    nothing_ran_eagerly(calls.compiled, native=3)
    assert calls.compiled.report().traces == 1


@pytest.mark.parametrize("name", PROGRAMS)
def test_strict_has_eagers_bits(name: str) -> None:
    calls = Calls(lambda call: known_draw(name, call), strict=True)
    for call in range(3):
        calls.check_bits(call)
    nothing_ran_eagerly(calls.compiled, native=0, interpreted=3)


@pytest.mark.parametrize("executor", ["native", "tape"])
def test_a_branch_a_sample(executor: str) -> None:
    calls = Calls(lambda call: known_draw("branch_a_sample", call), executor=executor)
    for call in (0, 1, 0, 2, 1, 2, 0):
        calls.check(call)
    nothing_ran_eagerly(calls.compiled)
    assert calls.compiled.report().traces == 3


def test_the_same_bits_in_every_process(tmp_path: Path) -> None:
    """Compiled there, loaded from the disk there, and here; whatever the order of Python's sets."""
    program = (
        "import chainrule as cr\n"
        "from tests.compiler.exactness.agreement import Execution\n"
        "from tests.compiler.exactness.wirings import known_draw\n"
        "for name in ('sparse', 'gated', 'distances', 'demo'):\n"
        "    draw = known_draw(name)\n"
        "    found = Execution(draw, cr.compile(draw.function, executor='native')).outcome\n"
        "    print(*[x.hex() for x in (*found.values, *found.gradients)])\n"
    )
    seen = set()
    for seed, place in (("1", "one"), ("2", "another"), ("2", "one")):
        done = run_python(program, environment={"PYTHONHASHSEED": seed, "CHAINRULE_CACHE": str(tmp_path / place)})
        assert done.returncode == 0, done.stderr
        seen.add(done.stdout)
    assert len(seen) == 1
    draw = known_draw("gated")
    outcome = Execution(draw, cr.compile(draw.function, executor="native")).outcome
    numbers = " ".join(x.hex() for x in (*outcome.values, *outcome.gradients))
    assert numbers == seen.pop().splitlines()[1]


def test_a_program_is_linear_in_its_seed() -> None:
    """Gradients that flow in from eager code behind the compiled function: twice the seed, twice the gradient."""
    draw = known_draw("gated")
    compiled = cr.compile(draw.function, executor="native")
    plain = Execution(draw, compiled).outcome.gradients

    def doubled(*arguments: object) -> list[cr.Value]:
        return [2.0 * each for each in compiled(*arguments)]

    assert Execution(draw, doubled).outcome.gradients == pytest.approx([2.0 * x for x in plain], rel=1e-14)


def test_training_by_compiled_steps_is_training() -> None:
    """Sixty steps of descent: nothing of an earlier step's numbers is left in a later one."""
    losses: list[list[float]] = []
    for way in ("eager", "compiled"):
        draw = known_draw("lecture_network")
        f = cr.compile(draw.function, executor="native") if way == "compiled" else draw.function
        seen = []
        for _ in range(60):
            loss = f(*draw.arguments)
            for p in draw.leaves:
                p.grad = 0
            loss.backward()
            for p in draw.leaves:
                p.data -= 0.05 * p.grad
            seen.append(loss.data)
        losses.append(seen)
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)
    assert losses[0][-1] < 0.3 * losses[0][0]
    assert all(map(math.isfinite, losses[1]))


def test_the_demos_own_loss_with_its_accuracy() -> None:
    """Upstream's loss function also reads an accuracy from .data: guards, or eager, and never a stale accuracy."""
    random.seed(1337)
    draw = known_draw("demo")
    X, y = draw.arguments
    total_loss = draw.function

    def loss(X: list[list[float]], y: list[float]) -> tuple[cr.Value, float]:
        scores = [cr.tanh(3.0 * x[0]) + total_loss([x], [1]) * 0.01 for x in X]
        right = [(yi > 0) == (score.data > 0) for yi, score in zip(y, scores, strict=True)]
        return cr.mean(scores), sum(right) / len(right)

    compiled = cr.compile(loss, executor="native")
    for sign in (1.0, -1.0, 1.0):
        points = [[sign * x for x in point] for point in X]
        expected, accuracy = loss(points, y)
        found, share = compiled(points, y)
        assert share == pytest.approx(accuracy, rel=1e-15)
        assert found.data == pytest.approx(expected.data, rel=1e-12)


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "the demo": workloads.demo,
    "the tiny network": workloads.tiny,
    "digits": lambda: workloads.digits(16),
    "a name of two letters": lambda: workloads.gpt([26, 0, 1, 26]),
    "a name of eight letters": lambda: workloads.gpt([26, 0, 1, 1, 2, 0, 25, 7, 8, 26]),
}


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_benchmarks_functions(name: str) -> None:
    """With lists and with arrays, at the first parameters and after a step downhill."""
    made = WORKLOADS[name]()
    compiled = cr.compile(made.loss, executor="native")
    leaves = made.parameters
    for arguments in (made.lists, made.arrays):
        agree(compiled, made.loss, arguments, leaves)
        compiled(*arguments).backward()
        for p in leaves:
            p.data -= 0.05 * p.grad
            p.grad = 0
        agree(compiled, made.loss, arguments, leaves)
    nothing_ran_eagerly(compiled, native=6)
