"""The op table in JavaScript gives Python's numbers, value and slopes, wherever the rows themselves are measured."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chainrule.ops import TABLE, Op, ieee
from chainrule.ops.elementary import exp, pick
from chainrule.ops.row import Operand
from chainrule.views.stepper.javascript import UntranslatableError, _Function, op_table_text
from chainrule.views.stepper.stepper import FOLDER
from chainrule.views.tracing.trace import number_from_json, number_to_json
from tests.ops.grids import grid

RUN = """
const read = (x) => (x === "nan" ? NaN : x === "inf" ? Infinity : x === "-inf" ? -Infinity : x);
const write = (x) => (Number.isFinite(x) ? x : x !== x ? "nan" : x > 0 ? "inf" : "-inf");
const answers = JSON.parse(require("fs").readFileSync(0, "utf8")).map(([name, given]) => {
  const x = given.map(read);
  const nary = NARY[name];
  const y = nary ? nary.value(x) : OPS[name].value(...x);
  return [y, ...(nary ? nary.slopes(x, y) : OPS[name].slopes(...x, y))].map(write);
});
console.log(JSON.stringify(answers));
"""
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 710.0, -750.0, 1e300, 5e-324, math.inf, -math.inf, math.nan)


def node() -> str:
    """Return the JavaScript interpreter: one that is installed, else the one that playwright brings."""
    found = shutil.which("node")
    if found is None:
        playwright = pytest.importorskip("playwright", reason="there is no node, and no playwright that brings one")
        found = str(Path(playwright.__file__).parent / "driver" / "node")
    return found


def answers(cases: list[tuple[str, tuple[float, ...]]], table: str) -> list[list[float]]:
    """Return value and slopes of each case as JavaScript computes them."""
    own = [(FOLDER / f"{name}.js").read_text("utf-8") for name in ("ieee", "reductions")]
    given = [(name, [number_to_json(x) for x in operands]) for name, operands in cases]
    done = subprocess.run(
        [node(), "-e", "\n".join([table, *own, RUN])],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [[number_from_json(x) for x in each] for each in json.loads(done.stdout)]


def places(row: Op) -> Iterator[tuple[float, ...]]:
    """Every seventh place where a row is measured, and where floats end."""
    yield from grid(row)[::7]
    many = row.arity or 3
    for k, x in enumerate(SPECIAL):
        yield tuple(SPECIAL[(k + 3 * i) % len(SPECIAL)] if i else x for i in range(many))


def differences(rows: list[Op], table: str) -> list[str]:
    """Return where JavaScript's numbers are not Python's to 1e-12."""
    cases = [(row.name, operands) for row in rows for operands in places(row)]
    wrong = []
    for (name, operands), found in zip(cases, answers(cases, table), strict=True):
        row = TABLE[name]
        y = row.value(*operands)
        for want, have in zip([y, *row.local_derivatives(operands, y)], found, strict=True):
            if not same(want, have):
                wrong.append(f"{name}{operands}: {have!r} for {want!r}")
    return wrong


def same(want: float, have: float) -> bool:
    if not math.isfinite(want) or not math.isfinite(have):
        return want == have or (want != want and have != have)
    return abs(want - have) <= 1e-12 * max(abs(want), 1e-290)


def test_every_row_gives_pythons_numbers() -> None:
    assert differences(list(TABLE.values()), op_table_text())[:10] == []


def test_every_row_is_translated_or_written_by_hand() -> None:
    table = op_table_text()
    by_hand = (FOLDER / "reductions.js").read_text("utf-8")
    for row in TABLE.values():
        assert f"\n  {row.name}: {{" in (by_hand if row.arity is None else table), row.name


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("return (y * (1.0 - y))", "return (y * (1.0 + y))"),
        ("ieee.tanh(a)", "ieee.atan(a)"),
        ("a <= 0.0 ? 0.0 : 1.0", "a <= 0.0 ? 1.0 : 0.0"),
    ],
)
def test_a_planted_fault_is_found(right: str, wrong: str) -> None:
    table = op_table_text()
    if right not in table:
        right, wrong = "(mirrored * (1.0 - mirrored))", "(mirrored * (1.0 + mirrored))"
    assert right in table
    assert differences([TABLE[name] for name in ("sigmoid", "tanh", "relu")], table.replace(right, wrong)) != []


def branching(a: Operand, b: Operand) -> Operand:
    if (a > 0.0 and b != 2.0) or a == -1.0:
        total = -a * b
        total = total + exp(b)
    else:
        total = a - 0.5 if abs(b) <= 1e300 else ieee.expm1(a)
    return pick(total < 0.0, total, total * 2.0)


def test_every_construct_of_the_vocabulary() -> None:
    uses: set[str] = set()
    text = _Function(branching, uses).text("branching")
    assert uses == {"exp"}
    program = "\n".join(
        [
            op_table_text(),
            *[(FOLDER / "ieee.js").read_text("utf-8"), text],
            "console.log(JSON.stringify(JSON.parse(process.argv[1]).map(([a, b]) => branching(a, b))))",
        ]
    )
    given = [[1.0, 3.0], [1.0, 2.0], [-1.0, 2.0], [-2.0, 1.0], [0.25, 2.0], [-3.0, 1e301]]
    done = subprocess.run([node(), "-e", program, json.dumps(given)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == pytest.approx([branching(a, b) for a, b in given], rel=1e-15)


def quotient(a: Operand) -> Operand:
    return 1.0 / a


def loop(a: Operand) -> Operand:
    while a < 1.0:
        a = a * 2.0
    return a


def unknown(a: Operand) -> Operand:
    return math.cosh(a)


def integer(a: Operand) -> Operand:
    return a * 2


def chained(a: Operand) -> Operand:
    return 1.0 if 0.0 < a < 1.0 else a


@pytest.mark.parametrize("rule", [quotient, loop, unknown, integer, chained])
def test_what_is_outside_the_vocabulary_is_refused(rule: Callable[[Any], Any]) -> None:
    with pytest.raises(UntranslatableError, match=rule.__name__):
        _Function(rule, set()).text("rule")


def untranslatable(a: Operand) -> Operand:
    """The row of the next test."""
    return 1.0 / a


def test_a_row_that_cannot_be_translated_is_left_out_and_whatever_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Op(untranslatable, symbol="", arity=1, formula="1 / a", slopes=("−1 / a²",))
    monkeypatch.setitem(TABLE, row.name, row)
    monkeypatch.setitem(untranslatable.__globals__, "row_left_out", row)
    caller = Op(calls_it, symbol="", arity=1, formula="", slopes=())
    monkeypatch.setitem(TABLE, caller.name, caller)
    table = op_table_text()
    assert "untranslatable" not in table
    assert "calls_it" not in table
    assert "op_tanh" in table


def calls_it(a: Operand) -> Operand:
    return row_left_out(a)  # type: ignore[name-defined]  # noqa: F821 - the test puts it here
