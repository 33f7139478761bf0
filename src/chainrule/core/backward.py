"""The chain rule: backward() as two short walks over the graph."""

from __future__ import annotations

import os
import sys
import threading
from types import FrameType

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import free, prefetch, prefetch_node, realloc

from chainrule.core.buffers import Buffer
from chainrule.core.deferring import settle
from chainrule.core.flags import Flag
from chainrule.core.numbers import surprises
from chainrule.core.operands import Operands, operands_of, own_attributes
from chainrule.core.outcomes import Call, call_of
from chainrule.core.owing import owe, settle_gradients
from chainrule.core.reaching import Reach
from chainrule.core.value import Value
from chainrule.core.walking import is_leaf, topological_order
from chainrule.errors import GraphError
from chainrule.ops.dispatch import Code


class StaleGradientWarning(UserWarning):
    """backward() added to gradients that an earlier backward() left and an update has used: no zero_grad()."""


_running: list[Value] = []  # the roots of the backward() calls under way, more than one where they are nested
_one_at_a_time = threading.RLock()  # so that leaves shared by threads get every share


@cython.final
@cython.cclass
class Pile:
    """A stack of nodes; compiled, of bare pointers, since the graph itself keeps its nodes alive."""

    nodes: cython.pointer[cython.p_void]
    count: cython.Py_ssize_t
    room: cython.Py_ssize_t

    def __init__(self) -> None:
        self.count = 0
        if cython.compiled:
            self.room = 0
        else:
            self.nodes = []

    def __dealloc__(self) -> None:
        free(self.nodes)


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _push(pile: Pile, node: Value) -> cython.int:
    if cython.compiled:
        if pile.count == pile.room:
            _make_room(pile)
        pile.nodes[pile.count] = cython.cast(cython.p_void, node)
        # the node will be visited soon: its operands had better be in the cache by then
        prefetch(cython.cast(cython.p_void, node._left))
        prefetch(cython.cast(cython.p_void, node._right))
    else:
        pile.nodes.append(node)
    pile.count += 1
    return 0


@cython.cfunc
def _make_room(pile: Pile) -> object:
    room: cython.Py_ssize_t = 2 * pile.room + 64
    nodes = cython.cast(cython.pointer[cython.p_void], realloc(pile.nodes, room * cython.sizeof(cython.p_void)))
    if nodes is cython.NULL:
        raise MemoryError
    pile.nodes = nodes
    pile.room = room


def _start_afresh() -> None:
    """Forget, in a process that was just forked, what threads of the other process were doing."""
    global _one_at_a_time
    _one_at_a_time = threading.RLock()
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)


@cython.cfunc
def run_backward(root: Value) -> cython.int:
    """Run backward() from root, one thread at a time; return the number of stale leaves."""
    with _one_at_a_time:
        settle()
        if not _running and root._code == Code.COMPILED and not root._flags & Flag.CLOSURE and owe(root):
            return 0
        settle_gradients()
        if not cython.compiled and _running and not _is_nested():
            _running.clear()  # a Ctrl-C has hit the uncompiled engine between its own lines
        return _backpropagate(root)


