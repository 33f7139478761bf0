"""A compiled function called: arguments in, guards compared, Values out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import item_at
else:
    from operator import getitem as item_at

from chainrule.core.buffers import Buffer, copied
from chainrule.core.deferring import settle
from chainrule.core.executing import INPUTS, Executor
from chainrule.core.guarding import Guards
from chainrule.core.node import new_node
from chainrule.core.numbers import changes
from chainrule.core.outcomes import Origin, make_call, make_one_of, make_result
from chainrule.core.reaching import Reach
from chainrule.core.reading import Reader
from chainrule.core.recording import recording
from chainrule.core.tracing import tracing_here
from chainrule.core.value import Value
from chainrule.ops.dispatch import Code


class _Miss:
    """The class of MISS."""

    def __repr__(self) -> str:
        return "MISS"


MISS = _Miss()  # what a call gives that a trace does not fit


@cython.cclass
class Entry:
    """One trace of a function, made callable.

    Args:
        executor: runs its program.
        trace: a `chainrule.compiler.tracing.Trace`.

    Attributes:
        calls: how many calls it has served.
        failed: why it did not serve the last one that it was tried for: "structure", "outside", or the number of the
            guard that failed; None where it did.
    """

    calls = cython.declare(cython.Py_ssize_t, visibility="public")
    failed = cython.declare(object, visibility="public")
    trace = cython.declare(object, visibility="readonly")
    _executor: Executor
    reader: Reader
    _origin: Origin
    live: list
    _results: cython.Py_ssize_t
    _whole: cython.bint  # the function returns one Value and nothing around it
    _all: tuple  # the numbers of the results
    reach: Reach  # of all of them
    _aliases: list  # for each result None, or the place of the live Value that it is itself
    _guards: Guards
    _distinct: cython.bint
    _seen: cython.longlong  # the changes that were counted when the live Values were read last
    _spare: Entry | None  # serves calls that come while this one serves another

    def __init__(self, executor: Executor, trace: Any) -> None:
        self.calls = 0
        self.failed = None
        self.trace = trace
        self.live = list(trace.live)
        self._origin = Origin(trace.program, self.live)
        self._results = trace.program.results
        self._all = tuple(range(trace.program.results))
        self.reach = self._origin.reach(self._all)
        self._aliases = _aliases_of(trace.program)
        self._whole = trace.template == ("output", 0) and self._results == 1 and self._aliases[0] is None
        self._guards = Guards(trace)
        self._distinct = trace.distinct
        self._spare = None
        self.executor = executor

    @property
    def executor(self) -> Executor:
        """What runs the program; another one may take its place."""
        return self._executor

    @executor.setter
    def executor(self, executor: Executor) -> None:
        trace: Any = self.trace
        self._executor = executor
        self._seen = -1
        self._origin.executor = executor
        self._spare = None
        self.reader = Reader(trace.pattern, trace.same_static, executor, trace.program.input_groups, len(self.live))

    def call(self, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None) -> Any:
        """Return what the function returns for these arguments, or MISS, and then nothing has changed."""
        executor: Executor = self._executor
        settle()
        if not executor.take():
            return self._call_spare(arguments, keywords)
        try:
            return self._call(arguments, keywords)
        finally:
            self.reader.release()
            executor.leave()

    def matches(self, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None) -> bool:
        """Tell whether arguments have the structure of this trace."""
        executor: Executor = self._executor
        if not executor.take():
            return self._get_spare().matches(arguments, keywords)
        try:
            return bool(self.reader.read(arguments, keywords)) and self._are_distinct()
        finally:
            self.reader.release()
            executor.leave()

    @cython.cfunc
    def _call_spare(self, arguments: tuple, keywords: dict | None) -> object:
        spare: Entry = self._get_spare()
        result = spare.call(arguments, keywords)
        self.failed = spare.failed
        self.calls += result is not MISS
        return result

    @cython.cfunc
    def _get_spare(self) -> Entry:
        if self._spare is None:
            self._spare = Entry(self._executor.twin(), self.trace)
        return self._spare

    @cython.cfunc
    def _call(self, arguments: tuple, keywords: dict | None) -> object:
        single: cython.bint = self._results == 1 and recording()
        executor: Executor = self._executor
        if not self.read_arguments(arguments, keywords):
            return MISS
        self._read_changed_values()
        self.reader.read_values()
        if single:
            executor.gradient()
        else:
            executor.forward()
        if not self.guarded():
            return MISS
        self.calls += 1
        if self._whole and single:
            return self._single_result()
        return self._build(self.trace.template, self._nodes(single))

    @cython.cfunc
    @cython.inline
    def _single_result(self) -> Value:
        return make_result(self._executor, self._origin, self.reader.values, self.reach)

    @cython.cfunc
    @cython.exceptval(-1)
    def read_arguments(self, arguments: tuple, keywords: dict | None) -> cython.int:
        """Read arguments; return 0 where they, or what the function names outside of itself, do not fit."""
        if not self.reader.read(arguments, keywords) or not self._are_distinct():
            self.failed = "structure"
            return 0
        if not self._guards.outside_is_same():
            self.failed = "outside"
            return 0
        return 1

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def read_values(self) -> cython.void:
        """Read the live Values' data anew."""
        place: cython.Py_ssize_t
        values: cython.p_double = self._executor.values.numbers
        order: cython.p_int = self._executor.order.numbers
        for place in range(len(self.live)):
            values[order[place]] = cython.cast(Value, item_at(self.live, place))._data

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _read_changed_values(self) -> cython.void:
        """Read the live Values' data where any was changed; the calls of several results use the memory themselves."""
        if self._results > 1 or self._seen != changes():
            self._read_values_anew()

    @cython.cfunc
    @cython.exceptval(check=False)
    def _read_values_anew(self) -> cython.void:
        settle()  # an argument's own comparisons may have taken a step
        self.read_values()
        self._seen = changes()

    @cython.cfunc
    @cython.exceptval(-1)
    def guarded(self) -> cython.int:
        """Compare what guards look at; return 0 where one fails."""
        failed: cython.Py_ssize_t = self._guards.first_failed(self._executor.outputs, self._results)
        self.failed = None if failed < 0 else failed
        return failed < 0

    @cython.cfunc
    @cython.exceptval(-1)
    def _are_distinct(self) -> cython.int:
        """Tell whether the Values among the arguments are different ones, where the function asked for that."""
        if not self._distinct:
            return 1
        found = {id(each) for each in [*self.live, *self.reader.values]}
        return len(found) == len(self.live) + len(self.reader.values)

    @cython.cfunc
    def _nodes(self, single: cython.bint) -> list:
        """Return the results as Values."""
        executor: Executor = self._executor
        numbers: cython.p_double = executor.outputs.numbers
        i: cython.Py_ssize_t
        call: Value | None = None
        nodes: list = []
        if self._results > 1 and recording():
            call = make_call(self._origin, executor, self.reader.values, self._inputs(), self._all)
        for i in range(self._results):
            place = self._aliases[i]
            if place is not None:
                known: list = self.live if place < len(self.live) else self.reader.values
                nodes.append(known[place if place < len(self.live) else place - len(self.live)])
            elif single:
                nodes.append(self._single_result())
            elif call is not None:
                nodes.append(make_one_of(call, i, numbers[i]))
            else:
                nodes.append(new_node(Code.LEAF, numbers[i]))
        return nodes

    @cython.cfunc
    def _inputs(self) -> list:
        """Return a copy of the arguments' numbers."""
        made: list = []
        place: cython.Py_ssize_t
        for place in range(len(self._executor.inputs)):
            own: Buffer = self._executor.inputs[place]
            made.append(copied(self._executor.regions[INPUTS + place], own.count))
        return made

    @cython.cfunc
    def _build(self, template: tuple, nodes: list) -> object:
        """Put results together as the function did."""
        kind: str = template[0]
        if kind == "output":
            return nodes[template[1]]
        if kind == "number":
            return _as_number(self._executor.outputs.numbers[template[1]], template[2])
        if kind == "static":
            return template[1]
        if kind == "copy":
            return template[1].copy()
        return _BUILDERS[kind](template, [self._build(each, nodes) for each in template[-1]])


