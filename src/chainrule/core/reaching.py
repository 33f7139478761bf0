"""Which live Values the gradient of some results of a program reaches."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.buffers import Integers, integers_of
from chainrule.core.operands import Shared
from chainrule.ops.row import BY_CODE


@cython.final
@cython.cclass
class Reach:
    """The places of the live Values that results are made of, in order."""

    places: Integers
    count: cython.Py_ssize_t
    operands: Shared | None  # the Values at these places that are no arguments, once somebody wanted them

    @cython.cfunc
    def as_list(self) -> list:
        """Return the places."""
        return [self.places.numbers[place] for place in range(self.count)]


@cython.cfunc
def cutting_rows() -> Integers:
    """Return, by code, 1 for the ops that no gradient passes."""
    cutting: Integers = Integers(len(BY_CODE))
    for code in range(1, len(BY_CODE)):
        cutting.numbers[code] = all(slope == "0" for slope in BY_CODE[code].slopes)
    return cutting


@cython.cfunc
def find_reach(program: Any, results: tuple) -> Reach:
    """Walk back from these results, past no op that passes no gradient on."""
    codes: Integers = integers_of(program.codes)
    starts: Integers = integers_of(program.starts)
    operands: Integers = integers_of(program.operands)
    places: Integers = integers_of(program.places)
    cutting: Integers = cutting_rows()
    marked: Integers = Integers(codes.count)
    found: Integers = Integers(program.value_groups[-1])
    row: cython.Py_ssize_t
    i: cython.Py_ssize_t
    for result in results:
        marked.numbers[program.outputs[result]] = 1
    for row in range(codes.count - 1, -1, -1):
        if not marked.numbers[row]:
            continue
        if codes.numbers[row] == -2:
            found.numbers[places.numbers[row]] = 1
        elif codes.numbers[row] > 0 and not cutting.numbers[codes.numbers[row]]:
            for i in range(starts.numbers[row], starts.numbers[row + 1]):
                marked.numbers[operands.numbers[i]] = 1
    reach: Reach = Reach()
    reach.operands = None
    reach.places = Integers(found.count)
    reach.count = 0
    for i in range(found.count):
        if found.numbers[i]:
            reach.places.numbers[reach.count] = i
            reach.count += 1
    return reach