def _is_nested() -> bool:
    """Tell whether this thread is inside another backward() of the uncompiled engine."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "_backpropagate":
        frame = frame.f_back
    return frame is not None


@cython.cfunc
def _backpropagate(root: Value) -> cython.int:  # noqa: PLR0912 - compiled or not, all at once or not
    """Run backward() from root; return the number of stale leaves.

    Counts each node's users first, then visits a node when all of them have given their share (Kahn 1962):
    every node once, its gradient complete before it is passed on.
    """
    pile: Pile = Pile()
    visits: cython.Py_ssize_t = 0
    stale: cython.int = 0
    at_once: cython.bint = root._code == Code.COMPILED and not root._flags & Flag.CLOSURE
    if _running:
        _refuse_overlap(root)
    _running.append(root)
    try:
        if at_once:
            stale = _give_leaves(root)
            if stale >= 0:
                return stale
            stale = -1 - stale
        _push(pile, root)
        while pile.count:
            visits += 1
            pile.count -= 1
            if cython.compiled:
                _count_users(cython.cast(Value, pile.nodes[pile.count]), pile)
            else:
                _count_users(pile.nodes.pop(), pile)
        root._grad = 1.0
        if at_once:
            visits -= 1
            stale += _give_others(root, pile)
        else:
            _push(pile, root)
        while pile.count:
            visits -= 1
            pile.count -= 1
            if cython.compiled:
                stale += _give(cython.cast(Value, pile.nodes[pile.count]), pile)
            else:
                stale += _give(pile.nodes.pop(), pile)
        if visits:
            raise GraphError(
                f"{visits} nodes of the graph were not reached by backward(): it changed while it ran; "
                "build the graph anew"
            )
    except BaseException:
        _reset_counts(root)
        raise
    finally:
        _running.pop()
    return stale


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _count_users(node: Value, found: Pile) -> cython.int:
    """Count this node as a user of its operands; pile up those found for the first time."""
    inner: Operands
    i: cython.Py_ssize_t
    if node._code != Code.LEAF:
        node._grad = 0.0
    if node._left is not None:
        _count(node._left, found)
    if node._right is not None:
        _count(node._right, found)
    if node._flags & Flag.NARY:
        inner = cython.cast(Operands, node._extra)
        for i in range(inner.count):
            if inner.items[i] is not cython.NULL:
                _count(cython.cast(Value, inner.items[i]), found)
    return 0


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _count(operand: Value, found: Pile) -> cython.int:
    if operand._code != Code.LEAF or operand._flags & Flag.CLOSURE:
        if operand._waiting == 0:
            _push(found, operand)
        operand._waiting += 1
    return 0


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _give(node: Value, ready: Pile) -> cython.int:
    """The chain rule: give each operand its share; return how many of them were stale."""
    inner: Operands
    i: cython.Py_ssize_t
    stale: cython.int = 0
    share: cython.double
    gradient: cython.double = node._grad
    if node._flags & Flag.CLOSURE:
        return _give_by_closure(node, ready)
    if node._left is not None:
        stale += _receive(node._left, node._left_slope * gradient, ready)
    if node._right is not None:
        stale += _receive(node._right, node._right_slope * gradient, ready)
    if node._flags & Flag.NARY:
        inner = cython.cast(Operands, node._extra)
        for i in range(inner.count):
            if inner.items[i] is not cython.NULL:
                share = 0.0 if node._code == Code.CUSTOM else inner.slopes[i] * gradient
                stale += _receive(cython.cast(Value, inner.items[i]), share, ready)
    return stale


@cython.cfunc
@cython.exceptval(check=False)
def _give_leaves(root: Value) -> cython.int:
    """Give those operands of a compiled result their shares that are leaves: often all, and then it is done.

    Returns how many were stale; where there are other operands, -1 less that number.
    """
    inner: Operands = cython.cast(Operands, root._extra)
    i: cython.Py_ssize_t
    shared: cython.Py_ssize_t = 0 if inner.shared is None else len(inner.shared.operands)
    stale: cython.int = 0
    others: cython.bint = False
    constants: cython.bint = False
    root._grad = 1.0
    for i in range(inner.count):
        if cython.compiled and i + 8 < inner.count:
            prefetch_node(inner.items[i + 8])
        # written out, as a call would count references to each
        item = inner.items[i]
        if i < shared:
            cython.cast(Value, item)._flags |= Flag.SHARED
        if cython.cast(Value, item)._code != Code.LEAF or cython.cast(Value, item)._flags & Flag.CLOSURE:
            others = True
        elif cython.cast(Value, item)._flags & Flag.CONSTANT:
            constants = True
        else:
            cython.cast(Value, item)._grad += inner.slopes[i]
            stale += (cython.cast(Value, item)._flags & Flag.STALE) != 0
            cython.cast(Value, item)._flags = cython.cast(Value, item)._flags & ~Flag.STALE | Flag.RECEIVED
    if inner.shared is not None and not others and not constants:
        inner.shared.leaves_at = surprises()
    return -1 - stale if others else stale


@cython.cfunc
@cython.exceptval(-1)
def _give_others(root: Value, ready: Pile) -> cython.int:
    """Give the other operands of a compiled result their shares."""
    inner: Operands = cython.cast(Operands, root._extra)
    i: cython.Py_ssize_t
    stale: cython.int = 0
    for i in range(inner.count):
        item = inner.items[i]
        if cython.cast(Value, item)._code != Code.LEAF or cython.cast(Value, item)._flags & Flag.CLOSURE:
            stale += _receive(cython.cast(Value, item), inner.slopes[i], ready)
    return stale


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _receive(operand: Value, share: cython.double, ready: Pile) -> cython.int:
    """Add a share to an operand's gradient; return 1 if it is a leaf whose gradient is stale."""
    stale: cython.int = 0
    if operand._code != Code.LEAF:
        operand._grad += share
    elif not operand._flags & Flag.CONSTANT:
        operand._grad += share
        if operand._flags & Flag.STALE:
            operand._flags &= ~Flag.STALE
            stale = 1
        operand._flags |= Flag.RECEIVED
    if operand._waiting:
        operand._waiting -= 1
        if operand._waiting == 0:
            _push(ready, operand)
    return stale


