"""What a row is made of: a training step that was taken once, to be checked, and can be taken again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Job:
    """A loss and its gradient at the first parameters, and what takes steps from there.

    Attributes:
        loss: at the first parameters.
        gradient: there, in the order of the parameters.
        advance: takes that many training steps and returns the loss before the last of them.
        taken: how many steps were taken already.
        facts: what else is worth knowing, such as who ran it.
    """

    loss: float
    gradient: list[float]
    advance: Callable[[int], float]
    taken: int = 0
    facts: dict[str, str] = field(default_factory=dict)


Build = Callable[[], Job]
