"""The error that says why a function cannot be compiled."""

from __future__ import annotations

from typing import Any

from chainrule.compiler.tracing.places import NOWHERE, Place
from chainrule.errors import NotTraceable


def refusal(
    reason: str,
    remedy: str,
    place: Place = NOWHERE,
    *,
    temporary: bool = False,
    depends_on_data: bool = False,
    trace: Any = None,
) -> NotTraceable:
    """Return the error: `reason` and `remedy` are clauses, as 'it draws random numbers' and 'draw them outside'."""
    line = f" in `{place.text}`" if place.text else ""
    where = f" ({place})" if place.file else ""
    return NotTraceable(
        f"the function cannot be compiled: {reason}{line}{where}; {remedy}",
        reason=reason,
        remedy=remedy,
        where=str(place),
        line=place.text,
        temporary=temporary,
        depends_on_data=depends_on_data,
        trace=trace,
    )
