"""What a compiled function gives back: Values over the live Values, with gradients as their slopes.

A single result knows its slopes at once. Several share the call that they came from, a node that nobody sees: each
gives it what it has received, and when all have, the gradients of all of them together are computed in one pass, from
the numbers that the call had. Who looks at the operands of one of them makes it a node with slopes of its own.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import item_at
else:
    from chainrule.core.pointers import item_at

from chainrule.core.buffers import Buffer, copied
from chainrule.core.deferring import settle
from chainrule.core.executing import Executor
from chainrule.core.flags import Flag
from chainrule.core.node import new_node
from chainrule.core.operands import Operands, keep, new_operands, own_attributes, share_operands, shared_operands
from chainrule.core.reaching import Reach, find_reach
from chainrule.core.tracking import track, tracked
from chainrule.core.value import Value
from chainrule.ops.dispatch import Code


@cython.final
@cython.cclass
class Origin:
    """What all calls of one entry have in common.

    Args:
        program: the scalar program.
        live: the live Values that are no arguments.
    """

    program: object
    live: list
    executor: Executor
    _reaches: dict
    _flags: cython.int  # of all live Values together
    _seen: cython.longlong  # how many nodes were known to the collector when they were looked at

    def __init__(self, program: Any, live: list[Value]) -> None:
        self.program = program
        self.live = live
        self._reaches = {}
        self._flags = 0
        self._seen = -1

    @cython.cfunc
    def reach(self, results: tuple) -> Reach:
        """Return which live Values the gradient of these results reaches."""
        found = self._reaches.get(results)
        if found is None:
            if len(self._reaches) >= 64:
                self._reaches.clear()
            found = self._reaches[results] = find_reach(self.program, results)
        return found

    @cython.cfunc
    @cython.exceptval(check=False)
    def flags(self) -> cython.int:
        """Return the flags of all live Values together, as far as the collector is concerned."""
        item: Value
        if self._seen != tracked():
            self._seen = tracked()
            self._flags = 0
            for item in self.live:
                self._flags |= item._flags
        return self._flags


@cython.final
@cython.cclass
class Call:
    """One call with several results: the numbers that it had, and what the results have received."""

    origin: Origin
    reach: Reach  # of all results together
    arguments: list  # the Values among them
    values: Buffer
    inputs: list
    seeds: Buffer
    received: set  # the results that have given a seed since the last backward()

    @cython.cfunc
    def gradients(self, seeds: Buffer) -> Buffer:
        """Return by each live Value, in the order of places, the sum over results of seed times derivative."""
        executor: Executor = self.origin.executor
        place: cython.Py_ssize_t
        settle()
        if not executor.take():
            executor = executor.twin()
            executor.take()
        found: Buffer = Buffer(executor.order.count)
        try:
            executor.values.fill(self.values.numbers)
            executor.seeds.fill(seeds.numbers)
            for place in range(len(self.inputs)):
                cython.cast(Buffer, executor.inputs[place]).fill(cython.cast(Buffer, self.inputs[place]).numbers)
            executor.gradient()
            for place in range(executor.order.count):
                found.numbers[place] = executor.gradients.numbers[executor.order.numbers[place]]
        finally:
            executor.leave()
        return found

    @cython.cfunc
    def forget(self) -> cython.void:
        """Begin a backward() anew."""
        place: cython.Py_ssize_t
        self.received.clear()
        for place in range(self.seeds.count):
            self.seeds.numbers[place] = 0.0


@cython.cfunc
def make_result(executor: Executor, origin: Origin, arguments: list, reach: Reach) -> Value:
    """Return the single result of a call that the executor has run, with its gradients as slopes."""
    gradients: cython.p_double = executor.gradients.numbers
    order: cython.p_int = executor.order.numbers
    node: Value = new_node(Code.COMPILED if reach.count else Code.LEAF, executor.outputs.numbers[0])
    if not reach.count:
        return node
    inner: Operands = new_operands(node, reach.count)
    _fill(node, inner, origin, arguments, reach)
    i: cython.Py_ssize_t
    for i in range(reach.count):
        inner.slopes[i] = gradients[order[reach.places.numbers[i]]]
    return node


@cython.cfunc
@cython.inline
def _fill(node: Value, inner: Operands, origin: Origin, arguments: list, reach: Reach) -> object:
    """Make the live Values that a result reaches its operands."""
    i: cython.Py_ssize_t
    flags: cython.int = origin.flags()
    first: cython.Py_ssize_t = len(origin.live)
    if reach.operands is None:
        reach.operands = shared_operands([origin.live[place] for place in reach.as_list() if place < first])
    share_operands(inner, reach.operands)
    for i in range(len(reach.operands.operands), reach.count):
        item = item_at(arguments, reach.places.numbers[i] - first)
        flags |= cython.cast(Value, item)._flags
        keep(inner, i, cython.cast(object, item))
    if flags & Flag.TRACKED:
        track(node)
        origin._seen += 1  # that was the node itself
    return None


@cython.cfunc
def make_call(origin: Origin, executor: Executor, arguments: list, inputs: list, results: tuple) -> Value:
    """Return the node of a call with these results; the executor has the numbers that the call had."""
    call: Call = Call()
    call.origin = origin
    call.arguments = list(arguments)
    call.values = copied(executor.values.numbers, executor.values.count)
    call.inputs = inputs
    call.seeds = Buffer(executor.seeds.count)
    call.received = set()
    reach: Reach = origin.reach(results)
    call.reach = reach
    node: Value = new_node(Code.CALL, 0.0)
    inner: Operands = new_operands(node, reach.count)
    inner.attributes = {"_call": call}
    _fill(node, inner, origin, call.arguments, reach)
    node._flags |= Flag.CLOSURE
    return node


@cython.cfunc
def make_one_of(call: Value, number: cython.Py_ssize_t, data: cython.double) -> Value:
    """Return the result with this number of a call with several."""
    node: Value = new_node(Code.RESULT, data)
    node._left = call
    node._left_slope = number
    node._flags |= Flag.CLOSURE
    if call._flags & Flag.TRACKED:
        track(node)
    return node


@cython.cfunc
def call_of(node: Value) -> Call:
    """Return what a node with the code CALL stands for."""
    return own_attributes(node)["_call"]


@cython.cfunc
def open_result(node: Value) -> object:
    """Make one of several results a node with slopes of its own, as if it had been the only one."""
    call: Call = call_of(cython.cast(Value, node._left))
    number: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, node._left_slope)
    seeds: Buffer = Buffer(call.seeds.count)
    seeds.numbers[number] = 1.0
    reach: Reach = call.origin.reach((number,))
    gradients: Buffer = call.gradients(seeds)
    node._left = None
    node._left_slope = 0.0
    node._flags &= ~Flag.CLOSURE
    node._code = Code.LEAF if not reach.count else Code.COMPILED
    if not reach.count:
        return None
    inner: Operands = new_operands(node, reach.count)
    _fill(node, inner, call.origin, call.arguments, reach)
    i: cython.Py_ssize_t
    for i in range(reach.count):
        inner.slopes[i] = gradients.numbers[reach.places.numbers[i]]
    return None
