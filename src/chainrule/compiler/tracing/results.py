"""Results out: the structure of what a function returns, with its Values and numbers numbered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from chainrule.compiler.tracing.refusing import refusal
from chainrule.engine import Value, kind_behind, node_behind

# ('output', k), ('number', k, kind), ('static', object), ('copy', array), ('list', templates) …
Template: TypeAlias = tuple[Any, ...]

PLAIN = (str, bytes, bool, int, float, type(None))
DEEPEST = 100


@dataclass
class Gathering:
    """Collects the nodes that a function returns, in order, each as often as it stands in the result."""

    nodes: list[Value] = field(default_factory=list)
    values: int = 0

    def template(self, result: Any, depth: int = DEEPEST) -> Template:
        """Return the structure of a result, or of a part of one."""
        node = node_behind(result)
        if node is not None:
            self.nodes.append(node)
            return ("number", len(self.nodes) - 1, kind_behind(result))
        if isinstance(result, Value):
            self.nodes.append(result)
            self.values += 1
            return ("output", len(self.nodes) - 1)
        kind = type(result)
        if kind in PLAIN:
            return ("static", result)
        if depth == 0:
            raise refusal("its result is nested too deep, or contains itself", "return flatter lists")
        if kind is list or kind is tuple:
            return (kind.__name__, self._all(result, depth))
        if kind is dict:
            return ("dict", tuple(result), self._all(result.values(), depth))
        if isinstance(result, tuple) and hasattr(kind, "_fields"):
            return ("namedtuple", kind, self._all(result, depth))
        if kind.__module__ == "numpy":
            return self._of_numpy(result, depth)
        raise refusal(
            f"it returns an object of type '{kind.__name__}'", "return Values, numbers, lists, tuples, dicts or arrays"
        )

    def _of_numpy(self, result: Any, depth: int) -> Template:
        if getattr(result, "ndim", 0) == 0 and type(result).__name__ != "ndarray":
            return ("static", result)
        if result.dtype.kind == "O":
            return ("objects", result.shape, self._all(result.ravel().tolist(), depth))
        return ("copy", result.copy())

    def _all(self, items: Any, depth: int) -> tuple[Template, ...]:
        return tuple([self.template(item, depth - 1) for item in items])


def build_result(template: Template, make: Callable[[str, int, Any], Any]) -> Any:
    """Return a result of this structure; `make('output', k, None)` and `make('number', k, kind)` give its leaves."""
    head = template[0]
    if head == "output":
        return make(head, template[1], None)
    if head == "number":
        return make(head, template[1], template[2])
    if head == "static":
        return template[1]
    if head == "copy":
        return template[1].copy()
    parts = [build_result(part, make) for part in template[-1]]
    if head == "list":
        return parts
    if head == "tuple":
        return tuple(parts)
    if head == "namedtuple":
        return template[1](*parts)
    if head == "dict":
        return dict(zip(template[1], parts, strict=True))
    import numpy as np

    array = np.empty(len(parts), dtype=object)
    array[:] = parts
    return array.reshape(template[1])
