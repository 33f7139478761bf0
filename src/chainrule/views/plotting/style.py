"""The one style of all plots: colours that any eye tells apart, markers and dashes beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chainrule.errors import MissingLibraryError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# From the Okabe–Ito palette, which is told apart with any colour vision. Markers and dashes differ
# as well, so that no meaning rests on colour alone.
CLASS_COLOURS = ("#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = "os^DvPX*"
DASHES = ("-", "--", "-.", ":")
_STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "font.size": 11.0,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "savefig.dpi": 150,
    # Fixed names inside an SVG file, instead of random ones: the same plot gives the same bytes.
    "svg.hashsalt": "chainrule",
}


@contextmanager
def styled_axes(ax: Axes | None) -> Iterator[Axes]:
    """Give the Axes to draw on, in our style; a new figure when there is none.

    Raises:
        MissingLibraryError: matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingLibraryError(
            "plots need matplotlib, which is not installed: pip install 'chainrule[plot]'"
        ) from error
    with plt.rc_context(_STYLE):
        yield plt.subplots(layout="constrained")[1] if ax is None else ax
