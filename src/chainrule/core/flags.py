"""What the small integer `_flags` of a node may hold; the build makes C constants of it."""

from __future__ import annotations


class Flag:
    """Bits of `Value._flags`."""

    CONSTANT = 1  # stands for a plain number operand: receives no gradient
    RECEIVED = 2  # a leaf whose grad holds what a backward() added
    STALE = 4  # … and whose data has changed since
    CLOSURE = 8  # a function of the user's was assigned to `_backward`
    INTEGER = 16  # the constant exponent was given as an integer
    TRACKED = 32  # known to Python's cycle collector
    NARY = 64  # the operands are in `_extra`
    BORN = 128  # made in the trace that is under way
    UNRECORDED = 256  # … and made under no_grad, so that no gradient flows through it
    ELSEWHERE = 1024  # made in a thread while another one traced
    LISTED = 512  # while a trace is exported: a node from before the trace whose row is in `_waiting`
    STEPPED = 2048  # a parameter of a compiled step
    PAGED = 4096  # its memory is part of a large page
    DIVISOR = 8192  # in the trace that is under way: guarded as a divisor
    SHARED = 16384  # an operand that results of a compiled function have in common
