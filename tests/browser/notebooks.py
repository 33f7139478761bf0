"""The notebook that the browser looks at, executed for real, and its ways into a page."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

CELLS = [
    """\
import random
from chainrule import Value, explain
from chainrule.nn import MLP

a, b, c, f = (Value(x, label=name) for x, name in [(2, "a"), (-3, "b"), (10, "c"), (-2, "f")])
L = (a * b + c) * f
L.label = "L"
""",
    "L",
    "L.backward(); L",
    "explain(L, a)",
    "random.seed(1); model = MLP(3, [4, 4, 1], activation='tanh'); model",
    "history = model.fit([[1, 2, 3], [3, 2, 1]], [1, -1], epochs=12, verbose=0); history",
    "Value(1.0, label='</iframe></script><img src=x onerror=alert(1)>') * 2",
]
# How many of the cells above show a picture, and how many a Stepper.
PICTURES, STEPPERS, TABLES = 5, 3, 5


def library(name: str) -> Any:
    """A library of Jupyter, whose functions have no types."""
    return importlib.import_module(name)


def executed() -> Any:
    """Run the cells in a kernel of their own and return the notebook."""
    nbformat = library("nbformat")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    library("nbclient").NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    return notebook


def exported(notebook: Any) -> str:
    """Return nbconvert's page, in which outputs are trusted."""
    # The template without scripts of its own, which would come from the network.
    body, _ = library("nbconvert").HTMLExporter(template_name="basic").from_notebook_node(notebook)
    return f"<!doctype html><html lang='en'><meta charset='utf-8'><title>notebook</title><body>{body}</body></html>"


def signed(notebook: Any, data: Path) -> None:
    """Sign a notebook, so that a Jupyter with this data folder trusts it."""
    library("nbformat.sign").NotebookNotary(data_dir=str(data)).sign(notebook)
