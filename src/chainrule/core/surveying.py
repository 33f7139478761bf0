"""Before a trace is exported: which of its nodes the outputs need, and which somebody holds besides."""

from __future__ import annotations

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import PyObject, item_at, references_to
else:
    from operator import getitem as item_at

from chainrule.core.flags import Flag
from chainrule.core.operands import Operands
from chainrule.core.tracing import traced_nodes
from chainrule.core.value import Value
from chainrule.ops.dispatch import Code


@cython.final
@cython.cclass
class Survey:
    """What a pass over the nodes of a trace, from the last to the first, finds before they are exported.

    Attributes:
        kept: nodes that somebody holds besides the trace, each other and the outputs: the function has put them away,
            in an attribute, a list, a cache. Only the compiled engine can tell.
    """

    kept = cython.declare(list, visibility="public")
    operands: cython.Py_ssize_t  # of the nodes that the outputs need, together
    uses: cython.p_int  # of each node: twice how often others and outputs use it, and 1 where the outputs need it
    _memory: object

    def __init__(self, outputs: list) -> None:
        import numpy as np

        i: cython.Py_ssize_t
        nodes: list = traced_nodes()
        self.kept = []
        self.operands = 0
        self._memory = np.zeros(len(nodes) + 1, dtype=np.intc)
        self.uses = integers_in(self._memory)
        for i in range(len(outputs)):
            _count_use(self.uses, cython.cast(Value, item_at(outputs, i)), 1)
        for i in range(len(nodes) - 1, -1, -1):
            if cython.compiled and (
                references_to(cython.cast(cython.pointer[PyObject], item_at(nodes, i))) > (self.uses[i] >> 1) + 1
            ):
                self._keep(cython.cast(Value, item_at(nodes, i)))
            self.operands += _count_uses(self.uses, cython.cast(Value, item_at(nodes, i)), self.uses[i] & 1)
        self.kept.reverse()

    @cython.cfunc
    def _keep(self, node: Value) -> object:
        if not node._flags & Flag.CONSTANT:
            self.kept.append(node)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _count_use(uses: cython.p_int, node: Value, needed: cython.int) -> cython.void:
    if node._flags & Flag.BORN:
        uses[node._waiting - 1] = (uses[node._waiting - 1] + 2) | needed


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _count_uses(uses: cython.p_int, node: Value, needed: cython.int) -> cython.Py_ssize_t:
    """Count what a node uses; return how many operands its row will have."""
    inner: Operands
    place: cython.Py_ssize_t
    if node._flags & Flag.NARY:
        inner = cython.cast(Operands, node._extra)
        for place in range(inner.count):
            if inner.items[place] is not cython.NULL:
                _count_use(uses, cython.cast(Value, inner.items[place]), needed)
        return inner.count * needed
    if node._left is not None:
        _count_use(uses, node._left, needed)
    if node._right is not None:
        _count_use(uses, node._right, needed)
    return 0 if node._code == Code.LEAF else 2 * needed


@cython.cfunc
def integers_in(array: object) -> cython.p_int:
    """Return the int32 numbers of an array, which the caller keeps."""
    if not cython.compiled:
        return array
    view: cython.int[::1] = array
    return cython.address(view[0])


@cython.cfunc
def doubles_in(array: object) -> cython.p_double:
    """Return the float64 numbers of an array, which the caller keeps."""
    if not cython.compiled:
        return array
    view: cython.double[::1] = array
    return cython.address(view[0])
