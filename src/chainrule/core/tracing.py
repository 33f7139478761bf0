"""A trace: while a function is being compiled, every node that its thread makes, in order.

The function runs once, as it is, with stand-ins for the numbers among its arguments. Its nodes are ordinary ones;
the trace keeps them all alive until they are exported. What Python looks at meanwhile (a number, a truth, a
type) is told to the listener, which belongs to the compiler and decides what becomes of it.
"""

from __future__ import annotations

from typing import Any, NoReturn

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import get_ident
else:
    from threading import get_ident

from chainrule.core.deferring import settle
from chainrule.core.flags import Flag
from chainrule.core.kinds import as_kind
from chainrule.core.value import Value
from chainrule.errors import GraphError

_tracing = cython.declare(cython.int, 0)  # 1 while any thread traces
_tracing_thread = cython.declare(cython.ulong, 0)
_nodes: list = []
_listener: Any = None


@cython.no_gc
@cython.cclass
class Traced:
    """What a stand-in holds.

    Attributes:
        node: the node of the graph that has its number.
        kind: the number's class: int, float, bool, or one of numpy's.
    """

    node: Value
    kind: Any  # a class; C knows only those of the class `type` itself


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def tracing_somewhere() -> cython.bint:
    """Tell whether any thread traces: the one test that everybody pays for."""
    return _tracing != 0


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def tracing_here() -> cython.bint:
    """Tell whether this thread traces."""
    return _tracing != 0 and _tracing_thread == get_ident()


def tracing() -> bool:
    """Tell whether this thread is tracing a function."""
    return bool(tracing_here())


def start_tracing(listener: Any) -> None:
    """Keep the nodes that this thread makes from now on, and tell the listener what is looked at.

    Raises:
        GraphError: a trace is under way.
    """
    global _tracing, _tracing_thread, _listener
    if _tracing:
        raise GraphError("a function is being traced already: one at a time")
    _nodes.clear()
    _listener = listener
    _tracing_thread = get_ident()
    _tracing = 1


def stop_tracing() -> None:
    """End the trace and forget its nodes; those that live on are ordinary ones from now on."""
    global _tracing, _listener
    node: Value
    _tracing = 0
    _listener = None
    for node in _nodes:
        node._waiting = 0
        node._flags &= ~(Flag.BORN | Flag.UNRECORDED | Flag.DIVISOR)
    _nodes.clear()


@cython.cfunc
def add_to_trace(node: Value) -> object:
    """Make a new node of this thread part of its trace; `_waiting` holds its place among them, from 1."""
    node._flags |= Flag.BORN
    _nodes.append(node)
    node._waiting = len(_nodes)


@cython.cfunc
def traced_nodes() -> list:
    """Return the nodes of the trace under way, in the order of their making."""
    return _nodes


@cython.cfunc
def listener() -> object:
    """Return whom to tell what is looked at."""
    return _listener


@cython.cfunc
@cython.inline
def seen(node: Value, what: str) -> cython.double:
    """Return a node's number to Python, which may do anything with it."""
    settle()
    if tracing_somewhere():
        _tell(node, what)
    return node._data


@cython.cfunc
def _tell(node: Value, what: str) -> object:
    if tracing_here():
        _listener.exact(node, node._data, what)


@cython.cfunc
@cython.inline
def not_while_tracing(reason: str, remedy: str) -> object:
    """Refuse the trace under way, if there is one in this thread, for this reason."""
    if tracing_here():
        refuse(reason, remedy)


def refuse(reason: str, remedy: str, depends_on_data: bool = False) -> NoReturn:
    """End the trace under way: what the function does cannot be compiled."""
    _listener.refuse(reason, remedy, depends_on_data)
    raise GraphError(f"a trace went on although {reason}")


@cython.cfunc
def identity_seen(value: Value) -> object:
    """Say that Python asked whether a Value is the same object as another."""
    if tracing_here():
        _listener.identity(None if value._flags & Flag.BORN else value)


@cython.cfunc
@cython.exceptval(-1)
def is_alive(number: Traced) -> cython.int:
    """Tell whether a stand-in belongs to the trace under way; afterwards it is the number that it was.

    Raises:
        GraphError: its trace is under way in another thread, which cannot record what is made of it here.
    """
    if not number.node._flags & Flag.BORN:
        return 0
    if not tracing_here():
        raise GraphError(
            "a number of a function that is being compiled was used in another thread; compile what runs in that "
            "thread by itself"
        )
    return 1


@cython.cfunc
def node_or_number(number: Traced) -> object:
    """Return a stand-in's node, or the number that it was where its trace is over."""
    return number.node if is_alive(number) else number_of_old(number)


@cython.cfunc
def number_of_old(number: Traced) -> Any:
    """Return the number that a stand-in of an earlier trace was."""
    plain = as_kind(number.node._data, number.kind)
    return number.node._data if plain is None else plain


@cython.cfunc
def nodes_of(operands: list) -> list:
    """Return the operands with the nodes of stand-ins in place of these."""
    return [node_or_number(each) if isinstance(each, Traced) else each for each in operands]
