"""The JSON Schema of traces, as a check of anything that claims to be one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "trace.schema.json").read_text("utf-8"))
Draft202012Validator.check_schema(SCHEMA)
_VALIDATOR = Draft202012Validator(SCHEMA)


def faults(trace: dict[str, Any]) -> list[str]:
    """Return what the schema does not allow in a trace's JSON, and where."""
    return [f"{error.json_path}: {error.message}" for error in _VALIDATOR.iter_errors(trace)]
