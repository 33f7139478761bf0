"""Makes the pictures that need matplotlib or a browser: `python docs/plots.py [NAME…]`.

Their bytes differ between machines, so no test compares them; those of docs/make.py are the same everywhere.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chainrule as cr
from chainrule import Value
from chainrule.data import moons
from chainrule.nn import MLP
from chainrule.views.plotting.heatmaps import plot_parameters

PICTURES = Path(__file__).resolve().parent / "pictures"
DPI = 110


def function(path: Path) -> None:
    """A parabola and its tangent, the lessons' first derivative."""
    _save(cr.plot_function(lambda x: 3 * x**2 - 4 * x + 5, -5, 5, at=3), path)


def training(path: Path) -> None:
    """The losses and accuracies of a small network that learns the moons."""
    _save(_trained()[1].plot(), path)


def weights(path: Path) -> None:
    """The weights of that network."""
    _save(plot_parameters(_trained()[0])[0], path)


def stepper(path: Path) -> None:
    """The Stepper on a graph with two paths, in the middle of the backward pass."""
    from playwright.sync_api import sync_playwright

    a, b = Value(-2.0, label="a"), Value(3.0, label="b")
    d, e = a * b, a + b
    d.label, e.label = "d", "e"
    f = d * e
    f.label = "f"
    f.backward()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        page_file = Path(folder) / "stepper.html"
        cr.to_html(f, page_file)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 720}, device_scale_factor=1.5)
        page.goto(page_file.as_uri())
        page.evaluate("stepper.go(stepper.length - 1)")
        page.wait_for_timeout(500)  # colours fade in
        page.screenshot(path=path)
        browser.close()


DRAWN: dict[str, Callable[[Path], None]] = {
    "function.png": function,
    "training.png": training,
    "weights.png": weights,
    "stepper.png": stepper,
}


def _trained() -> tuple[MLP, Any]:
    X, classes = moons()
    y = 2 * classes - 1
    random.seed(1337)
    model = MLP(2, [8, 1], activation="tanh")
    return model, model.fit(X[:70], y[:70], epochs=60, validation_data=(X[70:], y[70:]), verbose=0)


def _save(axes: Any, path: Path) -> None:
    axes.figure.savefig(path, dpi=DPI)


def make(names: list[str]) -> None:
    """Write the named pictures, or all of them."""
    import matplotlib

    matplotlib.use("Agg")
    for name in names or DRAWN:
        DRAWN[name](PICTURES / name)


if __name__ == "__main__":
    make(sys.argv[1:])
