"""Keys of classes, read symbol by symbol, and columns of integers that grow."""

from __future__ import annotations

from array import array
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.buffers import Integers

# Symbols of keys, beside the codes of ops and leaves and the numbers of classes.
LEAST_SYMBOL = cython.declare(cython.int, -16)
SUM_SYMBOL = cython.declare(cython.int, -10)
MAX_SYMBOL = cython.declare(cython.int, -11)


@cython.final
@cython.cclass
class Growing:
    """int32 numbers that become more."""

    numbers: cython.p_int
    count: cython.Py_ssize_t
    _room: cython.Py_ssize_t
    _memory: Any

    def __init__(self) -> None:
        self.count = self._room = 0
        self._memory = array("i")
        if not cython.compiled:
            self.numbers = self._memory

    @cython.cfunc
    @cython.inline
    def append(self, number: cython.int) -> None:
        if cython.compiled:
            if self.count == self._room:
                self._grow()
            self.numbers[self.count] = number
        else:
            self._memory.append(number)
        self.count += 1

    @cython.cfunc
    def _grow(self) -> None:
        if self._room:
            self._memory.extend(self._memory)
        else:
            self._memory.frombytes(bytes(256))
        self._room = len(self._memory)
        view: cython.int[::1] = self._memory
        self.numbers = cython.address(view[0])

    @cython.cfunc
    @cython.inline
    def pop(self) -> cython.int:
        self.count -= 1
        last: cython.int
        last = self.numbers[self.count] if cython.compiled else self._memory.pop()
        return last

    @cython.cfunc
    def clear(self) -> None:
        self.count = 0
        if not cython.compiled:
            del self._memory[:]

    def taken(self) -> Any:
        """Return the numbers as a numpy array, and keep none."""
        import numpy as np

        made = np.frombuffer(self._memory, np.int32, self.count).copy() if self.count else np.zeros(0, np.int32)
        self.__init__()  # type: ignore[misc]  # their memory is free before the next column is taken
        return made


@cython.final
@cython.cclass
class Keys:
    """Keys read symbol by symbol: a state stands for the symbols so far, (state, symbol) leads to the next one.

    Compiled, a hash table of open addresses; else a dictionary.
    """

    count: cython.Py_ssize_t  # of states, the empty key's 0 among them
    _pairs: dict
    _bits: cython.int  # the table has 2 to the power of it places
    _keys: cython.p_longlong  # -1 where nothing is
    _states: Integers
    _memory: Any

    def __init__(self) -> None:
        self.count = 1
        self._pairs = {}
        if cython.compiled:
            self._make_room(10)

    @cython.cfunc
    @cython.inline
    def step(self, state: cython.int, symbol: cython.int) -> cython.int:
        found: cython.int
        key: cython.longlong
        place: cython.ulonglong
        if cython.compiled:
            key = (cython.cast(cython.longlong, state) << 32) | (symbol - LEAST_SYMBOL)
            place = self._place(key)
            found = self._states.numbers[place] if self._keys[place] != -1 else self._new(key)
        else:
            found = self._pairs.setdefault((state, symbol), self.count)
            self.count += found == self.count
        return found

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _place(self, key: cython.longlong) -> cython.ulonglong:
        mask: cython.ulonglong = (cython.cast(cython.ulonglong, 1) << self._bits) - 1
        hashed: cython.ulonglong = cython.cast(cython.ulonglong, key) * cython.cast(
            cython.ulonglong, 0x9E3779B97F4A7C15
        )
        place: cython.ulonglong = hashed >> (64 - self._bits)
        while self._keys[place] != -1 and self._keys[place] != key:
            place = (place + 1) & mask
        return place

    @cython.cfunc
    def _new(self, key: cython.longlong) -> cython.int:
        if 2 * self.count >= (cython.cast(cython.Py_ssize_t, 1) << self._bits):
            self._enlarge()
        place: cython.ulonglong = self._place(key)
        state: cython.int = self.count
        self._keys[place] = key
        self._states.numbers[place] = state
        self.count += 1
        return state

    @cython.cfunc
    def _make_room(self, bits: cython.int) -> None:
        self._bits = bits
        self._memory = array("q", b"\xff" * (8 << bits))
        self._states = Integers(1 << bits)
        view: cython.longlong[::1] = self._memory
        self._keys = cython.address(view[0])

    @cython.cfunc
    def _enlarge(self) -> None:
        memory = self._memory
        states: Integers = self._states
        keys: cython.p_longlong = self._keys
        i: cython.Py_ssize_t
        count: cython.Py_ssize_t = len(memory)
        self._make_room(self._bits + 2)
        for i in range(count):
            if keys[i] != -1:
                place: cython.ulonglong = self._place(keys[i])
                self._keys[place] = keys[i]
                self._states.numbers[place] = states.numbers[i]
