"""Comparing what a compiled function returned with what the function itself returns, for `check_every`."""

from __future__ import annotations

from typing import Any

from chainrule.engine import Value

# A frozen setting shows in the first digits; rounding, also of ill-conditioned functions, hardly reaches these.
TOLERANCE = 1e-8


def difference(compiled: Any, eager: Any) -> str | None:
    """Return in words where two results differ most, or None where they agree."""
    left, right = _flat(compiled), _flat(eager)
    if len(left) != len(right):
        return f"it returned {len(left)} numbers, and {len(right)} eagerly"
    largest = max((abs(x) for x in right if abs(x) < float("inf")), default=0.0)
    gaps = [_gap(x, y) for x, y in zip(left, right, strict=True)]
    worst = max(range(len(gaps)), key=gaps.__getitem__, default=0)
    if not gaps or gaps[worst] <= TOLERANCE * max(1.0, largest):
        return None
    which = f"number {worst + 1} of {len(left)}" if len(left) > 1 else "the result"
    return f"{which} is {left[worst]!r}, and {right[worst]!r} eagerly"


def _gap(x: float, y: float) -> float:
    """Return how far apart two numbers are; nan and nan are the same, nan and a number infinitely far."""
    if x == y or (x != x and y != y):
        return 0.0
    gap = abs(x - y)
    return gap if gap == gap else float("inf")


def _flat(result: Any) -> list[float]:
    """Return the numbers of a nested result, in order."""
    numbers: list[float] = []
    stack = [result]
    while stack:
        item = stack.pop()
        if isinstance(item, Value):
            numbers.append(item.data)
        elif isinstance(item, (int, float)):
            numbers.append(float(item))
        elif isinstance(item, dict):
            stack.extend(reversed(item.values()))
        elif isinstance(item, (list, tuple)):
            stack.extend(reversed(item))
    return numbers
