"""Functions of several numbers or Values: sum, dot product, mean, softmax, logarithm of a sum of exponentials."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chainrule.engine import Value, apply, dot_node, sum_node
from chainrule.errors import ArityError
from chainrule.ops import TABLE, real_number

_dot_row = TABLE["dot"]
_logsumexp_row = TABLE["logsumexp"]
_sum_row = TABLE["sum"]


def sum(values: Iterable[Any], start: Any = None) -> Any:
    """Return start + values[0] + values[1] + …, added from left to right, as one node.

    Args:
        values: Values and numbers; only numbers give a number. None at all give start, or 0.0.
        start: what the sum begins with, as in Python's own `sum`.

    Raises:
        NumberError: an element is neither a Value nor a real number.
    """
    terms = list(values) if start is None else [start, *values]
    if _any_value(terms):
        return sum_node(terms)
    return _sum_row.value(*[real_number(term, "sum") for term in terms]) if terms else 0.0


def mean(values: Iterable[Any]) -> Any:
    """Return the arithmetic mean.

    Raises:
        ArityError: there are no values.
    """
    terms = _at_least_one(values, "mean")
    return sum(terms) / len(terms)


def dot(left: Iterable[Any], right: Iterable[Any], start: Any = None) -> Any:
    """Return start + left[0]·right[0] + left[1]·right[1] + …, added from left to right, as one node.

    Args:
        left, right: as many numbers or Values in one as in the other.
        start: what the sum begins with, for example a bias.

    Raises:
        ArityError: the lengths differ.
        NumberError: an element is neither a Value nor a real number.
    """
    a = left if isinstance(left, list) else list(left)
    b = right if isinstance(right, list) else list(right)
    if len(a) != len(b):
        raise ArityError(f"dot needs two sequences of the same length, but they have {len(a)} and {len(b)}")
    if isinstance(start, Value) or _any_value(a) or _any_value(b):
        return dot_node(a, b, start)
    numbers = [real_number(each, "dot") for each in (*a, *b, *(() if start is None else (start,)))]
    return _dot_row.value(*numbers) if numbers else 0.0


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
    if largest in (float("inf"), -float("inf")):
        largest = 0.0
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
