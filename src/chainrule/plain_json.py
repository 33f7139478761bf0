"""JSON that every program can read: numbers that it cannot hold are spelled out."""

from __future__ import annotations

import json
import math
from typing import Any


def json_text(data: Any, indent: int | None = None) -> str:
    """Return `plain(data)` as JSON that ends in a line break; on one line unless indented."""
    return json.dumps(plain(data), indent=indent, allow_nan=False) + "\n"


def plain(data: Any) -> Any:
    """Return a copy of data in which nan and the infinities are "nan", "inf" and "-inf"."""
    if isinstance(data, float) and not math.isfinite(data):
        return "nan" if math.isnan(data) else "inf" if data > 0 else "-inf"
    if isinstance(data, dict):
        return {key: plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain(value) for value in data]
    return data
