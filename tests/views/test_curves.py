"""plot_function and plot_parameters: what is on the Axes, and what is refused."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import Value, nn
from chainrule.errors import ArgumentError, NumberError
from chainrule.views.plotting.curves import plot_function
from chainrule.views.plotting.heatmaps import plot_parameters

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib, of the plot extra, is missing")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


def parabola(x: Any) -> Any:
    """The seeds' function: 3x² − 4x + 5."""
    return 3 * x**2 - 4 * x + 5


def test_curve_and_tangent_of_the_seeds_function() -> None:
    axes: Any = plot_function(parabola, -5, 5, at=3)
    curve, tangent, point = axes.get_lines()
    xs, ys = curve.get_xdata(), curve.get_ydata()
    assert (xs[0], xs[-1]) == (-5.0, 5.0)
    assert list(ys) == pytest.approx([3 * x * x - 4 * x + 5 for x in xs])
    assert list(tangent.get_ydata()) == pytest.approx([20 + 14 * (x - 3) for x in xs])
    assert (list(point.get_xdata()), list(point.get_ydata())) == ([3.0], [20.0])
    assert "slope 14" in tangent.get_label()
    assert axes.get_title() == "f(3) = 20, f′(3) = 14"


@given(st.floats(-3, 3))
def test_the_slope_is_the_derivative(at: float) -> None:
    import matplotlib.pyplot as plt

    axes: Any = plot_function(lambda x: x.tanh(), -3, 3, at=at)
    _, tangent, _ = axes.get_lines()
    xs, ys = tangent.get_xdata(), tangent.get_ydata()
    assert (ys[-1] - ys[0]) / (xs[-1] - xs[0]) == pytest.approx(1 - math.tanh(at) ** 2, abs=1e-12)
    plt.close("all")


def test_a_point_without_a_tangent_still_draws() -> None:
    axes: Any = plot_function(lambda x: x**0.5, 0, 4, at=0)
    assert [line.get_linestyle() for line in axes.get_lines()] == ["-", "None"]
    assert "inf" in axes.get_title()


def test_a_function_that_does_not_depend_on_x() -> None:
    assert plot_function(lambda _: 2.0, 0, 1).get_title() == "f(0.5) = 2, f′(0.5) = 0"


@pytest.mark.parametrize(
    ("lo", "hi", "at", "why"), [(1, 1, None, "lo < hi"), (0, math.inf, None, "finite"), (0, 1, 2, "not between")]
)
def test_an_impossible_interval(lo: float, hi: float, at: float | None, why: str) -> None:
    with pytest.raises(ArgumentError, match=why):
        plot_function(parabola, lo, hi, at=at)


def test_what_is_no_number_or_value() -> None:
    with pytest.raises(NumberError, match="'a'"):
        plot_function(parabola, "a", 1)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="'list'"):
        plot_function(lambda x: [x], 0, 1)


@pytest.fixture
def model() -> nn.MLP:
    random.seed(0)
    made = nn.MLP(3, [4, 1], activation="tanh")
    out: Value = made([1.0, -2.0, 0.5])
    out.backward()
    return made


@pytest.mark.parametrize("of", ["data", "grad"])
def test_heatmaps_hold_the_numbers(model: nn.MLP, of: str) -> None:
    panels: Any = plot_parameters(model, of)
    assert [panel.get_title() for panel in panels] == ["layer 0", "layer 1"]
    for panel, layer in zip(panels, model.layers, strict=True):
        (image,) = panel.get_images()
        expected = [[getattr(p, of) for p in (*n.w, n.b)] for n in layer.neurons]
        assert image.get_array().tolist() == expected
    limits = {image.get_clim() for panel in panels for image in panel.get_images()}
    assert limits == {(-max(map(abs, flat(model, of))), max(map(abs, flat(model, of))))}


def flat(model: nn.MLP, of: str) -> list[float]:
    return [getattr(p, of) for p in model.parameters()]


def test_heatmaps_of_nan_and_zero(model: nn.MLP) -> None:
    model.zero_grad()
    model.layers[0].neurons[0].w[0].grad = math.nan
    assert plot_parameters(model, "grad")[0].get_images()[0].get_clim() == (-1.0, 1.0)


def test_heatmaps_refuse_what_has_no_layers(model: nn.MLP) -> None:
    with pytest.raises(ArgumentError, match="'data' or 'grad'"):
        plot_parameters(model, "weights")
    with pytest.raises(ArgumentError, match="Neuron has none"):
        plot_parameters(nn.Neuron(2))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="1 axes for 2 layers"):
        plot_parameters(model, axes=plot_parameters(model)[:1])
