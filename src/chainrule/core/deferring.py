"""What a compiled step leaves in its own memory until somebody looks.

A step that is called again and again need not write thousands of numbers to Values in between. It says that they are
outdated; everything that reads or writes the data or the gradient of any Value calls `settle` first.
"""

from __future__ import annotations

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython


@cython.cclass
class Deferred:
    """Base of what may hold numbers of Values that are later than theirs."""

    @cython.cfunc
    def write_back(self) -> cython.void:
        """Write them to the Values."""
        raise NotImplementedError


# The one that does, a bare pointer: it must be free to die, and settles before.
_deferred = cython.declare(cython.p_void, cython.NULL)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def settle() -> cython.void:
    """Bring all Values up to date: the one test that everybody pays for."""
    if _deferred is not cython.NULL:
        _write_deferred()


@cython.cfunc
@cython.exceptval(check=False)
def _write_deferred() -> cython.void:
    global _deferred
    holder: Deferred = cython.cast(Deferred, _deferred)
    _deferred = cython.NULL
    holder.write_back()


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def defer(holder: Deferred) -> cython.void:
    """Remember who holds numbers that are later than those of their Values: one at a time."""
    global _deferred
    if not defers(holder):
        settle()
    _deferred = _pointer_to(holder)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def defers(holder: Deferred) -> cython.bint:
    """Tell whether that is this one."""
    return _deferred is _pointer_to(holder)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _pointer_to(holder: Deferred) -> cython.p_void:
    return cython.cast(cython.p_void, holder) if cython.compiled else holder


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def somebody_defers() -> cython.bint:
    """Tell whether anybody holds later numbers."""
    return _deferred is not cython.NULL
