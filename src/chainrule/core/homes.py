"""Where the numbers of an optimizer's parameters are while a compiled program works on them."""

from __future__ import annotations

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import PyObject, item_at, prefetch_node
else:
    from chainrule.core.pointers import item_at

from chainrule.core.buffers import Buffer, Integers
from chainrule.core.executing import Executor
from chainrule.core.flags import Flag
from chainrule.core.numbers import count_surprise
from chainrule.core.reaching import Reach
from chainrule.core.value import Value


@cython.final
@cython.cclass
class Homes:
    """For each parameter its home: where its own number and its gradient are.

    The home of a parameter that the program captured is among the executor's values. All others are at home apart,
    in memory of their own. Where a parameter is an argument of the call, the program reads a copy, whose gradient
    is brought home.

    Args:
        executor: what runs the program.
        parameters: what an optimizer updates.
        live: the live Values that are no arguments.
        given: how many Values there are among the arguments.
        reach: the live Values that get a gradient from the program.

    Attributes:
        where: by parameter: the number of its home among the executor's values, or, apart, -1 less its number there.
        apart, apart_gradients: the numbers of those that are at home apart, and their gradients.
        free: how many of the Values among the arguments are no parameters.
        others: the places of the live Values that get a gradient and are no parameters.
        fixed: the numbers among the executor's values that are neither a home nor a copy.
    """

    where: Integers
    apart: Buffer
    apart_gradients: Buffer
    free: cython.Py_ssize_t
    others: Integers
    fixed: Integers
    _executor: Executor
    _parameters: list
    _numbers: dict  # by parameter: its number
    _captured: cython.Py_ssize_t  # how many live Values are no arguments
    _captured_others: cython.Py_ssize_t  # how many of the others are among them
    _by_program: Integers  # by parameter: whether the program itself gives it a gradient
    _reached: Integers  # by parameter: whether it gets one, from the program or from a copy
    _reached_places: Integers
    # By Value among the arguments: the number of the parameter that it is, or -1.
    _given: Integers
    _marks: Integers  # by number of a parameter or of one of the executor's values: 0, but while one is mapped
    _homeless: Integers  # the numbers among the executor's values that are no home
    # The numbers, among the executor's values, of arguments that are parameters; those first whose gradient is to be
    # brought home, so many; where their homes are; and whether the gradient there begins with theirs.
    _copies: Integers
    _brought: cython.Py_ssize_t
    _homes: Integers
    _begins: Integers

    def __init__(
        self, executor: Executor, parameters: list[Value], live: list[Value], given: int, reach: Reach
    ) -> None:
        place: cython.Py_ssize_t
        self._executor = executor
        self._parameters = parameters
        self._numbers = {parameter: number for number, parameter in enumerate(parameters)}
        self._captured = len(live)
        self._by_program = Integers(len(parameters))
        self._reached = Integers(len(parameters))
        self._reached_places = Integers(len(live) + given)
        self._given = Integers(given)
        self._copies = Integers(given)
        self._homes = Integers(given)
        self._marks = Integers(max(len(parameters), executor.values.count))
        self._begins = Integers(given)
        self.others = Integers(len(live) + given)
        self.fixed = Integers(executor.values.count)
        for place in reach.as_list():
            self._reached_places.numbers[place] = 1
        self._settle_in(live)
        self._captured_others = self.others.count
        for place in range(given):
            self._given.numbers[place] = -1
        self.map_given([None] * given)

    @cython.cfunc
    def _settle_in(self, live: list) -> object:
        """Give each parameter its home."""
        number: cython.Py_ssize_t
        place: cython.Py_ssize_t
        index: cython.Py_ssize_t
        count: cython.Py_ssize_t = 0
        taken: Integers = Integers(self.fixed.count)
        self.where = Integers(len(self._parameters))
        for number in range(self.where.count):
            self.where.numbers[number] = -1
        self.others.count = 0
        for place in range(len(live)):
            number = self._numbers.get(live[place], -1)
            index = self._executor.order.numbers[place]
            if number >= 0:
                self.where.numbers[number] = index
                self._by_program.numbers[number] = self._reached_places.numbers[place]
                taken.numbers[index] = 1
            elif self._reached_places.numbers[place]:
                self.others.numbers[self.others.count] = place
                self.others.count += 1
        for number in range(self.where.count):
            if self.where.numbers[number] < 0:
                count += 1
                self.where.numbers[number] = -count
        self.apart = Buffer(count)
        self.apart_gradients = Buffer(count)
        self._homeless = Integers(taken.count)
        self._homeless.count = 0
        for index in range(taken.count):
            if not taken.numbers[index]:
                self._homeless.numbers[self._homeless.count] = index
                self._homeless.count += 1

    @cython.cfunc
    @cython.exceptval(-1)
    def given_as_before(self, values: list) -> cython.int:
        """Tell whether the same of these Values, the arguments', are parameters, and the same ones."""
        place: cython.Py_ssize_t
        number: cython.Py_ssize_t
        for place in range(self._given.count):
            value = item_at(values, place)
            number = self._given.numbers[place]
            if number < 0:
                if cython.cast(Value, value)._flags & Flag.STEPPED and cython.cast(object, value) in self._numbers:
                    return 0
            elif value is not item_at(self._parameters, number):
                return 0
        return 1

    @cython.cfunc
    def map_given(self, values: list) -> object:
        """Find out which of the arguments' Values are parameters."""
        place: cython.Py_ssize_t
        number: cython.Py_ssize_t
        count: cython.Py_ssize_t = 0
        brought: cython.bint
        begun: cython.p_int = self._marks.numbers
        self.others.count = self._captured_others
        self.free = 0
        for number in range(self._reached.count):
            self._reached.numbers[number] = self._by_program.numbers[number]
        for place in range(self._given.count):
            self._given.numbers[place] = self._numbers.get(values[place], -1)
        for brought in (True, False):
            for place in range(self._given.count):
                number = self._given.numbers[place]
                if (self._reached_places.numbers[self._captured + place] != 0) != brought:
                    continue
                if number >= 0:
                    self._reached.numbers[number] |= brought
                    self._copies.numbers[count] = self._executor.order.numbers[self._captured + place]
                    self._homes.numbers[count] = self.where.numbers[number]
                    self._begins.numbers[count] = not self._by_program.numbers[number] and not begun[number]
                    begun[number] = 1
                    count += 1
                    continue
                self.free += 1
                if brought:
                    self.others.numbers[self.others.count] = self._captured + place
                    self.others.count += 1
            if brought:
                self._brought = count
        self._copies.count = count
        for place in range(self._given.count):
            if self._given.numbers[place] >= 0:
                begun[self._given.numbers[place]] = 0
        self._find_fixed()

    @cython.cfunc
    def _find_fixed(self) -> object:
        """Find what is neither a home nor a copy."""
        i: cython.Py_ssize_t
        is_copy: cython.p_int = self._marks.numbers
        self.fixed.count = 0
        for i in range(self._copies.count):
            is_copy[self._copies.numbers[i]] = 1
        for i in range(self._homeless.count):
            if not is_copy[self._homeless.numbers[i]]:
                self.fixed.numbers[self.fixed.count] = self._homeless.numbers[i]
                self.fixed.count += 1
        for i in range(self._copies.count):
            is_copy[self._copies.numbers[i]] = 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def read_apart(self) -> cython.void:
        """Read the parameters that are at home apart."""
        number: cython.Py_ssize_t
        for number in range(self.where.count):
            if self.where.numbers[number] < 0:
                parameter = item_at(self._parameters, number)
                self.apart.numbers[-1 - self.where.numbers[number]] = cython.cast(Value, parameter)._data

    @cython.cfunc
    @cython.exceptval(check=False)
    def read_free(self, values: list) -> cython.void:
        """Read the Values among the arguments that are no parameters."""
        place: cython.Py_ssize_t
        for place in range(self._given.count):
            if self._given.numbers[place] < 0:
                index: cython.Py_ssize_t = self._executor.order.numbers[self._captured + place]
                self._executor.values.numbers[index] = cython.cast(Value, item_at(values, place))._data

    @cython.cfunc
    @cython.exceptval(check=False)
    def copy_given(self) -> cython.void:
        """Give the program its copies of parameters."""
        i: cython.Py_ssize_t
        home: cython.Py_ssize_t
        values: cython.p_double = self._executor.values.numbers
        apart: cython.p_double = self.apart.numbers
        copies: cython.p_int = self._copies.numbers
        homes: cython.p_int = self._homes.numbers
        for i in range(self._copies.count):
            home = homes[i]
            values[copies[i]] = values[home] if home >= 0 else apart[-1 - home]

    @cython.cfunc
    @cython.exceptval(check=False)
    def collect(self) -> cython.void:
        """Bring the gradients of copies home."""
        i: cython.Py_ssize_t
        home: cython.Py_ssize_t
        gradients: cython.p_double = self._executor.gradients.numbers
        apart: cython.p_double = self.apart_gradients.numbers
        copies: cython.p_int = self._copies.numbers
        homes: cython.p_int = self._homes.numbers
        begins: cython.p_int = self._begins.numbers
        for i in range(self._brought):
            home = homes[i]
            if home < 0:
                apart[-1 - home] = gradients[copies[i]] + (0.0 if begins[i] else apart[-1 - home])
            else:
                gradients[home] = gradients[copies[i]] + (0.0 if begins[i] else gradients[home])

    @cython.cfunc
    @cython.exceptval(check=False)
    def clear(self) -> cython.void:
        """Zero the gradients that the program does not store itself, whoever has used them."""
        number: cython.Py_ssize_t
        home: cython.Py_ssize_t
        for number in range(self.where.count):
            home = self.where.numbers[number]
            if home < 0:
                self.apart_gradients.numbers[-1 - home] = 0.0
            elif not self._by_program.numbers[number]:
                self._executor.gradients.numbers[home] = 0.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def write(self, gradients: cython.p_double) -> cython.void:
        """Leave every parameter as zero_grad(), backward() and an update leave it.

        Args:
            gradients: the executor's, or a copy of them.
        """
        number: cython.Py_ssize_t
        home: cython.Py_ssize_t
        values: cython.p_double = self._executor.values.numbers
        where: cython.p_int = self.where.numbers
        reached: cython.p_int = self._reached.numbers
        count_surprise()
        for number in range(self.where.count):
            parameter = item_at(self._parameters, number)
            if cython.compiled and number + 8 < self.where.count:
                prefetch_node(item_at(self._parameters, number + 8))
            home = where[number]
            if home >= 0:
                _finish_step(parameter, values[home], gradients[home], reached[number] != 0)
            else:
                home = -1 - home
                _finish_step(
                    parameter, self.apart.numbers[home], self.apart_gradients.numbers[home], reached[number] != 0
                )


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _finish_step(
    parameter: cython.pointer[PyObject], data: cython.double, gradient: cython.double, reached: cython.bint
) -> cython.void:
    flags: cython.short = cython.cast(Value, parameter)._flags & ~(Flag.RECEIVED | Flag.STALE)
    if reached:
        flags |= Flag.RECEIVED if data == cython.cast(Value, parameter)._data else Flag.RECEIVED | Flag.STALE
    cython.cast(Value, parameter)._flags = flags
    cython.cast(Value, parameter)._grad = 0.0 + gradient if reached else 0.0
    cython.cast(Value, parameter)._data = data
