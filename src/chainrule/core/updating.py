"""An optimizer's update of all parameters at once, on the memory that a compiled program works with."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import call_update

from chainrule.core.buffers import Buffer
from chainrule.core.executing import Executor
from chainrule.core.homes import Homes


@cython.final
@cython.cclass
class Update:
    """An update rule with its state.

    The rule treats all numbers alike, so it runs over the whole region of values as it lies, where the numbers of a
    program are in an order of their own and some are no parameters; and once more over the parameters that are at
    home apart, of which an optimizer moves also those that the program does not use (by momentum, or weight decay).

    Args:
        rule: the address of machine code, or a Python function: see `Step`.
        state: a float64 array for each kind of state, in the order of the parameters.
        hyper: the rule's other numbers, a float64 array.
        counter: the number in it that counts the steps, -1 for none.
    """

    _address: cython.size_t  # 0 where the rule is a Python function
    _rule: object
    _state: list  # the arrays,
    _state_numbers: cython.pointer[cython.p_double]  # where they have their numbers,
    _pointers: Buffer  # and the memory of these pointers, each as large as a float64
    _hyper_array: Any
    _hyper_numbers: cython.p_double  # where the array has them
    _hyper: Buffer
    _counter: cython.Py_ssize_t
    _current: cython.bint  # the state here is that of the arrays,
    _pending: cython.bint  # or a later one
    _executor: Executor
    _homes: Homes
    _state_here: Buffer  # of the parameters at home among the executor's values,
    _state_apart: Buffer  # and of those apart

    def __init__(self, rule: Any, state: list[Any], hyper: Any, counter: int) -> None:
        self._rule = rule
        self._address = 0 if callable(rule) else rule
        self._state = state
        self._pointers = Buffer(len(state))
        if cython.compiled:
            self._state_numbers = cython.cast(cython.pointer[cython.p_double], self._pointers.numbers)
        else:
            self._state_numbers = [None] * len(state)
        kind: cython.Py_ssize_t
        for kind in range(len(state)):
            self._state_numbers[kind] = _numbers_of(state[kind])
        self._hyper_array = hyper
        self._hyper_numbers = _numbers_of(hyper)
        self._hyper = Buffer(len(hyper))
        self._counter = counter
        self._current = False
        self._pending = False

    @cython.cfunc
    def lay_out(self, executor: Executor, homes: Homes) -> object:
        """Make room for the state of an executor's parameters."""
        self.export_state()
        self._executor = executor
        self._homes = homes
        self._state_here = Buffer(len(self._state) * executor.values.count)
        self._state_apart = Buffer(len(self._state) * homes.apart.count)

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def is_native(self) -> cython.bint:
        """Tell whether the rule is machine code."""
        return self._address != 0

    @cython.cfunc
    def load(self) -> object:
        """Read state and hyperparameters."""
        place: cython.Py_ssize_t
        if not self._current:
            self._exchange_state(True)
            self._current = True
        for place in range(self._hyper.count):
            self._hyper.numbers[place] = float(self._hyper_numbers[place])

    @cython.cfunc
    def store(self) -> object:
        """Write hyperparameters back; the state stays here until somebody asks for it."""
        place: cython.Py_ssize_t
        self._pending = len(self._state) > 0
        self._current = True  # also where somebody looked at the state during the run
        for place in range(self._hyper.count):
            self._hyper_numbers[place] = self._hyper.numbers[place]

    @cython.cfunc
    def export_state(self) -> object:
        """Write the state to the arrays if it is later than theirs; from now on they have the right one."""
        if self._pending:
            self._exchange_state(False)
        self._pending = False
        self._current = False

    @cython.cfunc
    def _exchange_state(self, read: cython.bint) -> object:
        """Copy the state from the arrays in the order of the parameters, or to them."""
        kind: cython.Py_ssize_t
        number: cython.Py_ssize_t
        where: cython.p_int = self._homes.where.numbers
        buffer: cython.p_double
        for kind in range(len(self._state)):
            numbers: cython.p_double = self._state_numbers[kind]
            for number in range(self._homes.where.count):
                buffer = self._state_here.numbers
                index: cython.Py_ssize_t = kind * self._executor.values.count + where[number]
                if where[number] < 0:
                    buffer = self._state_apart.numbers
                    index = kind * self._homes.apart.count - 1 - where[number]
                if read:
                    buffer[index] = float(numbers[number])
                else:
                    numbers[number] = buffer[index]

    @cython.cfunc
    @cython.exceptval(-1)
    def apply(self) -> cython.int:
        """Update every parameter by its gradient."""
        if self._executor.values.count:
            self._apply_to(self._executor.values, self._executor.gradients, self._state_here)
        if self._homes.apart.count:
            self._apply_to(self._homes.apart, self._homes.apart_gradients, self._state_apart)
        if self._counter >= 0:
            self._hyper.numbers[self._counter] += 1.0
        return 0

    @cython.cfunc
    @cython.exceptval(-1)
    def _apply_to(self, values: Buffer, gradients: Buffer, state: Buffer) -> cython.int:
        if self._address == 0:
            _apply_in_python(self._rule, values, gradients, state, self._hyper)
        elif cython.compiled:
            call_update(
                self._address, values.numbers, gradients.numbers, state.numbers, self._hyper.numbers, values.count
            )
        else:
            _apply_by_ctypes(self._address, values, gradients, state, self._hyper)
        return 0


@cython.cfunc
def _numbers_of(array: Any) -> cython.p_double:
    """Return where a float64 array has its numbers."""
    if not cython.compiled:
        return array
    view: cython.double[::1] = array
    return cython.address(view[0]) if len(array) else cython.NULL


def _apply_in_python(rule: Any, values: Buffer, gradients: Buffer, state: Buffer, hyper: Buffer) -> None:
    numbers = values.as_array()
    states = state.as_array().reshape(-1, values.count)
    updated, *states_after = rule(numbers, gradients.as_array(), *states, hyper.as_array())
    numbers[:] = updated
    for before, after in zip(states, states_after, strict=True):
        before[:] = after


def _apply_by_ctypes(address: int, values: Buffer, gradients: Buffer, state: Buffer, hyper: Buffer) -> None:
    """Call machine code from the uncompiled engine."""
    import ctypes

    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4, ctypes.c_int64)(address)
    function(values.address(), gradients.address(), state.address(), hyper.address(), values.count)