@cython.cfunc
def _give_by_closure(node: Value, ready: Pile) -> cython.int:
    """Let the function assigned to `_backward` give the shares; the operands are only counted down."""
    operand: Value
    stale: cython.int = 0
    if node._code == Code.RESULT:
        return _give_to_call(node, ready)
    if node._code == Code.CALL:
        return _give_call(node, ready)
    for operand in operands_of(node):
        stale += (operand._flags & Flag.STALE) != 0
        operand._flags &= ~Flag.STALE
    own_attributes(node)["_backward"]()
    settle_gradients()
    for operand in operands_of(node):
        _receive(operand, 0.0, ready)
    return stale


@cython.cfunc
def _give_to_call(node: Value, ready: Pile) -> cython.int:
    """Tell the compiled call that one of its several results came from what that has received."""
    call: Call = call_of(cython.cast(Value, node._left))
    number: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, node._left_slope)
    call.seeds.numbers[number] += node._grad
    call.received.add(number)
    return _receive(cython.cast(Value, node._left), 0.0, ready)


@cython.cfunc
def _give_call(node: Value, ready: Pile) -> cython.int:
    """Give the live Values of a compiled call their shares of all its results at once."""
    call: Call = call_of(node)
    results = tuple(sorted(call.received))
    reach: Reach = call.origin.reach(results)
    gradients: Buffer = call.gradients(call.seeds)
    inner: Operands = cython.cast(Operands, node._extra)
    stale: cython.int = 0
    reached: cython.Py_ssize_t = 0
    place: cython.Py_ssize_t
    i: cython.Py_ssize_t
    call.forget()
    for i in range(inner.count):
        operand: Value = cython.cast(Value, inner.items[i])
        place = call.reach.places.numbers[i]
        if reached < reach.count and reach.places.numbers[reached] == place:
            reached += 1
            stale += _receive(operand, gradients.numbers[place], ready)
        elif operand._waiting:  # only results that took no part are made of it
            _receive(operand, 0.0, ready)
    return stale


@cython.cfunc
def _reset_counts(root: Value) -> object:
    """Forget the counts of a backward() that an error ended, so that the next one starts clean."""
    operand: Value
    for operand in topological_order(root, constants=False, calls=True):
        operand._waiting = 0
        if operand._code == Code.CALL:
            call_of(operand).forget()


@cython.cfunc
def _refuse_overlap(root: Value) -> object:
    """Raise if a nested backward() would disturb nodes of one that is under way; shared leaves are fine."""
    nodes = {node for node in topological_order(root, constants=False, calls=True) if not is_leaf(node)}
    for running in _running:
        for node in topological_order(running, constants=False, calls=True):
            if node in nodes:
                raise GraphError(
                    "backward() was called from inside a _backward function on a graph that is being "
                    "differentiated; build a graph of its own there, from detach()ed Values"
                )
