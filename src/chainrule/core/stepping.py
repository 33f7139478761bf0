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
        prefetch_node,
    )
else:
    from chainrule.core.pointers import PyErr_CheckSignals, item_at, let_others_run

from chainrule.core.buffers import Buffer, Integers
from chainrule.core.calling import Entry
from chainrule.core.executing import Executor, Native
from chainrule.core.flags import Flag
from chainrule.core.numbers import changes, count_change
from chainrule.core.tracing import tracing_here
from chainrule.core.updating import Update
from chainrule.core.value import Value
from chainrule.errors import GraphError
from chainrule.ops.dispatch import Code


@cython.final
@cython.cclass
class Step:
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
    _numbers: dict  # by parameter: its number
    _update: Update
    _loss: cython.double
    _seen: cython.longlong  # the changes that were counted when all was read or written last
    _given: list  # for each Value among the arguments the number of the parameter that it is, or -1
    # By parameter: where its number lies among the executor's values, -1 where the program does not use it; and
    # whether the program gives it a gradient.
    _where: Integers
    _reached: Integers
    # Where numbers lie that are no parameter's own and stay what they are: other live Values', padding; and those.
    _fixed: Integers
    _kept: Buffer
    # The live Values among them that get a gradient, by their places, and the sums of these over a run.
    _others: Integers
    _sums: Buffer
    # Where numbers of arguments lie that are parameters with another place; and those places.
    _copies: Integers
    _origins: Integers
    _captured: cython.Py_ssize_t  # how many of the live Values that get a gradient are no arguments
    _may_stop: cython.bint  # between a gradient and its update
    _last: Buffer  # the gradients of the last update, where they may be overwritten

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
        self._entry = entry
        self._parameters = list(parameters)
        self._numbers = {parameter: number for number, parameter in enumerate(self._parameters)}
        for parameter in self._parameters:
            cython.cast(Value, parameter)._flags |= Flag.STEPPED
        self._update = Update(update, list(state), hyper, counter)
        self._lay_out(entry.executor, [-1] * len(entry.reader.values))

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
            if self._entry.read_arguments(arguments, keywords) and self._begin(executor):
                try:
                    self._repeat(n)
                finally:
                    undisturbed: cython.bint = changes() == before  # by a signal's handler, or another thread
                    if self.done:
                        self._write_back()
                self._seen = changes() if undisturbed else -1
        finally:
            self._entry.reader.release()
            self._clear_copied()
            executor.leave()

    @cython.cfunc
    @cython.exceptval(-1)
    def _begin(self, executor: Executor) -> cython.int:
        """Make ready for a run with the arguments that were read; return 0 where that cannot be."""
        place: cython.Py_ssize_t
        if executor is not self._executor or not self._is_given_as_before():
            self._lay_out(executor, [self._numbers.get(value, -1) for value in self._entry.reader.values])
        changed: cython.bint = changes() != self._seen
        self._seen = -1
        if changed:
            self._entry.read_values()
        if self._has_computed_values(0 if changed else self._captured):
            self.by_hand = True
            return 0
        for place in range(self._fixed.count):
            self._kept.numbers[place] = executor.values.numbers[self._fixed.numbers[place]]
        for place in range(self._sums.count):
            self._sums.numbers[place] = 0.0
        self._update.load(self._parameters, changed)
        return 1

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _is_given_as_before(self) -> cython.int:
        """Tell whether the same arguments as in the last run are parameters, and the same ones."""
        place: cython.Py_ssize_t
        number: cython.Py_ssize_t
        for place in range(len(self._given)):
            value = item_at(self._entry.reader.values, place)
            number = self._given[place]
            if number < 0:
                if cython.cast(Value, value)._flags & Flag.STEPPED and cython.cast(object, value) in self._numbers:
                    return 0
            elif value is not item_at(self._parameters, number):
                return 0
        return 1

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _live_value(self, place: cython.Py_ssize_t) -> cython.pointer[PyObject]:
        """Return the live Value of a place."""
        first: cython.Py_ssize_t = len(self._entry.live)
        return item_at(self._entry.live, place) if place < first else item_at(self._entry.reader.values, place - first)

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
    def _lay_out(self, executor: Executor, given: list) -> object:
        """Find out which of the executor's numbers are which parameter's."""
        count: cython.Py_ssize_t = executor.values.count
        place: cython.Py_ssize_t
        index: cython.Py_ssize_t
        self._executor = executor
        self._given = given
        self._seen = -1
        self._where = Integers(len(self._parameters))
        self._reached = Integers(len(self._parameters))
        self._fixed = Integers(count)
        self._kept = Buffer(count)
        self._last = Buffer(count)
        self._others = Integers(count)
        self._sums = Buffer(count)
        self._copies = Integers(count)
        self._origins = Integers(count)
        for place in range(self._where.count):
            self._where.numbers[place] = -1
        owned: Integers = Integers(count)
        reached = set(self._entry.reach.as_list())
        self._captured = len([place for place in reached if place < len(self._entry.live)])
        self._others.count = self._copies.count = self._fixed.count = 0
        numbers = [*[self._numbers.get(value, -1) for value in self._entry.live], *given]
        for place, parameter in enumerate(numbers):
            index = executor.order.numbers[place]
            if parameter < 0:
                if place in reached:
                    self._others.numbers[self._others.count] = place
                    self._others.count += 1
                continue
            if place in reached:
                self._reached.numbers[parameter] = 1
            if self._where.numbers[parameter] < 0:
                self._where.numbers[parameter] = index
                owned.numbers[index] = 1
            else:
                self._copies.numbers[self._copies.count] = index
                self._origins.numbers[self._copies.count] = self._where.numbers[parameter]
                self._copies.count += 1
        for index in range(count):
            if not owned.numbers[index]:
                self._fixed.numbers[self._fixed.count] = index
                self._fixed.count += 1
        self._sums.count = self._others.count
        self._may_stop = len(self._entry.trace.guards) > 0 or not isinstance(executor, Native)
        self._update.lay_out(executor, self._where)

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
            self._clear_copied()
            executor.gradient()
            if not self._entry.guarded():
                return 0
            for i in range(self._copies.count):
                gradients[self._origins.numbers[i]] += gradients[self._copies.numbers[i]]
            for i in range(self._others.count):
                self._sums.numbers[i] += gradients[executor.order.numbers[self._others.numbers[i]]]
            self._update.apply()
            for i in range(self._fixed.count):
                values[self._fixed.numbers[i]] = self._kept.numbers[i]
            for i in range(self._copies.count):
                values[self._copies.numbers[i]] = values[self._origins.numbers[i]]
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
    @cython.exceptval(check=False)
    def _clear_copied(self) -> cython.void:
        """Zero what was added to gradients that the program may not store itself."""
        i: cython.Py_ssize_t
        for i in range(self._copies.count):
            self._executor.gradients.numbers[self._origins.numbers[i]] = 0.0

    @cython.cfunc
    def _write_back(self) -> object:
        """Give parameters their data and gradients, the optimizer its state."""
        executor: Executor = self._executor
        values: cython.p_double = executor.values.numbers
        gradients: cython.p_double = self._last.numbers if self._may_stop else executor.gradients.numbers
        place: cython.Py_ssize_t
        index: cython.Py_ssize_t
        unused: cython.Py_ssize_t = 0
        where: cython.p_int = self._where.numbers
        reached: cython.p_int = self._reached.numbers
        for place in range(self._where.count):
            node = item_at(self._parameters, place)
            if cython.compiled and place + 8 < self._where.count:
                prefetch_node(item_at(self._parameters, place + 8))
            index = where[place]
            if index < 0:
                _finish_step(cython.cast(Value, node), self._update.unused.numbers[unused], 0.0, False)
                unused += 1
            else:
                _finish_step(cython.cast(Value, node), values[index], gradients[index], reached[place] != 0)
        for place in range(self._others.count):
            node = self._live_value(self._others.numbers[place])
            cython.cast(Value, node)._grad += self._sums.numbers[place]
            cython.cast(Value, node)._flags |= Flag.RECEIVED
        self._update.store()
        count_change()


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _finish_step(node: Value, data: cython.double, gradient: cython.double, reached: cython.bint) -> cython.void:
    """Leave a parameter as zero_grad(), backward() and an update leave it."""
    node._flags &= ~(Flag.RECEIVED | Flag.STALE)
    if reached:
        node._flags |= Flag.RECEIVED if data == node._data else Flag.RECEIVED | Flag.STALE
    node._grad = 0.0 + gradient if reached else 0.0
    node._data = data


