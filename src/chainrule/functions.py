"""Functions of several numbers or Values: sum, dot product, mean, softmax, logarithm of a sum of exponentials."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chainrule.engine import Value, apply, dot, sum
from chainrule.errors import ArityError
from chainrule.ops import TABLE, real_number

__all__ = ["dot", "logsumexp", "mean", "softmax", "sum"]

_logsumexp_row = TABLE["logsumexp"]


def mean(values: Iterable[Any]) -> Any:
    """Return the arithmetic mean.

    Raises:
        ArityError: there are no values.
    """
    terms = _at_least_one(values, "mean")
    return sum(terms) / len(terms)


def logsumexp(values: Iterable[Any]) -> Any:
    """Return ln Σ exp(values[i]), which neither overflows nor loses small terms.

    Raises:
        ArityError: there are no values.
        NumberError: an element is neither a Value nor a real number.
    """
    terms = _at_least_one(values, "logsumexp")
    if _any_value(terms):
        return apply(_logsumexp_row, terms)
    return _logsumexp_row.value(*[real_number(term, "logsumexp") for term in terms])


def softmax(values: Iterable[Any]) -> list[Any]:
    """Return exp(values[i]) / Σ exp(values[j]) for every i.

    Raises:
        ArityError: there are no values.
        NumberError: an element is neither a Value nor a real number.
    """
    terms = _at_least_one(values, "softmax")
    # Softmax does not change when all its inputs shift, so the shift may be a plain number.
    largest = max(float(term) for term in terms)
    exponentials = [TABLE["exp"](term - largest) for term in terms]
    total = sum(exponentials)
    return [TABLE["divide"](each, total) for each in exponentials]


def _any_value(terms: list[Any]) -> bool:
    return any(isinstance(term, Value) or hasattr(term, "__chainrule_apply__") for term in terms)


def _at_least_one(values: Iterable[Any], name: str) -> list[Any]:
    terms = list(values)
    if not terms:
        raise ArityError(f"{name} needs at least one value, but there are none")
    return terms
