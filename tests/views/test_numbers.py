"""Numbers for people: no more digits than asked for, and the number is still the number."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.views.tracing.numbers import number_text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (6.0, "6"),
        (-2.0, "-2"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1 / 3, "0.3333"),
        (2 / 3, "0.6667"),
        (12.3456, "12.35"),
        (9.9996, "10"),
        (99999.9, "100000"),
        (12345.678, "12346"),
        (1234567.0, "1.235e6"),
        (1e-4, "0.0001"),
        (1e-5, "1e-5"),
        (1.5e-7, "1.5e-7"),
        (1e300, "1e300"),
        (5e-324, "4.941e-324"),
        (nan, "nan"),
        (inf, "inf"),
        (-inf, "-inf"),
    ],
)
def test_four_digits(number: float, text: str) -> None:
    assert number_text(number) == text


# Up to 1e308: beyond, a number rounded to few digits may be above the largest float.
@given(st.floats(-1e308, 1e308), st.integers(1, 17))
def test_it_is_the_number_rounded(number: float, digits: int) -> None:
    text = number_text(number, digits)
    assert float(text) == pytest.approx(number, rel=0.5001 * 10.0 ** (1 - digits), abs=5e-324)


@given(st.floats(allow_nan=False))
def test_seventeen_digits_lose_nothing(number: float) -> None:
    assert float(number_text(number, 17)) == number


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 17))
def test_it_is_short(number: float, digits: int) -> None:
    assert len(number_text(number, digits)) <= digits + 9
