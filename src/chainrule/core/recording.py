"""no_grad: whether ops of this thread record a graph, and what becomes of a new node in a trace."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any, Self, TypeVar, overload

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.flags import Flag
from chainrule.core.tracing import add_to_trace, tracing_here
from chainrule.core.value import Value

Function = TypeVar("Function", bound=Callable[..., Any])


class _Thread(threading.local):
    open_no_grad = 0


_thread = _Thread()
_open_no_grad = cython.declare(cython.int, 0)  # open no_grad blocks of all threads together


class no_grad(ContextDecorator):
    """Context manager and decorator: ops of this thread return leaves and record no graph."""

    @overload
    def __new__(cls) -> Self: ...

    @overload
    def __new__(cls, function: Function) -> Function: ...  # type: ignore[misc]  # a plain decorator returns a function

    def __new__(cls, function: Any = None) -> Any:
        """Return the context manager, or, used as a plain decorator, the decorated function."""
        made = super().__new__(cls)
        return made if function is None else made(function)

    def __enter__(self) -> None:
        global _open_no_grad
        _open_no_grad += 1
        _thread.open_no_grad += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        global _open_no_grad
        _open_no_grad -= 1
        _thread.open_no_grad -= 1


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def recording() -> cython.bint:
    """Tell whether ops of this thread record a graph: a trace records one under no_grad too (see `record`)."""
    return _open_no_grad == 0 or _thread.open_no_grad == 0 or tracing_here()


@cython.cfunc
def record(node: Value) -> object:
    """Make a new node part of this thread's trace, if it traces; one made under no_grad lets no gradient through."""
    if not tracing_here():
        node._flags |= Flag.ELSEWHERE
    elif not node._flags & Flag.BORN:
        if _open_no_grad and _thread.open_no_grad:
            node._flags |= Flag.UNRECORDED
        add_to_trace(node)


def set_no_grad_depth(depth: int) -> int:
    """Set in how many no_grad blocks this thread counts as being, and return in how many it was.

    A trace is the same whether or not the call that it serves stands in one.
    """
    before: int = _thread.open_no_grad
    _thread.open_no_grad = depth
    return before
