"""What Python looks at while a function is traced is never frozen: other numbers give what eager gives with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from tests.compiler.exactness.compiling import agree

p = [Value(0.5), Value(-1.25), Value(2.0)]


def by_sign(x: float) -> Any:
    return p[0] * x if x > 0 else p[1] * x


def by_equality(x: float) -> Any:
    return p[0] if x == 2 else p[1] * x


def by_membership(x: float) -> Any:
    return p[0] * x if x in (1, 2.0) else p[1]


def by_index(x: float) -> Any:
    return p[int(abs(x)) % 3] * x


def by_dictionary(x: float) -> Any:
    return {1: p[0], 2: p[1]}.get(x, p[2]) * x  # type: ignore[call-overload]


def by_rounding(x: float) -> Any:
    return p[0] * round(x) + p[1] * round(x, 1) + p[2] * math.floor(x)


def by_repeating(x: float) -> Any:
    total = p[0]
    for _ in range(int(abs(x))):
        total = total * p[1] + x
    return total


def by_text(x: float) -> Any:
    return p[0] * len(f"{x:.3g}") + p[1] * x


def by_repr(x: float) -> Any:
    return p[0] * len(str(x)) + p[1] * len(repr(x))


def by_type(x: float) -> Any:
    return p[0] * x if isinstance(x, int) else p[1] * x


def by_exact_type(x: Any) -> Any:
    return p[0] * x if type(x) is int else p[1] * x


def by_whole(x: float) -> Any:
    return p[0] * x if float(x).is_integer() else p[1] * x


def by_truth(x: float) -> Any:
    return p[0] if x else p[1]


def by_negation(x: float) -> Any:
    return p[0] * (not x) + p[1]


def by_and(x: float) -> Any:
    return p[0] * (x and 3.0) + p[1] * (x or 5.0)


def by_comparison_as_number(x: float) -> Any:
    return p[0] * (x > 1) + (x <= 2) * p[1]


def by_where(x: float) -> Any:
    return cr.where(x > 1, p[0] * x, p[1])


def by_chained_comparison(x: float) -> Any:
    return p[0] if -1 < x <= 2 else p[1] * x


def by_floor_division(x: float) -> Any:
    return p[0] * (x // 2) + p[1] * (x % 2) + p[2] * divmod(x, 3)[0]


def by_math(x: float) -> Any:
    return p[0] * math.sqrt(abs(x)) + p[1] * math.exp(x) + p[2] * math.copysign(1.0, x)


def by_numpy(x: float) -> Any:
    return p[0] * np.sin(x) + p[1] * float(np.maximum(x, 0.5))


def by_numpy_array(x: float) -> Any:
    return cr.dot(list(p), list(np.array([x, 1.0, 2.0]) * 2))


def by_largest(x: float) -> Any:
    return p[0] * max(x, 1) + p[1] * min(x, 1) + p[2] * abs(x)


def by_sorting(x: float) -> Any:
    return cr.dot(list(p), sorted([x, 1.0, -0.5]))


def by_data(x: float) -> Any:
    y = p[0] * x + 0.3
    return y * p[1] if y.data > 0 else y * p[2]


def by_comparison_of_values(x: float) -> Any:
    y = p[0] * x
    return y * p[1] if y > p[1] * 0.5 else y * p[2]


def by_a_values_data(x: float) -> Any:
    y = p[0] * x
    return y * y.data + p[1]


def by_a_values_float(x: float) -> Any:
    y = p[0] * x
    return (y - float(y)) * 3 + p[1] * round(y, 2)


def by_a_values_text(x: float) -> Any:
    return p[0] * len(f"{p[1] * x:.2f}")


def by_a_values_truth(x: float) -> Any:
    y = (p[0] * x).relu()
    return p[1] * 2.0 if y else p[2] * x


def by_a_condition_in_the_middle(x: float) -> Any:
    total = p[0]
    for k in range(6):
        total = total * 0.5 + x
        if total > 1.5:
            return total * k
    return total * p[1]


def by_until(x: float) -> Any:
    total, steps = p[0] * x, 0
    while abs(total) < 4 and steps < 9:
        total, steps = total * 1.5 + 0.25, steps + 1
    return total * steps


def by_exception(x: float) -> Any:
    try:
        return p[0] / x if x else p[0] * (1 / x)
    except ZeroDivisionError:
        return p[1]


def by_integer_arithmetic(x: float) -> Any:
    return p[0] * (x * x - x) + p[1] * x**3 + p[2] * (x + 0.1) * 3


def by_division_of_numbers(x: float) -> Any:
    return p[0] * (1.0 / (x + 10)) + p[1] * ((x + 1) / 3)


def by_power_of_numbers(x: float) -> Any:
    return p[0] * 2**x + p[1] * (abs(x) ** 0.5) + p[2] ** 2 * x**2


def by_exponent(x: float) -> Any:
    return p[2] ** x + abs(p[0]) ** x


def by_power_of_a_negative(x: float) -> Any:
    return p[1] ** int(x) + p[0] * x


def by_leaf(x: float) -> Any:
    return Value(x) * p[0] + Value(2 * x) * p[1]


def by_softmax_of_numbers(x: float) -> Any:
    return cr.dot(cr.softmax([x, 1.0, 2 * x]), list(p))


def by_detached(x: float) -> Any:
    y = p[0] * x
    return y.detach() * y + p[1] * y.detach()


def by_no_grad(x: float) -> Any:
    with cr.no_grad():
        shift = p[0] * x
    return p[1] * shift + x * p[0]


LOOKS: list[Callable[[float], Any]] = [each for name, each in sorted(globals().items()) if name.startswith("by_")]
NUMBERS = (1.5, -0.75, 2, 2.0, 0, 1, -3, 2.5, 0.0, 1.0, 4.0, -0.0, 1.5)


@pytest.mark.parametrize("options", [{"executor": "native"}, {"strict": True}], ids=["native", "strict"])
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_other_numbers_give_what_eager_gives(look: Callable[[float], Any], options: dict[str, Any]) -> None:
    """Falling back to eager is right too, and said; a frozen number is not."""
    compiled = cr.compile(look, **options)
    for x in NUMBERS:
        agree(compiled, look, (x,), p)


def outcome(function: Callable[[Any], Any], x: Any) -> object:
    """The result's number, or the class of the error."""
    try:
        return float(function(x).data)
    except Exception as error:  # noqa: BLE001 - compared
        return type(error)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_nan_and_infinities_among_other_numbers(look: Callable[[float], Any]) -> None:
    compiled = cr.compile(look, strict=True)
    for x in (1.5, math.nan, math.inf, 2.0, -math.inf, 1.5, math.nan, 5e-324, 2.0):
        expected, found = outcome(look, x), outcome(compiled, x)
        assert repr(found) == repr(expected), x


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_other_parameters_give_what_eager_gives(look: Callable[[float], Any]) -> None:
    compiled = cr.compile(look, executor="tape")
    try:
        for numbers in ((0.5, -1.25, 2.0), (-0.5, 1.25, 3.0), (2.0, 2.0, 2.0), (0.0, -1.0, 1.0), (0.5, -1.25, 2.0)):
            for each, number in zip(p, numbers, strict=True):
                each.data = number
            agree(compiled, look, (1.5,), p)
    finally:
        for each, number in zip(p, (0.5, -1.25, 2.0), strict=True):
            each.data = number


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_values_in_place_of_numbers(look: Callable[[Any], Any]) -> None:
    """The argument is a Value, which gets a gradient too; what Values cannot do is the same error."""
    compiled = cr.compile(look, executor="tape")
    for x in NUMBERS:
        v = Value(x)
        expected = outcome(look, v)
        if isinstance(expected, float):
            agree(compiled, look, (v,), [*p, v])
        else:
            assert outcome(compiled, v) is expected


NO_LOOK = ["by_where", "by_leaf", "by_detached", "by_no_grad", "by_division_of_numbers", "by_integer_arithmetic",
           "by_comparison_as_number", "by_softmax_of_numbers"]  # fmt: skip


@pytest.mark.parametrize("name", NO_LOOK)
def test_what_needs_no_look_is_traced_once(name: str) -> None:
    look = globals()[name]
    compiled = cr.compile(look, executor="native")
    for x in (1.5, -0.75, 2.5, 0.5, 4.5):
        agree(compiled, look, (x,), p)
    report = compiled.report()
    assert (report.traces, report.native_calls, report.eager_calls) == (1, 5, 0), report


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.int8, np.bool_, bool])
@pytest.mark.parametrize("look", [by_sign, by_where, by_type, by_exact_type, by_math, by_integer_arithmetic])
@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_numbers_of_other_types(look: Callable[[Any], Any], kind: Any) -> None:
    if kind is np.bool_ and look is by_integer_arithmetic:  # numpy subtracts no booleans
        kind = int
    compiled = cr.compile(look, executor="tape")
    for x in (1.5, kind(1), 2, kind(0), kind(2), 1.5):
        agree(compiled, look, (x,), p)
