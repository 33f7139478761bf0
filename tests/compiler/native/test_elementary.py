"""The primitives against mpmath: digits over the whole range, and IEEE 754's special numbers."""

from __future__ import annotations

import math
import platform

import mpmath
import numpy as np
import pytest

from chainrule.compiler.native import loading, machine
from chainrule.compiler.native.symbols import PRIMITIVES
from chainrule.ops import TABLE
from tests.compiler.native.machine_code import applied, rule

pytest.importorskip("llvmlite")

WIDTHS = (2, 4, 8)
SPECIAL = np.array([0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1e-310, 1.0, -1.0, 710.0, -746.0, 1e308])
REFERENCES = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "sqrt": mpmath.sqrt,
    "erf": mpmath.erf,
}


def points(name: str) -> np.ndarray:
    draws = np.random.default_rng(0)
    near = draws.normal(size=300)
    wide = draws.uniform(-700.0, 700.0, size=200)
    tiny = near[:100] * 10.0 ** draws.uniform(-300, 0, size=100)
    huge = 10.0 ** draws.uniform(-300, 300, size=100)
    found = np.concatenate([near, wide, tiny] + ([huge] if name in {"log", "log1p", "sqrt"} else []))
    if name in {"log", "sqrt"}:
        return np.concatenate([np.abs(found), 1.0 + np.abs(near) * 1e-3, np.linspace(0.5, 2.0, 200)])
    return found[found > -0.999] if name == "log1p" else found


# Without an instruction for multiply-adds, and with one but for four lanes; the machine's own is None
OLDER = [("x86-64", "", 2), ("haswell", "+avx2,+fma", 4)] if platform.machine() in {"x86_64", "AMD64"} else []


@pytest.mark.parametrize("older", [None, *OLDER], ids=str)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_digits(name: str, width: int, older: tuple[str, str, int] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if older is not None:
        this = machine.host()
        if older[0] == "haswell" and this.width < 4:
            pytest.skip("this processor is older than that one")
        monkeypatch.setattr(loading, "host", lambda: machine.Machine(this.triple, *older))
    x = points(name)
    with mpmath.workprec(200):
        true = [REFERENCES[name](mpmath.mpf(each)) for each in x]
        got = applied(rule(name), [x], width)
        for each, y, expected in zip(x, got, true, strict=True):
            error = abs(mpmath.mpf(y) - expected)
            assert error <= 1e-15 * abs(expected) + 1e-307, f"{name}({each!r}) = {y!r}, not {mpmath.nstr(expected, 20)}"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", sorted(name for name in PRIMITIVES if name in TABLE))
def test_special_numbers(name: str, width: int) -> None:
    row = TABLE[name]
    grids = np.meshgrid(*[SPECIAL] * (row.arity or 1))
    columns = [grid.ravel() for grid in grids]
    got = applied(rule(name), columns, width)
    expected = [row.value(*map(float, operands)) for operands in zip(*columns, strict=True)]
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_every_row_and_slope(row: object, width: int) -> None:
    """Values and derivatives of every row, with numbers from inside of its domain, agree with the row's own text."""
    assert isinstance(row, type(TABLE["add"]))
    if row.arity is None:
        pytest.skip("rows of any number of operands are sums and maximums before they come here")
    draws = np.random.default_rng(row.code)
    columns = []
    for low, high in row.domain:
        a = max(low, -3.0) + 1e-3
        columns.append(draws.uniform(a, min(high, 3.0) - 1e-3, size=37))
    if row.name == "power":
        columns[0] = np.abs(columns[0])
    y = np.array([row(*map(float, operands)) for operands in zip(*columns, strict=True)])
    for slope in (None, *range(row.arity)):
        operands = [*columns] if slope is None else [*columns, y]
        function = row if slope is None else row.derivatives[slope]
        expected = [float(function(*map(float, each))) for each in zip(*operands, strict=True)]
        got = applied(rule(row.name, slope), operands, width)
        np.testing.assert_allclose(got, expected, rtol=2e-14, atol=1e-15)


@pytest.mark.parametrize("width", WIDTHS)
def test_both_tails_of_the_error_function(width: int) -> None:
    """The normal distribution, which is written with erfc: digits at -37 deviations too."""
    x = np.concatenate([np.linspace(-37.0, 9.0, 200), [0.0, -0.0, math.inf, -math.inf, math.nan, 1e300]])
    got = applied(rule("normal_cdf"), [x], width)
    with mpmath.workprec(200):
        for each, y in zip(x.tolist(), got.tolist(), strict=True):
            true = mpmath.erfc(-mpmath.mpf(each) / mpmath.sqrt(2)) / 2
            assert (y != y) if each != each else abs(y - true) <= 2e-15 * true, each
