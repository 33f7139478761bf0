"""What a row of the op table is: one op's name, symbol, value, local derivatives, domain and formula."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from chainrule.errors import ArityError, NumberError

# A float, a Value, an array, or a node of another interpreter: rules are written once for all of them,
# so their operands have no common type that a checker could know.
Operand: TypeAlias = Any
Rule: TypeAlias = Callable[..., Operand]

# The row of every op by name, in the order of definition; a row's `code` is its place, from 1.
TABLE: dict[str, Op] = {}
JUST_FLOATS = {float}
BY_CODE: list[Any] = [None]


class Op:
    """One op. Calling it computes: numbers give a number, Values a Value, float arrays an array.

    Attributes:
        name: the op's name in Python, unique in the table.
        symbol: what a node shows as its `_op`, e.g. `+`, `ReLU`.
        code: small integer that stands for the op in a node; 0 stands for 'no op, a leaf'.
        arity: number of operands, None where any number is taken.
        value: the value on floats, never raising (see `chainrule.ops.ieee`).
        derivatives: one rule an operand, `rule(*operands, y)` with y the op's value, written in the op
            vocabulary so that it serves floats, Values and other interpreters alike; for an n-ary op a
            single rule `rule(operands, y)` that returns the list of all of them.
        formula, slopes: the value and the local derivatives for people, operands a, b, c, result y.
        domain: an interval for each operand, outside of which the value is nan.
        kinks: operand values (tuples where the arity is above 1) at which the derivative jumps.
        exactly_rounded: the value is the float nearest to the true one, so numpy's function of the same
            name gives the same bits.
        public: the op is offered to people, as a function of the package.
    """

    def __init__(
        self,
        value: Rule,
        *,
        symbol: str,
        arity: int | None,
        formula: str,
        slopes: tuple[str, ...],
        domain: tuple[tuple[float, float], ...] | None = None,
        kinks: tuple[Any, ...] = (),
        exactly_rounded: bool = False,
        public: bool = True,
    ) -> None:
        self.name = value.__name__
        self.__name__ = self.name
        self.__doc__ = value.__doc__
        self.symbol = symbol or self.name
        self.arity = arity
        self.value = value
        self.derivatives: list[Rule] = []
        self.formula = formula
        self.slopes = slopes
        self.domain = domain or ((-float("inf"), float("inf")),) * (arity or 1)
        self.kinks = kinks
        self.exactly_rounded = exactly_rounded
        self.public = public
        self.code = len(BY_CODE)

    def derivative(self, rule: Rule) -> Rule:
        """Add the local derivative by the next operand (n-ary: by all operands at once)."""
        self.derivatives.append(rule)
        return rule

    def local_derivatives(self, operands: tuple[Operand, ...], y: Operand) -> list[Operand]:
        """Return ∂y/∂operand for every operand, in the vocabulary of the operands given."""
        if self.arity is None:
            return list(self.derivatives[0](operands, y))
        return [rule(*operands, y) for rule in self.derivatives]

    def __call__(self, *operands: Operand) -> Operand:
        """Apply the op.

        Raises:
            ArityError: the number of operands is not the op's.
            NumberError: an operand is no real number, Value or array.
        """
        if self.arity is not None and len(operands) != self.arity:
            raise ArityError(f"{self.name} takes {self.arity} operand(s), {len(operands)} were given")
        if set(map(type, operands)) == JUST_FLOATS:  # a rule in plain Python, at a third of the price
            return self.value(*operands)
        for operand in operands:
            apply = getattr(operand, "__chainrule_apply__", None)
            if apply is not None:
                return apply(self, operands)
        if any(getattr(operand, "ndim", 0) for operand in operands):
            return self._on_arrays(operands)
        return self.value(*[real_number(operand, self.name) for operand in operands])

    def _on_arrays(self, operands: tuple[Operand, ...]) -> Operand:
        """Apply the op element by element, with numpy's rules for shapes."""
        import numpy as np

        with np.errstate(all="ignore"):  # infinities and nan are results, here as everywhere
            if self.exactly_rounded and all(np.asarray(each).dtype.kind in "fiub" for each in operands):
                return getattr(np, self.name)(*[np.asarray(each, dtype=np.float64) for each in operands])
            result = np.frompyfunc(self, len(operands), 1)(*operands)
        numbers = all(type(each) is float for each in result.flat)
        return result.astype(np.float64) if numbers else result

    def __repr__(self) -> str:
        return f"<op {self.name}: {self.formula}>"


def op(
    symbol: str = "",
    *,
    arity: int | None = 1,
    formula: str,
    slopes: tuple[str, ...],
    domain: tuple[tuple[float, float], ...] | None = None,
    kinks: tuple[Any, ...] = (),
    exactly_rounded: bool = False,
    public: bool = True,
) -> Callable[[Rule], Op]:
    """Make the decorated function, the value on floats, a row of the table."""

    def register(value: Rule) -> Op:
        row = Op(
            value,
            symbol=symbol,
            arity=arity,
            formula=formula,
            slopes=slopes,
            domain=domain,
            kinks=kinks,
            exactly_rounded=exactly_rounded,
            public=public,
        )
        TABLE[row.name] = row
        BY_CODE.append(row)
        return row

    return register


def real_number(x: object, where: str) -> float:
    """Return x as a float; an integer beyond float64's range becomes an infinity, as IEEE 754 rounds it.

    Raises:
        NumberError: x is not a real number (int, float, Fraction, numpy scalar, 0-d array).
    """
    if isinstance(x, (float, int)):
        number: Any = x
    else:
        number = _real_or_none(x)
        if number is None:
            kind = type(x).__name__
            raise NumberError(
                f"{where} needs a real number, but was given {_excerpt(x)} of type '{kind}'; {_advice(x)}"
            )
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else -float("inf")


def _advice(x: object) -> str:
    """Return what to do with something that is no real number."""
    if hasattr(x, "__chainrule_apply__"):
        return "take its .data, or detach() it"
    if hasattr(x, "__len__") and not isinstance(x, (str, bytes)):
        return "take its elements one by one"
    return "take its real part" if isinstance(x, complex) else "convert it to float first"


def _real_or_none(x: object) -> Any:
    """Return x, or the number in a 0-d array, when it is a real number of a class beyond float and int."""
    from numbers import Real

    if isinstance(x, Real):
        return x
    kind = getattr(getattr(x, "dtype", None), "kind", "")
    if kind in ("b", "i", "u", "f") and getattr(x, "ndim", None) == 0:
        return x.item()  # type: ignore[attr-defined]  # a numpy scalar or 0-d array, known by its dtype
    return None


def _excerpt(x: object, limit: int = 60) -> str:
    """Return a short repr of anything."""
    text = repr(x)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def rows(public: bool | None = None) -> Iterable[Op]:
    """Return the rows in order; with `public`, only those that are (or are not) offered to people."""
    return [row for row in TABLE.values() if public is None or row.public == public]
