"""Tables and small data sets: reading a CSV, making columns into inputs, splitting, the demo's data."""

from __future__ import annotations

from chainrule.data.columns import Preparation, prepare
from chainrule.data.moons import moons
from chainrule.data.penguins import penguins_path
from chainrule.data.split import Split, split_rows
from chainrule.data.table import Table, read_table
from chainrule.data.targets import Target, choose_target, target_from_json

__all__ = [
    "Preparation",
    "Split",
    "Table",
    "Target",
    "choose_target",
    "moons",
    "penguins_path",
    "prepare",
    "read_table",
    "split_rows",
    "target_from_json",
]
