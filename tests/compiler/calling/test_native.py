"""Machine code's side of the bargain: which memory it is given, in which order, and what becomes of its answers."""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule import Value, engine
from chainrule.engine import Entry, Native, Step, local_derivatives
from chainrule.errors import ProgramError
from tests.compiler.calling.traces import Trace, trace

Doubles = ctypes.POINTER(ctypes.c_double)
Function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.POINTER(Doubles), ctypes.POINTER(ctypes.POINTER(ctypes.c_int)))
Body = Callable[[Any, Any], int]
ARENA, CONSTANTS, VALUES, GRADIENTS, SEEDS, OUTPUTS, FIRST, SECOND = range(8)


def native(traced: Trace, forward: Body, gradient: Body, **more: Any) -> Native:
    """Return an executor whose machine code is Python, called through addresses as machine code is."""
    functions = Function(forward), Function(gradient)
    addresses = [ctypes.cast(each, ctypes.c_void_p).value or 0 for each in functions]
    given: dict[str, Any] = {
        "arena": 0,
        "constants": np.zeros(0),
        "values": 8,
        "value_order": [5, 2],
        "tables": (),
    } | more
    given["value_order"] = np.array(given["value_order"])
    return Native(*addresses, program=traced.program, keep=functions, **given)


@pytest.fixture
def parameters() -> list[Value]:
    return [Value(2.0), Value(3.0)]


@pytest.fixture
def traced(parameters: list[Value]) -> Trace:
    """u·x·y₀ + v, of a number and an array."""
    u, v = parameters
    return trace(lambda x, y: u * x * y[0] + v, 1.0, np.ones(3), live=parameters)


def forward(regions: Any, _tables: Any) -> int:
    values = regions[VALUES]
    regions[OUTPUTS][0] = values[5] * regions[FIRST][0] * regions[SECOND][0] + values[2]
    return 0


def gradient(regions: Any, tables: Any) -> int:
    regions[GRADIENTS][5] = regions[FIRST][0] * regions[SECOND][0]
    regions[GRADIENTS][2] = 1.0
    return forward(regions, tables)


def test_values_and_gradients_lie_in_the_order_of_the_program(traced: Trace, parameters: list[Value]) -> None:
    executor = native(traced, forward, gradient)
    assert executor.run([2.0, 3.0], [5.0, 7.0, 0.0, 0.0]) == ([73.0], [35.0, 1.0])
    result = Entry(executor, traced).call((5.0, np.array([7.0, 8.0, 9.0])))
    assert (result.data, result._prev, local_derivatives(result)) == (73.0, tuple(parameters), (35.0, 1.0))


def test_arrays_are_not_copied(traced: Trace) -> None:
    seen: list[Any] = []

    def looking(regions: Any, tables: Any) -> int:
        seen.append(ctypes.addressof(regions[SECOND].contents))
        return gradient(regions, tables)

    array = np.array([7.0, 8.0, 9.0])
    entry = Entry(native(traced, forward, looking), traced)
    entry.call((5.0, array))
    entry.call((5.0, array[::-1]))
    assert (seen[0] == array.ctypes.data) == engine.compiled
    assert seen[1] != array.ctypes.data
    del seen[:]
    entry.call((5.0, np.array([7.0, 8.0, 9.0])))
    assert entry.call((5.0, array[::-1])).data == 2.0 * 5.0 * 9.0 + 3.0


def test_memory_begins_where_vectors_begin_and_is_zero(traced: Trace) -> None:
    wrong: list[str] = []

    def looking(regions: Any, tables: Any) -> int:
        for region, count in ((ARENA, 11), (GRADIENTS, 8)):
            if ctypes.addressof(regions[region].contents) % 64 or any(regions[region][i] for i in range(count)):
                wrong.append(f"region {region}")
        if ctypes.addressof(regions[VALUES].contents) % 64 or any(regions[VALUES][i] for i in (0, 1, 3, 4, 6, 7)):
            wrong.append("values")
        if [regions[CONSTANTS][i] for i in range(3)] != [0.5, 1.5, 2.5]:
            wrong.append("constants")
        if [tables[0][i] for i in range(2)] + [tables[1][0]] != [4, -5, 6]:
            wrong.append("tables")
        return forward(regions, tables)

    tables = np.array([4, -5], np.int32), np.array([6], np.int32)
    executor = native(traced, looking, looking, arena=11, constants=np.array([0.5, 1.5, 2.5]), tables=tables)
    for _ in range(3):
        executor.run([2.0, 3.0], [1.0, 1.0, 1.0, 1.0])
    assert wrong == []


def test_another_status_is_an_error(traced: Trace) -> None:
    with pytest.raises(ProgramError, match="status 3"):
        native(traced, forward, lambda *_: 3).run([1.0, 1.0], [1.0, 1.0, 1.0, 1.0])


