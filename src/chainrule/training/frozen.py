"""What a trace of a model freezes: the settings and the structure that Python reads on its way to the outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chainrule.engine import Value

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


@dataclass
class Settings:
    """What a model's attributes hold, to compare with later.

    Attributes:
        found: numbers and texts themselves, and the identities of everything else.
        kept: the objects, so that no identity is used twice.
    """

    found: list[object] = field(default_factory=list)
    kept: list[object] = field(default_factory=list, compare=False, repr=False)


def settings_of(model: Any) -> Settings:
    """Return something that is equal later only while the model's attributes hold what they hold now.

    Attributes, lists, tuples and dicts are followed. A parameter counts by being the same object: its number may
    change, since a trace reads it anew.
    """
    settings = Settings()
    seen: set[int] = set()
    stack: list[object] = [model]
    while stack:
        item = stack.pop()
        if isinstance(item, _PLAIN):
            settings.found.append((type(item), item))
            continue
        settings.found.append(id(item))
        settings.kept.append(item)
        if id(item) not in seen and not isinstance(item, Value):
            seen.add(id(item))
            stack.extend(_parts(item))
    return settings


def _parts(item: Any) -> list[object]:
    """Return what lies in a container, or the attributes of an object that has any."""
    if isinstance(item, (list, tuple, set, frozenset)):
        return [len(item), *item]
    if isinstance(item, dict):
        return [*item.keys(), *item.values()]
    if hasattr(item, "tobytes"):  # an array's numbers, which are no attributes
        return [item.tobytes()]
    if isinstance(item, type):
        return []
    return [part for pair in getattr(item, "__dict__", {}).items() for part in pair]
