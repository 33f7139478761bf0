"""A function of one number as a picture: its curve, and its tangent at a point with the slope."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chainrule.errors import ArgumentError
from chainrule.graph import Value, no_grad
from chainrule.ops import real_number
from chainrule.views.plotting.style import LINE_COLOURS, styled_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 401


def plot_function(
    f: Callable[[Value], Any], lo: float, hi: float, at: float | None = None, ax: Axes | None = None
) -> Axes:
    """Plot f from lo to hi with its tangent at one point; return the Axes (nothing is shown).

    The slope is the one that backward() finds, not a difference of two points.

    Args:
        f: takes a Value, returns a Value (or a number, where it does not depend on its argument).
        lo, hi: the ends of the interval.
        at: where the tangent touches; the middle of the interval when it is None.
        ax: where to draw; a new figure when it is None.

    Raises:
        ArgumentError: lo is not below hi, `at` lies outside, or f returns something else.
        NumberError: lo, hi or at is not a number.
        MissingLibraryError: matplotlib is not installed.
    """
    left, right = real_number(lo, "plot_function"), real_number(hi, "plot_function")
    if not (math.isfinite(left) and math.isfinite(right) and left < right):
        raise ArgumentError(f"plot_function() got the interval from {left} to {right}: give finite lo < hi")
    touch = (left + right) / 2 if at is None else real_number(at, "plot_function")
    if not left <= touch <= right:
        raise ArgumentError(f"plot_function() got at={touch}, which is not between {left} and {right}")
    value, slope = _value_and_slope(f, touch)
    xs = [left + (right - left) * k / (POINTS - 1) for k in range(POINTS)]
    with no_grad():
        ys = [_number_of(f(Value(x)), x) for x in xs]
    with styled_axes(ax) as axes:
        axes.plot(xs, ys, color=LINE_COLOURS[0], label="f(x)")
        bottom, top = axes.get_ylim()
        if math.isfinite(value) and math.isfinite(slope):
            tangent = [value + slope * (x - touch) for x in xs]
            axes.plot(xs, tangent, color=LINE_COLOURS[1], linestyle="--", label=f"tangent, slope {_figure(slope)}")
            axes.set_ylim(bottom, top)
        axes.plot([touch], [value], color=LINE_COLOURS[1], marker="o", linestyle="none")
        axes.set(xlabel="x", ylabel="f(x)", title=_title(touch, value, slope))
        axes.legend()
    return axes


def _title(x: float, value: float, slope: float) -> str:
    place = _figure(x)
    return f"f({place}) = {_figure(value)}, f\u2032({place}) = {_figure(slope)}"


def _figure(number: float) -> str:
    """Return a number with a minus sign like those along the axes."""
    return f"{number:.4g}".replace("-", "\u2212")


def _value_and_slope(f: Callable[[Value], Any], x: float) -> tuple[float, float]:
    argument = Value(x)
    result = f(argument)
    number = _number_of(result, x)
    if isinstance(result, Value):
        result.backward()
    return number, argument.grad


def _number_of(result: Any, x: float) -> float:
    """Return what f gave as a float."""
    if isinstance(result, (Value, float, int)):
        return float(result)
    raise ArgumentError(f"plot_function(): f({x:.4g}) is of type '{type(result).__name__}': return one Value")
