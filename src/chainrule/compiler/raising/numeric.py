"""Rules on numpy arrays: what a MAP computes, for folding constants and for running class programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.ops.row import BY_CODE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chainrule.compiler.classes import Rule

# Rows for which numpy has the very function, to within rounding; the others run element by element.
_UFUNCS: dict[str, Any] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negative": np.negative,
    "absolute": np.abs,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


def apply_rule(rule: Rule, operands: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return an op's value, or the slope by one of its operands, for whole columns of operands."""
    row = BY_CODE[rule.code]
    with np.errstate(all="ignore"):
        if rule.slope is None and row.name in _UFUNCS:
            return np.asarray(_UFUNCS[row.name](*operands), np.float64)
        function = row.value if rule.slope is None else row.derivatives[rule.slope]
        result = np.frompyfunc(function, len(operands), 1)(*[each.astype(object) for each in operands])
    return np.asarray(result, np.float64)
