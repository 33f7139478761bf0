"""What Python's cycle collector is told of the graph."""

from __future__ import annotations

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from chainrule.core.memory import make_known

from chainrule.core.flags import Flag
from chainrule.core.operands import operands_of
from chainrule.core.value import Value

# How many nodes were made known: who remembers what is known looks again when it has changed.
_tracked = cython.declare(cython.longlong, 0)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def tracked() -> cython.longlong:
    """Return how many nodes were made known so far."""
    return _tracked


@cython.cfunc
def track(node: Value) -> cython.void:
    """Make a node known to Python's cycle collector.

    Nodes are born unknown to it, which makes them as cheap as if it did not exist; only what can be part of a
    cycle (a function in `_backward`, an attribute, a subclass) is made known, and everything made from such a
    node, since the cycle may close through a later one.
    """
    global _tracked
    node._flags |= Flag.TRACKED
    _tracked += 1
    if cython.compiled:
        make_known(node)
        if node._flags & Flag.NARY:
            make_known(node._extra)


@cython.cfunc
def track_attached(attribute: object) -> object:
    """Make known the graph of a Value that was set as an attribute, also inside a list, tuple or dictionary.

    Nodes made before the attribute was set could not inherit it, and the cycle may close through them.
    """
    node: Value
    found = list(attribute.values()) if isinstance(attribute, dict) else attribute
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    while found:
        item = found.pop()
        if isinstance(item, Value):
            node = cython.cast(Value, item)
            if not node._flags & Flag.TRACKED:
                track(node)
                found.extend(operands_of(node))
