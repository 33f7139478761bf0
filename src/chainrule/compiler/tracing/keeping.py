"""Values that a function has put away while it was traced: compiled, it would do so only once."""

from __future__ import annotations

import gc
from typing import Any

from chainrule.compiler.tracing.refusing import refusal
from chainrule.engine import Survey, Value, node_behind


def surveyed(outputs: list[Value]) -> Survey:
    """Look over the trace under way; refuse it if the function has kept some of its Values, or numbers, beyond its end.

    Raises:
        NotTraceable: the outputs are not all that is left.
    """
    survey = Survey(outputs)
    if survey.kept:
        del survey
        gc.collect()  # a function inside it that calls itself is a cycle, and holds what it has seen
        survey = Survey(outputs)
    if survey.kept:
        raise refusal(f"it keeps a Value that it has made{_where(survey.kept)}", "return it instead")
    return survey


def _where(kept: list[Value]) -> str:
    """Return in which attribute, list or dictionary one of these Values is."""
    for holder in gc.get_referrers(*kept[:10]):
        # the attributes of an object are in a dictionary of its own, or since Python 3.11 in the object itself
        owner = _owner(holder) if isinstance(holder, dict) else holder
        for name, item in getattr(owner, "__dict__", {}).items():
            if any(item is each or node_behind(item) is each for each in kept):
                return f", as attribute '{name}' of {type(owner).__name__}"
    return ", in a list, a dictionary or a cache"


def _owner(holder: Any) -> Any:
    """Return the object whose attributes a dictionary holds."""
    return next((each for each in gc.get_referrers(holder) if getattr(each, "__dict__", None) is holder), None)