def _aliases_of(program: Any) -> list[int | None]:
    """Return for each result the place of the live Value that it is, None where it is computed."""
    rows = program.outputs[: program.results].tolist()
    return [int(program.places[row]) if program.codes[row] == -2 else None for row in rows]


def _as_number(number: float, kind: Any) -> Any:
    return kind(number) if issubclass(kind, float) or kind is bool else kind(int(number))


def _object_array(template: Any, items: list[Any]) -> Any:
    import numpy as np

    made = np.empty(len(items), dtype=object)
    for place, item in enumerate(items):
        made[place] = item
    return made.reshape(template[1])


_BUILDERS: dict[str, Callable[[Any, list[Any]], Any]] = {
    "list": lambda _, parts: parts,
    "tuple": lambda _, parts: tuple(parts),
    "namedtuple": lambda template, parts: template[1]._make(parts),
    "dict": lambda template, parts: dict(zip(template[1], parts, strict=True)),
    "objects": _object_array,
}


@cython.cclass
class Entries:
    """Base of what `cr.compile` returns: tries its entries, the one that served last first, and else asks `missed`.

    Attributes:
        entries: a list of Entry.
        active: whether they are tried at all.
    """

    entries = cython.declare(list, visibility="public")
    active = cython.declare(cython.bint, visibility="public")

    def __init__(self) -> None:
        self.entries = []
        self.active = True

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Return what the function returns for these arguments."""
        entry: Entry
        place: cython.Py_ssize_t = 0
        if self.active and not tracing_here():
            # `missed` may change the list, in another thread, while an entry runs Python
            while place < len(self.entries):
                entry = self.entries[place]
                result = entry.call(arguments, keywords)
                if result is not MISS:
                    if place and entry in self.entries:
                        self.entries.remove(entry)
                        self.entries.insert(0, entry)
                    return result
                place += 1
        return self.missed(arguments, keywords)

    def missed(self, arguments: tuple[Any, ...], keywords: dict[str, Any] | None) -> Any:
        """Serve a call that no entry fits."""
        raise NotImplementedError
