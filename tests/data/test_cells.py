"""What a cell means."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.cells import is_missing, is_not_finite, parse_number


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1", 1.0),
        ("-1.5", -1.5),
        ("+.5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("1e999", math.inf),
    ],
)
def test_numbers(cell: str, number: float) -> None:
    assert parse_number(cell) == number


@pytest.mark.parametrize("cell", ["", "x", "1_000", "1,5", "0x10", "nan", "inf", "١", "1 2", "--1", "1e", ".", "12%"])
def test_what_is_no_number(cell: str) -> None:
    assert parse_number(cell) is None


def test_decimal_comma_only_when_asked_for() -> None:
    assert parse_number("1,5", decimal_comma=True) == 1.5
    assert parse_number("1,500,000", decimal_comma=True) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_python_writes_is_read_back(number: float) -> None:
    assert parse_number(repr(number)) == number


@pytest.mark.parametrize("cell", ["", "NA", "n/a", "null", "None", "?", "-"])
def test_missing(cell: str) -> None:
    assert is_missing(cell)


@pytest.mark.parametrize("cell", ["nan", "0", "no", "none of these"])
def test_not_missing(cell: str) -> None:
    assert not is_missing(cell)


@pytest.mark.parametrize("cell", ["nan", "NaN", "-nan", "inf", "-Infinity", "1e999", "-1e400", "1.#IND"])
def test_not_finite(cell: str) -> None:
    assert is_not_finite(cell)


@pytest.mark.parametrize("cell", ["1e300", "nano", "info", "", "-"])
def test_finite_or_no_number_at_all(cell: str) -> None:
    assert not is_not_finite(cell)
