"""Gradients that leaves have not been given yet, because nobody has looked in between.

A compiled result may have thousands of leaves, and to write to each takes longer than its machine code. So where
backward() is called for one result after the other, as for the parts of a large batch, the shares of several are
given together: leaf by leaf, each in the order in which they came, so that the sums have the same bits.
"""

from __future__ import annotations

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import prefetch_node

from chainrule.core.deferring import settle, somebody_defers
from chainrule.core.flags import Flag
from chainrule.core.numbers import surprises
from chainrule.core.operands import Operands, Shared
from chainrule.core.value import Value
from chainrule.ops.dispatch import Code

MOST = cython.declare(cython.Py_ssize_t, 8)  # results at once, for their slopes are kept meanwhile
_owed: list = []  # the operands of results, of which all have the same shared ones
_results = cython.declare(cython.Py_ssize_t, 0)  # so many


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def settle_gradients() -> cython.void:
    """Bring data and gradients of all Values up to date."""
    settle()
    if _results:
        _give_owed()


@cython.cfunc
@cython.exceptval(-1)
def owe(root: Value) -> cython.int:
    """Give the operands of a compiled result their shares, most of them later; return 0 where that cannot be."""
    global _results
    inner: Operands = cython.cast(Operands, root._extra)
    i: cython.Py_ssize_t
    flags: cython.int = 0
    codes: cython.int = 0
    if not cython.compiled or inner.shared is None:
        return 0
    if _results == MOST or (_results and cython.cast(Operands, _owed[0]).shared is not inner.shared):
        _give_owed()
    if _results and cython.cast(Operands, _owed[0]).shared is not inner.shared:
        return 0  # what died with the others has owed again
    if _results == MOST or inner.shared.leaves_at != surprises():
        return 0
    for i in range(len(inner.shared.operands), inner.count):
        item = inner.items[i]
        flags |= cython.cast(Value, item)._flags
        codes |= cython.cast(Value, item)._code
    # an operand that is also a shared one would get its shares in another order
    if codes != Code.LEAF or flags & (Flag.CLOSURE | Flag.CONSTANT | Flag.STALE | Flag.SHARED):
        return 0
    for i in range(len(inner.shared.operands), inner.count):
        item = inner.items[i]
        cython.cast(Value, item)._grad += inner.slopes[i]
        cython.cast(Value, item)._flags |= Flag.RECEIVED
    root._grad = 1.0
    _owed.append(inner)
    _results += 1
    return 1


@cython.cfunc
@cython.exceptval(check=False)
def _give_owed() -> cython.void:
    """Give the shared operands what they are owed."""
    global _owed, _results
    nothing: list = []  # before all else: it may run the cycle collector, and what that ends may look at gradients
    given: list = _owed  # to the end, for what dies with them may look too
    results: cython.Py_ssize_t = _results
    if not results:
        return
    _owed = nothing
    _results = 0
    inner: Operands = given[0]
    count: cython.Py_ssize_t = len(cython.cast(Shared, inner.shared).operands)
    slopes = cython.declare(cython.p_double[8])  # MOST
    gradient: cython.double
    number: cython.Py_ssize_t
    i: cython.Py_ssize_t
    for number in range(results):
        slopes[number] = cython.cast(Operands, given[number]).slopes
    for i in range(count):
        if i + 8 < count:
            prefetch_node(inner.items[i + 8])
        item = inner.items[i]
        gradient = cython.cast(Value, item)._grad
        for number in range(results):
            gradient += slopes[number][i]
        cython.cast(Value, item)._grad = gradient
        cython.cast(Value, item)._flags |= Flag.RECEIVED


def deferring() -> bool:
    """Tell whether some Values are waiting for later data or gradients."""
    return bool(somebody_defers()) or _results > 0