@cython.cclass
class Steps:
    """Base of a compiled step: repeats the step that served last while the optimizer is as it was, else asks `missed`.

    Attributes:
        step: a Step, or None.
        watched: the attributes of the optimizer.
        expected: what they were: objects that are compared by identity.
    """

    step = cython.declare(object, visibility="public")
    watched = cython.declare(dict, visibility="public")
    expected = cython.declare(dict, visibility="public")

    def __init__(self) -> None:
        self.step = None
        self.watched = {}
        self.expected = {}

    def __call__(self, *arguments: Any, **keywords: Any) -> float:
        """Take one step, and return its loss, from before the update."""
        step: Step
        if self.step is not None and not tracing_here() and self._is_as_expected():
            step = self.step
            step.take(1, arguments, keywords)
            if step.done:
                self.watched["steps"] = self.expected["steps"] = self.expected["steps"] + 1
                return step._loss
        return self.missed(arguments, keywords)

    @cython.cfunc
    @cython.exceptval(-1)
    def _is_as_expected(self) -> cython.int:
        if len(self.watched) != len(self.expected):
            return 0
        if cython.compiled:
            here: cython.Py_ssize_t = 0
            there: cython.Py_ssize_t = 0
            name: cython.pointer[PyObject] = cython.NULL
            now: cython.pointer[PyObject] = cython.NULL
            known: cython.pointer[PyObject] = cython.NULL
            before: cython.pointer[PyObject] = cython.NULL
            # one is a copy of the other, so that its names have the same order
            while PyDict_Next(self.watched, cython.address(here), cython.address(name), cython.address(now)):
                if not PyDict_Next(self.expected, cython.address(there), cython.address(known), cython.address(before)):
                    return 0
                if name != known or now != before:
                    return 0
            return 1
        return list(map(id, self.watched.values())) == list(map(id, self.expected.values()))

    def missed(self, arguments: tuple[Any, ...], keywords: dict[str, Any] | None) -> float:
        """Take a step that the last one does not serve."""
        raise NotImplementedError
