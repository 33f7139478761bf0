"""From the nodes of a trace to flat arrays, one row a scalar: what the compiler's program is made of."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import item_at, memcpy
else:
    from operator import getitem as item_at

from chainrule.core.buffers import Integers
from chainrule.core.deferring import settle
from chainrule.core.flags import Flag
from chainrule.core.node import new_node
from chainrule.core.operands import Operands
from chainrule.core.reaching import cutting_rows
from chainrule.core.standins import StandIn, stand_in
from chainrule.core.surveying import Survey, doubles_in, integers_in
from chainrule.core.tracing import refuse, traced_nodes
from chainrule.core.value import Value
from chainrule.ops.dispatch import Code
from chainrule.ops.row import BY_CODE

# What a leaf of the trace is, in its `_right_slope`; which of the arguments, in its `_left_slope`. A leaf that the
# function itself has made has neither: it is a constant.
CONSTANT = cython.declare(cython.int, 0)
INPUT = cython.declare(cython.int, -1)
VALUE = cython.declare(cython.int, -2)


def number_argument(number: float, kind: Any, place: int) -> StandIn:
    """Return the stand-in for the number at this place of the arguments of a traced function."""
    node = new_node(Code.LEAF, number)
    node._left_slope = place
    node._right_slope = INPUT
    return stand_in(node, kind)


def value_argument(given: Value, place: int) -> Value:
    """Return the leaf that stands for the Value at this place of the arguments of a traced function."""
    settle()
    node = new_node(Code.LEAF, given._data)
    node._left_slope = place
    node._right_slope = VALUE
    if given.label:
        node.label = given.label
    return node


def place_of_input(node: Value) -> int | None:
    """Return which number of the arguments a node stands for, None where it is another node."""
    if node._code == Code.LEAF and node._flags & Flag.BORN and node._right_slope == INPUT:
        return int(node._left_slope)
    return None


def node_behind(number: Any) -> Value | None:
    """Return the node of a stand-in, None for anything else."""
    return cython.cast(StandIn, number).node if type(number) is StandIn else None


def kind_behind(number: Any) -> Any:
    """Return the class of number that a stand-in stands for."""
    return cython.cast(StandIn, number).kind


MOST_ROWS = cython.declare(cython.Py_ssize_t, 2147483647)  # rows are int32 numbers


@cython.final
@cython.cclass
class Columns:
    """The arrays of a program while they grow; `chainrule.compiler.program.Program` says what they hold.

    They have room for as many rows and operands as there can be. `numbers` and `places`, 0 for all but leaves, are
    zeros from the system, whose memory is only taken where a leaf is written.
    """

    codes: cython.p_int
    starts: cython.p_int
    operands: cython.p_int
    numbers: cython.p_double
    places: cython.p_int
    carries: cython.p_int  # whether a gradient flows through a row
    count: cython.Py_ssize_t
    filled: cython.Py_ssize_t  # operands of the rows so far
    live: list
    saved: list  # what `_waiting` of the live nodes was: another thread's backward() may need it
    from_elsewhere: cython.bint  # whether another thread has made one of them during the trace
    constants: dict
    live_rows: dict
    arity: cython.p_int  # by code, 0 for any number
    cutting: Integers  # by code, whether the op passes no gradient
    recent_numbers: cython.ulonglong[256]  # bits of constants met lately, and their rows + 1, both by a hash
    recent_rows: cython.longlong[256]
    _arrays: tuple
    _memory: tuple  # of what is not part of the program

    def __init__(self, rows: int, operands: int) -> None:
        import numpy as np

        self._memory = (
            np.array([0, *[op.arity or 0 for op in BY_CODE[1:]]], dtype=np.intc),
            np.empty(rows + 1, dtype=np.intc),
        )
        self._arrays = (
            np.empty(rows + 1, dtype=np.intc),
            np.empty(rows + 1, dtype=np.intc),
            np.empty(operands + 1, dtype=np.intc),
            np.zeros(rows + 1),
            np.zeros(rows + 1, dtype=np.intc),
        )
        self.arity, self.carries = integers_in(self._memory[0]), integers_in(self._memory[1])
        self.codes, self.starts = integers_in(self._arrays[0]), integers_in(self._arrays[1])
        self.operands = integers_in(self._arrays[2])
        self.numbers, self.places = doubles_in(self._arrays[3]), integers_in(self._arrays[4])
        self.cutting = cutting_rows()
        self.count = 0
        self.filled = 0
        self.live = []
        self.from_elsewhere = False
        self.saved = []
        self.constants = {}
        self.live_rows = {}

    @cython.cfunc
    def arrays(self) -> tuple:
        """Return codes, starts, operands, numbers and places, as long as they have become."""
        self.starts[self.count] = self.filled
        codes, starts, operands, numbers, places = self._arrays
        count: cython.Py_ssize_t = self.count
        return codes[:count], starts[: count + 1], operands[: self.filled], numbers[:count], places[:count]


def export(outputs: list, survey: Survey) -> tuple[Any, ...]:
    """Return the rows that these nodes need, their own rows, and the live nodes that were there before the trace.

    As (codes, starts, operands, numbers, places of inputs, of live nodes and of Values among the arguments, rows of
    the outputs, live nodes): operands come before users; of an n-ary op they are in the order of its row.
    """
    import numpy as np

    nodes: list = traced_nodes()
    count: cython.Py_ssize_t = len(nodes)
    # A node made under no_grad has a second row, of one operand; a number beside a node is a row, too.
    rows: cython.Py_ssize_t = 2 * count + survey.operands + len(outputs)
    if rows >= MOST_ROWS:
        refuse(f"it makes more than {MOST_ROWS:,} scalars", "compile a part of it")
    columns: Columns = Columns(rows, survey.operands + count)
    own = np.empty(len(outputs), dtype=np.int64)
    i: cython.Py_ssize_t
    try:
        for i in range(count):
            if survey.uses[i] & 1:
                _add(columns, cython.cast(Value, item_at(nodes, i)))
        for i in range(len(outputs)):
            own[i] = _row_of(columns, outputs[i], columns.filled)
    finally:
        _forget_live(columns)
    if columns.from_elsewhere:
        refuse("it uses Values that another thread has made meanwhile", "compile what runs in that thread by itself")
    return (*columns.arrays(), own, columns.live)


@cython.cfunc
def _add(columns: Columns, node: Value) -> object:
    """Add the row of a node of the trace, after those of leaves that it uses first; `_waiting` becomes its row + 1."""
    inner: Operands
    place: cython.Py_ssize_t
    first: cython.Py_ssize_t = columns.filled
    row: cython.Py_ssize_t
    carries: cython.int = 0
    if node._code == Code.LEAF:
        node._waiting = _leaf_row(columns, node) + 1
        return None
    if node._flags & Flag.NARY:
        inner = cython.cast(Operands, node._extra)
        for place in range(inner.count):
            if inner.items[place] is not cython.NULL:
                carries |= _use(columns, _row_of(columns, cython.cast(Value, inner.items[place]), first))
            else:
                _use(columns, _constant_row(columns, inner.slopes[place], first))
    else:
        carries = _use_side(columns, node._left, node._left_slope, first)
        if columns.arity[node._code] == 2:
            carries |= _use_side(columns, node._right, node._right_slope, first)
    if node._code == Code.DETACHED and not carries:  # the number itself
        row = columns.operands[first]
        columns.filled = first
        node._waiting = row + 1
        return None
    row = _new_row(columns, node._code, first)
    columns.carries[row] = carries and not columns.cutting.numbers[node._code]
    if node._flags & Flag.UNRECORDED and columns.carries[row]:
        first = columns.filled
        _use(columns, row)
        row = _new_row(columns, Code.DETACHED, first)
    node._waiting = row + 1


@cython.cfunc
@cython.inline
def _use_side(columns: Columns, operand: Value | None, number: cython.double, first: cython.Py_ssize_t) -> cython.int:
    if operand is None:
        return _use(columns, _constant_row(columns, number, first))
    return _use(columns, _row_of(columns, operand, first))


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _use(columns: Columns, row: cython.Py_ssize_t) -> cython.int:
    """Make a row the next operand; return whether a gradient flows to it."""
    columns.operands[columns.filled] = row
    columns.filled += 1
    return columns.carries[row]


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _new_row(columns: Columns, code: cython.int, first: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """Add a row whose operands begin at `first`, and return its number."""
    row: cython.Py_ssize_t = columns.count
    columns.codes[row] = code
    columns.starts[row] = first
    columns.carries[row] = 0
    columns.count += 1
    return row


@cython.cfunc
@cython.inline
def _row_of(columns: Columns, node: Value, first: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """Return the row of an operand; a leaf from before the trace gets its own at its first use."""
    if node._flags & Flag.BORN:
        return node._waiting - 1
    if node._flags & Flag.CONSTANT:
        return _constant_row(columns, node._data, first)
    return _live_row(columns, node, first)


@cython.cfunc
def _leaf_row(columns: Columns, node: Value) -> cython.Py_ssize_t:
    row: cython.Py_ssize_t
    if node._right_slope == 0.0:
        return _constant_row(columns, node._data, columns.filled)
    row = _new_row(columns, cython.cast(cython.int, node._right_slope), columns.filled)
    columns.places[row] = cython.cast(cython.int, node._left_slope)
    # Values among the arguments come after the live ones, of which nobody knows yet how many there are
    if node._right_slope == VALUE:
        columns.places[row] = -1 - columns.places[row]
        columns.carries[row] = 1
    return row


@cython.cfunc
def _constant_row(columns: Columns, number: cython.double, first: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """Return the row of a number, one for all its uses."""
    row: cython.Py_ssize_t
    bits: cython.ulonglong = 0
    place: cython.int
    if not cython.compiled:
        return _found_constant(columns, number, first)
    memcpy(cython.address(bits), cython.address(number), cython.sizeof(number))
    place = (bits ^ (bits >> 29) ^ (bits >> 47)) & 255
    if columns.recent_numbers[place] == bits and columns.recent_rows[place]:
        return columns.recent_rows[place] - 1
    row = _found_constant(columns, number, first)
    columns.recent_numbers[place] = bits
    columns.recent_rows[place] = row + 1
    return row


@cython.cfunc
def _found_constant(columns: Columns, number: cython.double, first: cython.Py_ssize_t) -> cython.Py_ssize_t:
    # as keys 0.0 and -0.0 are the same, and nan is never found
    key: object = number if number != 0.0 and number == number else repr(number)
    found = columns.constants.get(key)
    if found is not None:
        return found
    row: cython.Py_ssize_t = _new_row(columns, CONSTANT, first)
    columns.numbers[row] = number
    columns.constants[key] = row
    return row


@cython.cfunc
def _live_row(columns: Columns, node: Value, first: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """Return the row of a node from before the trace.

    Compiled, `_waiting` holds it for the time of this export, in which no other thread runs.
    """
    row: cython.Py_ssize_t
    if cython.compiled and node._flags & Flag.LISTED:
        return node._waiting
    if not cython.compiled and id(node) in columns.live_rows:
        return columns.live_rows[id(node)]
    if node._flags & Flag.ELSEWHERE and node._code != Code.LEAF:
        columns.from_elsewhere = True
    row = _new_row(columns, VALUE, first)
    columns.places[row] = len(columns.live)
    columns.carries[row] = 1
    columns.saved.append(node._waiting)
    columns.live.append(node)
    if cython.compiled:
        node._flags |= Flag.LISTED
        node._waiting = row
    else:
        columns.live_rows[id(node)] = row
    return row


@cython.cfunc
def _forget_live(columns: Columns) -> object:
    node: Value
    if cython.compiled:
        for node, waiting in zip(columns.live, columns.saved, strict=True):
            node._waiting = waiting
            node._flags &= ~Flag.LISTED
