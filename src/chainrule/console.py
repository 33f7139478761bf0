"""Where messages go and how: colour and animation as the terminal, NO_COLOR and FORCE_COLOR ask for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def animated(stream: IO[str], environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a stream is a terminal on which lines can be redrawn."""
    return _is_terminal(stream) and environment.get("TERM") not in {"dumb", "unknown"}


def coloured(stream: IO[str], environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether to colour: NO_COLOR and a dumb terminal say no, FORCE_COLOR says yes, in this order."""
    if environment.get("NO_COLOR") or environment.get("TERM") in {"dumb", "unknown"}:
        return False
    return bool(environment.get("FORCE_COLOR")) or _is_terminal(stream)


def console(stream: IO[str]) -> Console:
    """Return a rich console on a stream that keeps to `animated` and `coloured`."""
    from rich.console import Console

    colour, motion = coloured(stream), animated(stream)
    return Console(
        file=stream,
        # Terminal codes are wanted for either; without them rich writes plain text.
        force_terminal=colour or motion,
        force_interactive=motion,
        force_jupyter=False,
        no_color=not colour,
        highlight=False,
        markup=False,
    )


def _is_terminal(stream: IO[str]) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # a stand-in without isatty, or a closed stream
        return False
