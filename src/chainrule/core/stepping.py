"""The fused training step: gradient and update without a Value in between, as often as one likes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import (
        PyDict_Next,
        PyErr_CheckSignals,
        PyObject,
        item_at,
        let_others_run,
    )
else:
    from chainrule.core.pointers import PyErr_CheckSignals, item_at, let_others_run

from chainrule.core.buffers import Buffer
from chainrule.core.calling import Entry
from chainrule.core.deferring import Deferred, defer, defers, settle
from chainrule.core.executing import Executor, Native
from chainrule.core.flags import Flag
from chainrule.core.homes import Homes
from chainrule.core.numbers import changes, count_change
from chainrule.core.owing import settle_gradients
from chainrule.core.tracing import tracing_here
from chainrule.core.updating import Update
from chainrule.core.value import Value
from chainrule.errors import GraphError
from chainrule.ops.dispatch import Code


@cython.final
@cython.cclass
class Step(Deferred):
    """Zero, forward, backward and update of one trace and one optimizer, repeated in C.

    Args:
        entry: the trace of a function that returns one Value.
        parameters: what the optimizer updates.
        update: the address of `void f(double *values, double *gradients, double *state, double *hyper, int64_t n)`,
            which treats n numbers all alike, state being arrays of n numbers one behind the other; or a function
            `rule(p, g, *state, hyper) -> (p, *state)` of float64 arrays.
        state: a float64 array for each of them, in the order of the parameters; read before, written after a run.
        hyper: the rule's other numbers, a float64 array.
        counter: the number in it that goes up by one with each step, -1 for none.

    Attributes:
        done: how many steps the last run took.
        by_hand: it took none because a live Value is computed from others, which only `backward()` reaches.
    """

    done = cython.declare(cython.longlong, visibility="public")
    by_hand = cython.declare(cython.bint, visibility="public")
    _entry: Entry
    _executor: Executor
    _parameters: list
    _homes: Homes
    _update: Update
    _loss: cython.double
    _seen: cython.longlong  # the changes that were counted when all was read or updated last,
    _uses: cython.longlong  # and the uses of the executor
    _captured: cython.Py_ssize_t  # how many of the live Values that get a gradient are no arguments
    _kept: Buffer  # what stays as it is of the executor's values: other live Values', padding
    _sums: Buffer  # over a run, of the gradients of live Values that are no parameters
    _may_stop: cython.bint  # between a gradient and its update
    _last: Buffer  # the gradients of the last update, where they may be overwritten
    _ended: cython.bint  # the collector, which may still let others in a cycle call it, asks no second time

    def __init__(  # noqa: PLR0917 - what a training step is made of, in the order of its use
        self,
        entry: Entry,
        parameters: Sequence[Value],
        update: int | Callable[..., Any],
        state: Sequence[Any],
        hyper: Any,
        counter: int = -1,
    ) -> None:
        self.done = 0
        self.by_hand = False
        self._ended = False
        self._entry = entry
        self._parameters = list(parameters)
        for parameter in self._parameters:
            cython.cast(Value, parameter)._flags |= Flag.STEPPED
        self._update = Update(update, list(state), hyper, counter)
        self._lay_out(entry.executor)

    def __del__(self) -> None:
        self._ended = True
        if defers(self):
            settle()

    def export_state(self) -> None:
        """Write the optimizer's state to the arrays that were given for it, which are read anew at the next run."""
        self._update.export_state()

    def run(self, n: int, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None) -> tuple[int, float]:
        """Take up to n steps; return how many, and the loss of the last, from before its update.

        Fewer where the arguments do not fit (0) or a guard fails: of that step nothing has happened. Parameters, state
        and hyperparameters are those after the last whole step, also when Ctrl-C ends the run.

        Raises:
            GraphError: the function that runs calls its own step.
        """
        self.take(n, arguments, keywords)
        return self.done, self._loss

    @cython.cfunc
    def take(self, n: cython.longlong, arguments: tuple, keywords: dict | None) -> object:
        """Take up to n steps."""
        executor: Executor = self._entry.executor
        if not executor.take():  # then nothing is touched: the numbers below are those of the run that goes on
            raise GraphError("a compiled step was called while it ran; call one after the other")
        self.done = 0
        self.by_hand = False
        self._loss = float("nan")
        try:
            before: cython.longlong = changes()
            if self._entry.read_arguments(arguments, keywords) and self._begin(executor, n):
                try:
                    self._repeat(n)
                finally:
                    undisturbed: cython.bint = changes() == before  # by a signal's handler, or another thread
                    if self.done:
                        self._update.store()
                        count_change()
                        defer(self)
                        if n > 1 or not self._may_defer():
                            settle()
                self._seen = changes() if undisturbed else -1
                self._uses = executor.uses
        finally:
            self._entry.reader.release()
            executor.leave()

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _may_defer(self) -> cython.bint:
        """Tell whether nobody can look while a single step runs, so that its numbers may wait until somebody does."""
        if self._ended or self._may_stop or self._homes.others.count:
            return False
        return cython.compiled and self._update.is_native()

    @cython.cfunc
    @cython.exceptval(-1)
    def _begin(self, executor: Executor, n: cython.longlong) -> cython.int:
        """Make ready for a run with the arguments that were read; return 0 where that cannot be."""
        place: cython.Py_ssize_t
        values: list = self._entry.reader.values
        if n > 1 or not defers(self):
            settle_gradients()
        if executor is not self._executor:
            settle()
            self._lay_out(executor)
        changed: cython.bint = changes() != self._seen or executor.uses != self._uses + 1
        mapped: cython.bint = not self._homes.given_as_before(values)
        self._seen = -1
        if mapped:
            settle()
            self._homes.map_given(values)
        if changed:
            settle()
            self._entry.read_values()
            self._homes.read_apart()
        if changed or mapped or self._homes.free:
            if self._has_computed_values(0 if changed else self._captured):
                self.by_hand = True
                return 0
            self._homes.read_free(values)
            if changed or mapped:
                self._homes.clear()
            for place in range(self._homes.fixed.count):
                self._kept.numbers[place] = executor.values.numbers[self._homes.fixed.numbers[place]]
            self._homes.copy_given()
        for place in range(self._homes.others.count):
            self._sums.numbers[place] = 0.0
        self._update.load()
        return 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def _has_computed_values(self, first: cython.Py_ssize_t) -> cython.bint:
        """Tell whether a live Value that gets a gradient, from the first-th on, has operands that would get theirs."""
        found: cython.int = 0
        place: cython.Py_ssize_t
        places: cython.p_int = self._entry.reach.places.numbers
        for place in range(first, self._entry.reach.count):
            value = self._live_value(places[place])
            found |= cython.cast(Value, value)._code != Code.LEAF
            found |= cython.cast(Value, value)._flags & Flag.CLOSURE
        return found != 0

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _live_value(self, place: cython.Py_ssize_t) -> cython.pointer[PyObject]:
        """Return the live Value of a place."""
        first: cython.Py_ssize_t = len(self._entry.live)
        return item_at(self._entry.live, place) if place < first else item_at(self._entry.reader.values, place - first)

    @cython.cfunc
    def _lay_out(self, executor: Executor) -> object:
        """Find out which of the executor's numbers are which parameter's."""
        entry: Entry = self._entry
        self._executor = executor
        self._seen = -1
        self._uses = -1
        self._captured = len([place for place in entry.reach.as_list() if place < len(entry.live)])
        self._homes = Homes(executor, self._parameters, entry.live, len(entry.reader.values), entry.reach)
        self._kept = Buffer(executor.values.count)
        self._last = Buffer(executor.values.count)
        self._sums = Buffer(executor.order.count)
        self._may_stop = len(entry.trace.guards) > 0 or not isinstance(executor, Native)
        self._update.lay_out(executor, self._homes)

    @cython.cfunc
    @cython.exceptval(-1)
    def _repeat(self, n: cython.longlong) -> cython.int:
        """Take up to n steps."""
        executor: Executor = self._executor
        values: cython.p_double = executor.values.numbers
        gradients: cython.p_double = executor.gradients.numbers
        i: cython.Py_ssize_t
        unlooked: cython.longlong = 0  # steps since Ctrl-C was looked for, and other threads had their turn
        often: cython.longlong = 1  # after how many that is done
        looked: cython.double = 0.0
        while self.done < n:
            executor.gradient()
            if not self._entry.guarded():
                return 0
            self._homes.collect()
            for i in range(self._homes.others.count):
                self._sums.numbers[i] += gradients[executor.order.numbers[self._homes.others.numbers[i]]]
            self._update.apply()
            for i in range(self._homes.fixed.count):
                values[self._homes.fixed.numbers[i]] = self._kept.numbers[i]
            self._homes.copy_given()
            if self._may_stop:
                self._last.fill(gradients)
            self._loss = executor.outputs.numbers[0]
            self.done += 1
            self._entry.calls += 1
            unlooked += 1
            if unlooked == often and self.done < n:
                unlooked = 0
                now: cython.double = perf_counter()
                # as many steps as take about 10 to 20 milliseconds
                if now - looked < 0.01:
                    often *= 2
                elif now - looked > 0.02 and often > 1 and looked > 0.0:
                    often //= 2
                looked = now
                PyErr_CheckSignals()
                let_others_run()
        return 0

    @cython.cfunc
    def write_back(self) -> cython.void:
        """Give parameters their data and gradients, and other live Values their sums."""
        place: cython.Py_ssize_t
        self._homes.write(self._last.numbers if self._may_stop else self._executor.gradients.numbers)
        for place in range(self._homes.others.count):
            value = self._live_value(self._homes.others.numbers[place])
            cython.cast(Value, value)._grad += self._sums.numbers[place]
            cython.cast(Value, value)._flags |= Flag.RECEIVED


