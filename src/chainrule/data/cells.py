"""What one cell of a table means: a number, a missing value, or text."""

from __future__ import annotations

import re

# How programs and people write 'nothing here'. 'nan' and 'inf' are not among them: they are the traces
# of a calculation that failed, and training on a guess in their place would hide that.
MISSING = frozenset({"", "na", "n/a", "#n/a", "null", "none", "?", "-", "--", ".", "missing"})

NAN_SPELLINGS = frozenset({"nan", "-nan", "+nan"})

# Written out because float() also takes '1_000', 'infinity' and digits of other scripts.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity|1\.#(?:qnan|ind|inf))", re.IGNORECASE)


def is_missing(cell: str) -> bool:
    """Tell whether a cell stands for a missing value."""
    return cell.lower() in MISSING


def is_not_finite(cell: str) -> bool:
    """Tell whether a cell spells nan or an infinity, or a number too large for float64."""
    return bool(_NOT_FINITE.fullmatch(cell)) or parse_number(cell) in (float("inf"), float("-inf"))


def parse_number(cell: str, decimal_comma: bool = False) -> float | None:
    """Return the number that a cell spells in decimal or scientific notation, or None.

    `decimal_comma` also reads `3,14`, which is only safe where the comma does not separate columns.
    """
    if _NUMBER.fullmatch(cell):
        return float(cell)
    if decimal_comma and _DECIMAL_COMMA.fullmatch(cell):
        return float(cell.replace(",", "."))
    return None
