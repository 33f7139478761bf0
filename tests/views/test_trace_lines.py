"""Source lines: right where they are recorded, absent where they are not, and nothing left switched on."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path

import pytest

from chainrule import engine
from chainrule.engine import Value
from chainrule.errors import GraphError
from chainrule.nn import MLP
from chainrule.views.tracing.lines import Line, line_of, record_lines
from chainrule.views.tracing.trace import trace_of

# Python 3.11 cannot tell where an ordinary object was made: tracemalloc looks beside it.
RECORDED = engine.compiled or sys.version_info >= (3, 12)
recorded = pytest.mark.skipif(not RECORDED, reason="the uncompiled engine records from Python 3.12 on")


def this_line(offset: int = 0) -> int:
    """The number of the line that calls this."""
    return sys._getframe(1).f_lineno + offset


def numbers(value: Value) -> list[int | None]:
    """The line numbers of a value's operands and its own."""
    return [None if node.line is None else node.line.line for node in trace_of(value).nodes]


def test_off_there_are_none() -> None:
    assert numbers(Value(2.0) * Value(3.0)) == [None] * 3
    assert not tracemalloc.is_tracing()


@recorded
def test_lines_of_a_program() -> None:
    with record_lines():
        a = Value(2.0)
        b = Value(3.0)
        c = (a
             * b).tanh()  # fmt: skip
        first = this_line(-4)
        # a call that spans lines is in the line of its bracket or of its name, as the Python version has it
        assert numbers(c)[:3] == [first, first + 1, first + 2]
        assert numbers(c)[3] in {first + 2, first + 3}
        line = trace_of(c).nodes[0].line
        assert line == Line(line.file if line else "", first, "a = Value(2.0)")
        assert line is not None
        assert Path(line.file).name == "test_trace_lines.py"


@recorded
def test_file_is_shown_without_the_place_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with record_lines():
        value = Value(2.0)
        monkeypatch.chdir(tmp_path)
        elsewhere = line_of(value)
        monkeypatch.chdir(Path(__file__).parent)
        here = line_of(value)
    assert elsewhere is not None
    assert here is not None
    assert elsewhere.file == here.file == "test_trace_lines.py"


@recorded
@pytest.mark.parametrize("filename", ["/tmp/ipykernel_77/123456.py", "<ipython-input-3-abc>"])
def test_cell_of_a_notebook_is_called_so(filename: str) -> None:
    cell: dict[str, Value] = {}
    with record_lines():
        exec(compile("\nv = Value(1.0)", filename, "exec"), {"Value": Value}, cell)
        assert line_of(cell["v"]) == Line("notebook", 2, "")


@recorded
def test_line_is_the_users_not_the_packages() -> None:
    model = MLP(2, [2, 1])
    with record_lines():
        output = model([1.0, 2.0])
        called = this_line(-1)
        nodes = trace_of(output).nodes
    assert {node.line.line for node in nodes if node.kind == "op" and node.line} == {called}
    assert all(node.line is None for node in nodes if node.kind != "op")


@recorded
def test_memory_of_dead_nodes_is_not_taken_for_their_lines() -> None:
    dead = [Value(1.0) * 2.0 for _ in range(2000)]
    del dead
    with record_lines():
        values = [Value(float(k)) for k in range(3000)]
        made = this_line(-1)
        assert {line.line if (line := line_of(value)) else None for value in values} == {made}
        del values  # their memory is at hand now
        again = [Value(float(k)) for k in range(3000)]
        made = this_line(-1)
        assert {line.line if (line := line_of(value)) else None for value in again} == {made}


@recorded
def test_what_was_made_before_has_no_line() -> None:
    before = Value(2.0)
    with record_lines():
        after = before * before
        assert numbers(after) == [None, this_line(-1)]


def test_recording_ends_with_its_block() -> None:
    with record_lines():
        assert tracemalloc.is_tracing()
    assert not tracemalloc.is_tracing()
    with pytest.raises(RuntimeError, match="mine"), record_lines():
        raise RuntimeError("mine")
    assert not tracemalloc.is_tracing()


def test_the_users_own_tracing_is_left_alone() -> None:
    tracemalloc.start()
    try:
        value = Value(1.0)
        assert numbers(value) == [None]
        with pytest.raises(GraphError, match="stop it before"), record_lines():
            pass
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_recordings_nest() -> None:
    with record_lines():
        with record_lines():
            pass
        assert tracemalloc.is_tracing()
    assert not tracemalloc.is_tracing()


@pytest.mark.skipif(RECORDED, reason="this engine records")
def test_engine_that_cannot_record_says_nothing_wrong() -> None:
    with record_lines():
        assert numbers(Value(2.0) * Value(3.0)) == [None] * 3