def test_machine_code_stays_while_it_is_used(traced: Trace) -> None:
    entry = Entry(native(traced, forward, gradient), traced)
    gc.collect()
    assert entry.call((5.0, np.ones(3))).data == 13.0


def test_several_results_have_seeds(parameters: list[Value]) -> None:
    u, v = parameters

    def both(regions: Any, _tables: Any) -> int:
        regions[OUTPUTS][0] = regions[VALUES][5] * regions[FIRST][0]
        regions[OUTPUTS][1] = regions[VALUES][2]
        return 0

    def back(regions: Any, tables: Any) -> int:
        regions[GRADIENTS][5] = regions[SEEDS][0] * regions[FIRST][0]
        regions[GRADIENTS][2] = regions[SEEDS][1]
        return both(regions, tables)

    traced = trace(lambda x: [u * x, v * 1.0], 1.0, live=parameters)
    first, second = Entry(native(traced, both, back), traced).call((5.0,))
    assert (first.data, second.data) == (10.0, 3.0)
    (first * 3.0 + second).backward()
    assert (u.grad, v.grad) == (15.0, 1.0)


Update = ctypes.CFUNCTYPE(None, Doubles, Doubles, Doubles, Doubles, ctypes.c_int64)


def test_steps_with_an_update_at_an_address(traced: Trace, parameters: list[Value]) -> None:
    """Values in an order of their own, with gaps, and a parameter that is not used."""
    u, v = parameters
    unused = Value(1.0)

    def momentum(values: Any, gradients: Any, state: Any, hyper: Any, count: int) -> None:
        for i in range(count):
            state[i] = hyper[1] * state[i] + gradients[i]
            state[count + i] += 1.0
            values[i] -= hyper[0] * state[i] + 0.25

    update = Update(momentum)
    address = ctypes.cast(update, ctypes.c_void_p).value or 0
    state, hyper = [np.array([0.0, 10.0, 20.0]), np.zeros(3)], np.array([0.5, 0.0, 7.0])
    entry = Entry(native(traced, forward, gradient), traced)
    step = Step(entry, [v, unused, u], address, state, hyper, 2)
    assert step.run(2, (1.0, np.ones(3))) == (2, 2.0 - 0.75 + 3.0 - 0.75)
    assert [v.data, unused.data, u.data] == [3.0 - 1.5, 1.0 - 0.5, 2.0 - 1.5]
    assert [v.grad, unused.grad, u.grad] == [1.0, 0.0, 1.0]
    step.export_state()
    assert [list(each) for each in state] == [[1.0, 0.0, 1.0], [2.0, 2.0, 2.0]]
    assert list(hyper) == [0.5, 0.0, 9.0]


def test_gradients_added_for_one_step_are_not_there_for_the_next() -> None:
    """Machine code does not store gradients that do not exist, and an argument may be a parameter only once."""
    w, other = Value(2.0), Value(3.0)
    traced = trace(lambda _, y: y * 1.0, Value(1.0), Value(1.0))

    def product(regions: Any, _tables: Any) -> int:
        regions[OUTPUTS][0] = regions[VALUES][2]
        regions[GRADIENTS][2] = 1.0
        return 0

    entry = Entry(native(traced, product, product), traced)
    rule = lambda p, g, hyper: (p - hyper[0] * g,)  # noqa: E731 - a rule is one expression
    step = Step(entry, [w, other], rule, [], np.array([0.5]))
    assert step.run(2, (w, w)) == (2, 1.5)
    assert (w.data, w.grad) == (1.0, 1.0)
    assert step.run(2, (w, other)) == (2, 2.5)
    assert (w.data, w.grad, other.data) == (1.0, 0.0, 2.0)


def test_other_threads_run_during_a_long_run(traced: Trace, parameters: list[Value]) -> None:
    llvm = pytest.importorskip("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    nothing = llvm.parse_assembly(
        "define i64 @nothing(ptr %r, ptr %t) {\n ret i64 0\n}\n"
        "define void @no_update(ptr %v, ptr %g, ptr %s, ptr %h, i64 %n) {\n ret void\n}"
    )
    made = llvm.create_mcjit_compiler(nothing, llvm.Target.from_default_triple().create_target_machine())
    made.finalize_object()
    address = made.get_function_address("nothing")
    order = np.array([5, 2])
    executor = Native(
        address, address, arena=0, constants=order, value_order=order, values=8, program=traced.program, keep=made
    )
    update = made.get_function_address("no_update")
    step = Step(Entry(executor, traced), parameters, update, [], np.zeros(0))
    turns: list[float] = []
    over = threading.Event()

    def count() -> None:
        while not over.is_set():
            turns.append(0.0)
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    time.sleep(0.01)
    before = len(turns)
    count_of_steps = 5_000_000 if engine.compiled else 10_000
    done, _ = step.run(count_of_steps, (1.0, np.ones(3)))
    during = len(turns) - before
    over.set()
    thread.join()
    assert done == count_of_steps
    assert during >= 3
