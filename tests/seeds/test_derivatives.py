"""The lecture's opening: micrograd's README expression, and what a derivative is, by small steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.engine import Value


def f(x: Any) -> Any:
    return 3 * x**2 - 4 * x + 5


def test_readme_expression() -> None:
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    assert f"{g.data:.4f}" == "24.7041"
    g.backward()
    assert f"{a.grad:.4f}" == "138.8338"
    assert f"{b.grad:.4f}" == "645.5773"


def test_a_parabola_of_numbers_arrays_and_values() -> None:
    assert f(3.0) == 20.0
    xs = np.arange(-5, 5, 0.25)
    ys = f(xs)
    assert ys[:4].tolist() == [100.0, 91.6875, 83.75, 76.1875]
    assert (len(ys), ys[-1], ys.min()) == (40, 53.6875, 3.6875)
    assert [v.data for v in map(f, map(Value, xs))] == pytest.approx(ys.tolist(), rel=1e-15)


def test_the_plot_of_the_parabola() -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed: no plot")
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    xs = np.arange(-5, 5, 0.25)
    (line,) = plt.plot(xs, f(xs))
    assert np.array_equal(line.get_ydata(), f(xs))
    plt.close("all")


def test_the_derivative_by_a_small_step() -> None:
    h = 0.00000001
    x = 3.0
    assert (f(x + h) - f(x)) / h == pytest.approx(14.00000009255109, rel=1e-9)
    h, x = 0.000001, 2 / 3
    assert (f(x + h) - f(x)) / h == pytest.approx(2.999378523327323e-06, rel=1e-9)


@pytest.mark.parametrize(("x", "slope"), [(3.0, 14.0), (2 / 3, 0.0), (-3.0, -22.0)])
def test_the_derivative_by_backward(x: float, slope: float) -> None:
    v = Value(x)
    y = f(v)
    y.backward()
    assert y.data == f(x)
    assert v.grad == pytest.approx(slope, rel=1e-15, abs=1e-15)


@pytest.mark.parametrize(
    ("moved", "d2", "slope"),
    [("a", 3.999699999999999, -3.000000000010772), ("b", 4.0002, 2.0000000000042206), ("c", 4.0001, 1.0)],
)
def test_three_inputs_one_at_a_time(moved: str, d2: float, slope: float) -> None:
    h = 0.0001
    at = {"a": 2.0, "b": -3.0, "c": 10}
    d1 = at["a"] * at["b"] + at["c"]
    assert d1 == 4.0
    at[moved] += h
    moved_d = at["a"] * at["b"] + at["c"]
    assert moved_d == pytest.approx(d2, rel=1e-12)
    assert (moved_d - d1) / h == pytest.approx(slope, rel=1e-9)


def test_three_inputs_at_once() -> None:
    a, b, c = Value(2.0), Value(-3.0), Value(10)
    d = a * b + c
    d.backward()
    assert (d.data, a.grad, b.grad, c.grad) == (4.0, -3.0, 2.0, 1.0)
