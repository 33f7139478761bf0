"""A new node, before it has operands."""

from __future__ import annotations

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from chainrule.core.memory import take_node

from chainrule.core.recording import record
from chainrule.core.tracing import tracing_somewhere
from chainrule.core.value import Value
from chainrule.ops.dispatch import Code


@cython.cfunc
@cython.inline
def blank(node: Value) -> None:
    """Give an uncompiled node its fields; a compiled one has them from the start."""
    node._grad = 0.0
    node._left = None
    node._right = None
    node._left_slope = 0.0
    node._right_slope = 0.0
    node._extra = None
    node._waiting = 0
    node._code = Code.LEAF
    node._flags = 0


@cython.cfunc
@cython.inline
def new_node(code: cython.int, data: cython.double) -> Value:
    """Return a node of the op with this code, without operands yet."""
    node: Value
    if cython.compiled:
        node = take_node()
    else:
        node = Value.__new__(Value)
        blank(node)
    node._code = code
    node._data = data
    if tracing_somewhere():
        record(node)
    return node
