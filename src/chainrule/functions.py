"""Functions of several numbers or Values: mean and softmax, beside the engine's sum, dot and logsumexp."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from chainrule.engine import dot, logsumexp, sum, tracing
from chainrule.errors import ArityError
from chainrule.ops import real_number
from chainrule.ops.elementary import exp, maximum

__all__ = ["dot", "logsumexp", "mean", "softmax", "sum"]


def mean(values: Iterable[Any]) -> Any:
    """Return the arithmetic mean.

    Raises:
        ArityError: there are no values.
    """
    terms = _at_least_one(values, "mean")
    return sum(terms) / len(terms)


def softmax(values: Iterable[Any]) -> list[Any]:
    """Return exp(values[i]) / Σ exp(values[j]) for every i.

    Raises:
        ArityError: there are no values.
        NumberError: an element is neither a Value nor a real number.
    """
    terms: list[Any] = [
        term if hasattr(term, "__chainrule_apply__") else real_number(term, "softmax")
        for term in _at_least_one(values, "softmax")
    ]
    # Softmax does not change when all its inputs shift, so the shift may be a plain number.
    largest = _detached_maximum(terms) if tracing() else max(float(term) for term in terms)
    exponentials = [(term - largest).exp() if hasattr(term, "exp") else exp(term - largest) for term in terms]
    total = sum(exponentials)
    return [each / total for each in exponentials]


def _detached_maximum(terms: list[Any]) -> Any:
    """Return the largest without looking at it, as compiled code does at every call."""
    largest = reduce(maximum, terms)
    return largest.detach() if hasattr(largest, "detach") else largest


def _at_least_one(values: Iterable[Any], name: str) -> list[Any]:
    terms = list(values)
    if not terms:
        raise ArityError(f"{name} needs at least one value, but there are none")
    return terms
