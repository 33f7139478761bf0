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
        if type(result) in PLAIN:
            return ("static", result)
        return self._container(result, type(result), depth)

    def _container(self, result: Any, kind: Any, depth: int) -> Template:
        if depth == 0:
            raise refusal("its result is nested too deep, or contains itself", "return flatter lists")
        if kind in (list, tuple):
            return (kind.__name__, self._all(result, depth))
        if kind is dict:
            return ("dict", tuple(result), self._all(result.values(), depth))
        if isinstance(result, tuple) and hasattr(kind, "_fields"):
            return ("namedtuple", kind, self._all(result, depth))
        if kind.__module__ == "numpy" or hasattr(result, "__array_finalize__"):
            return self._of_numpy(result, depth)
        raise refusal(
            f"it returns an object of type '{kind.__name__}'", "return Values, numbers, lists, tuples, dicts or arrays"
        )

    def _of_numpy(self, result: Any, depth: int) -> Template:
        if not hasattr(result, "__array_finalize__"):
            return ("static", result)
        if result.dtype.kind == "O":
            return ("objects", result.shape, self._all([*result.flat], depth))
        return ("copy", result.copy())

    def _all(self, items: Any, depth: int) -> tuple[Template, ...]:
        return tuple([self.template(item, depth - 1) for item in items])


def build_result(template: Template, make: Callable[[str, int, Any], Any]) -> Any:
    """Return a result of this structure; `make('output', k, None)` and `make('number', k, kind)` give its leaves."""
    head = template[0]
    if head in ("output", "number"):
        return make(head, template[1], template[2] if head == "number" else None)
    if head in ("static", "copy"):
        return template[1].copy() if head == "copy" else template[1]
    parts = [build_result(part, make) for part in template[-1]]
    return BUILD[head](template, parts)


def _object_array(template: Template, parts: list[Any]) -> Any:
    import numpy as np

    array = np.empty(len(parts), dtype=object)
    array[:] = parts
    return array.reshape(template[1])


BUILD: dict[str, Callable[[Template, list[Any]], Any]] = {
    "list": lambda _, parts: parts,
    "tuple": lambda _, parts: tuple(parts),
    "namedtuple": lambda template, parts: template[1](*parts),
    "dict": lambda template, parts: dict(zip(template[1], parts, strict=True)),
    "objects": _object_array,
}