@cython.cclass
class Steps:
    """Base of a compiled step: repeats the step that served last while the optimizer is as it was, else asks `missed`.

    Attributes:
        step: a Step, or None.
    """

    step = cython.declare(object, visibility="readonly")
    _watched: dict  # the attributes of the optimizer,
    _names: list  # what they are called,
    _objects: list  # what they were, compared by identity,
    _counter: cython.Py_ssize_t  # and which of them counts the steps
    _parameters: Any
    _count: cython.Py_ssize_t  # how many parameters there were

    def __init__(self) -> None:
        self.step = None

    def expect(self, step: Step, attributes: dict[str, Any]) -> None:
        """Let a step serve as long as the attributes of an optimizer, and the number of its parameters, stay."""
        self.step = step
        self._watched = attributes
        self._names = list(attributes)
        self._objects = list(attributes.values())
        self._counter = self._names.index("steps")
        self._parameters = attributes["parameters"]
        self._count = len(self._parameters)

    def __call__(self, *arguments: Any, **keywords: Any) -> float:
        """Take one step, and return its loss, from before the update."""
        step: Step
        if self.step is not None and not tracing_here() and self._is_as_expected():
            step = self.step
            step.take(1, arguments, keywords)
            if step.done:
                self._watched["steps"] = self._objects[self._counter] = self._objects[self._counter] + 1
                return step._loss
        return self.missed(arguments, keywords)

    @cython.cfunc
    @cython.exceptval(-1)
    def _is_as_expected(self) -> cython.int:
        if len(self._watched) != len(self._names) or len(self._parameters) != self._count:
            return 0
        if cython.compiled:
            here: cython.Py_ssize_t = 0
            place: cython.Py_ssize_t = 0
            name: cython.pointer[PyObject] = cython.NULL
            now: cython.pointer[PyObject] = cython.NULL
            while PyDict_Next(self._watched, cython.address(here), cython.address(name), cython.address(now)):
                if name != item_at(self._names, place) or now != item_at(self._objects, place):
                    return 0
                place += 1
            return 1
        return list(map(id, self._watched.values())) == list(map(id, self._objects))

    def missed(self, arguments: tuple[Any, ...], keywords: dict[str, Any] | None) -> float:
        """Take a step that the last one does not serve."""
        raise NotImplementedError
