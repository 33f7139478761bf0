"""A trace serves later calls too, also those whose gradients are wanted: it is made as if no_grad were off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chainrule.engine import Value, no_grad


@contextmanager
def recorded() -> Iterator[None]:
    """Leave the no_grad blocks that this thread is in, and be in them again afterwards."""
    left = 0
    while not (Value(1.0) * 1.0)._prev:
        no_grad().__exit__(None, None, None)
        left += 1
    try:
        yield
    finally:
        for _ in range(left):
            no_grad().__enter__()
