"""A trace: one run of a function with stand-ins, as a program with its guards."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from chainrule.compiler.program import Leaf, Program
from chainrule.compiler.tracing.arguments import Flattening, Pattern, same_static, with_kinds
from chainrule.compiler.tracing.keeping import surveyed
from chainrule.compiler.tracing.listener import Guard, Listener
from chainrule.compiler.tracing.outside import Outside, outside_of
from chainrule.compiler.tracing.refusing import refusal
from chainrule.compiler.tracing.results import Gathering, Template
from chainrule.compiler.tracing.snapshot import Snapshot
from chainrule.engine import Value, export, give_memory_back, set_no_grad_depth, start_tracing, stop_tracing
from chainrule.errors import NotTraceable

_one_at_a_time = threading.Lock()
MANY = 4_000_000  # operands, which take some hundred MB of memory until the trace is over


@dataclass(frozen=True)
class Trace:
    """What a run of a function was, for arguments of the same structure.

    Attributes:
        program: what was computed.
        live: the Values from before the trace that it uses, the program's value group 0.
        pattern: how arguments must look, see `chainrule.compiler.tracing.arguments`.
        template: how the result is put together from outputs, see `chainrule.compiler.tracing.results`.
        guards: guard i is about output `program.results + i`.
        outside: what the function names outside of itself.
        distinct: the trace only holds while the Values among the arguments are different objects, not in `live`.
        same_static: tells whether an argument may stand for one that is part of the structure.
    """

    program: Program
    live: tuple[Value, ...]
    pattern: Pattern
    template: Template
    guards: tuple[Guard, ...]
    outside: Outside
    distinct: bool
    same_static: ClassVar[Callable[[Any, Any], bool]] = staticmethod(same_static)


def trace(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Trace:
    """Run a function once with stand-ins for the numbers and Values among its arguments.

    Raises:
        NotTraceable: it does something that compiled code cannot do for it, or raises an error; what it has changed
            where that can be seen is put back. Where it returns no Value, the error has the trace.
    """
    if not _one_at_a_time.acquire(blocking=False):
        raise refusal("another function is being traced", "call it again", temporary=True)
    try:
        outside = outside_of(function)
        snapshot = Snapshot(outside)
        try:
            return _trace(function, args, kwargs, outside, snapshot)
        except BaseException:
            snapshot.restore()
            raise
    finally:
        _one_at_a_time.release()


def _trace(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], outside: Outside, snapshot: Snapshot
) -> Trace:
    listener = Listener()
    start_tracing(listener)
    depth = set_no_grad_depth(0)
    try:
        arguments = Flattening()
        positional = [arguments.argument(each) for each in args]
        keyword = [arguments.argument(each) for each in kwargs.values()]
        pattern = ("call", tuple([p for _, p in positional]), tuple(kwargs), tuple([p for _, p in keyword]))
        given = {name: copied for name, (copied, _) in zip(kwargs, keyword, strict=True)}
        if outside.asks_for_types and arguments.numbers:
            raise refusal("it asks for the type of an object by type(…)", "use isinstance(…)")
        result = trace_quietly(function, [copied for copied, _ in positional], given, listener)
        _refuse_what_changed(arguments, snapshot)
        gathering = Gathering()
        template = gathering.template(result)
        values = gathering.values
        if not values:  # Python makes such a result; the trace tells when it will
            template = ("static", None)
            gathering.nodes.clear()
        for place, kind in _numbers_of(template):
            if kind is not float:
                listener.kind(gathering.nodes[place])
        results = len(gathering.nodes)
        outputs = gathering.nodes + listener.nodes
        # from here on nobody but the trace holds its nodes, unless the function has put them away
        del result, positional, keyword, given, gathering
        arguments.copies.clear()
        listener.nodes.clear()
        exported = export(outputs, surveyed(outputs))
        outputs.clear()
    finally:
        set_no_grad_depth(depth)
        stop_tracing()
    if listener.distinct and arguments.values:
        _keep_apart(arguments.values, exported[-1], listener.compared)
    program, live = _program(exported, arguments, results)
    if len(program.operands) > MANY:  # the compiler needs that memory next
        give_memory_back()
    made = Trace(
        program,
        live,
        with_kinds(pattern, arguments.kinds, listener.kinds),
        template,
        tuple(listener.guards),
        outside,
        listener.distinct,
    )
    if not values:
        raise refusal(
            "it returns no Value",
            "return the Value that it computes",
            depends_on_data=bool(made.guards or listener.distinct),
            trace=made,
        )
    return made


def trace_quietly(
    function: Callable[..., Any], positional: list[Any], keyword: dict[str, Any], listener: Listener
) -> Any:
    """Call the function; whatever ends it early is a refusal."""
    try:
        with _no_printing(listener):
            result = function(*positional, **keyword)
    except NotTraceable:
        raise listener.refusal or refusal("it traces another function", "compile only the outer one") from None
    except Exception as error:
        if listener.refusal is not None:
            raise listener.refusal from error
        reason = f"it raised {type(error).__name__} ({error!s:.200}) while it was traced"
        raise refusal(reason, "see the error that it raises by itself", temporary=True) from error
    if listener.refusal is not None:
        raise listener.refusal
    return result


def _keep_apart(given: list[Value], live: list[Value], compared: list[Value]) -> None:
    """Make sure that what Python was told of Values being the same is true; add to the live what must stay another."""
    known = set(map(id, live))
    for each in compared:
        if id(each) not in known:
            known.add(id(each))
            live.append(each)
    if len(known.union(map(id, given))) < len(live) + len(given):
        raise refusal(
            "it asks whether Values are the same, and some are", "give it different ones", depends_on_data=True
        )


def _refuse_what_changed(arguments: Flattening, snapshot: Snapshot) -> None:
    if arguments.changed():
        raise refusal("it changes one of its arguments", "work on a copy: list(x), x.copy()")
    difference = snapshot.difference()
    if difference is not None:
        raise refusal(*difference)


@contextmanager
def _no_printing(listener: Listener) -> Iterator[None]:
    """Refuse a function that prints: compiled, it would do so once."""
    before = sys.stdout
    sys.stdout = _Silence(before, listener, threading.get_ident())
    try:
        yield
    finally:
        sys.stdout = before


class _Silence:
    """Stands in for standard output; other threads write through it."""

    def __init__(self, output: Any, listener: Listener, thread: int) -> None:
        self._output = output
        self._listener = listener
        self._thread = thread

    def write(self, text: str) -> int:
        """Write, but for the thread that traces."""
        if threading.get_ident() == self._thread:
            self._listener.refuse("it prints", "print outside what it returns", False)
        return int(self._output.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)


def _numbers_of(template: Template) -> Iterator[tuple[int, Any]]:
    if template[0] == "number":
        yield template[1], template[2]
    elif template[0] in ("list", "tuple", "dict", "namedtuple", "objects"):
        for part in template[-1]:
            yield from _numbers_of(part)


def _program(exported: tuple[Any, ...], arguments: Flattening, results: int) -> tuple[Program, tuple[Value, ...]]:
    import numpy as np

    codes, starts, operands, numbers, places, outputs, live = exported
    leaves = np.flatnonzero(codes == Leaf.VALUE)
    own = leaves[places[leaves] < 0]  # Values among the arguments: they come after the live ones
    places[own] = -1 - places[own] + len(live)
    program = Program(
        codes,
        starts,
        operands,
        numbers,
        places,
        tuple(arguments.input_groups),
        (0, *[len(live) + begin for begin in arguments.value_groups]),
        outputs,
        results,
    )
    return program, tuple(live)
