"""Names for people: what each Value of a graph is called in a page, a table or a sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from types import FrameType, FunctionType, ModuleType
from typing import Any, TypeAlias

from chainrule.graph import Excerpt, Value, is_constant, is_leaf, op_of
from chainrule.views.drawing.picture import legible
from chainrule.views.explaining.formulas import formula
from chainrule.views.tracing.groups import parameter_names
from chainrule.views.tracing.numbers import number_text

Scope: TypeAlias = Sequence[Mapping[str, object]]

LONGEST_NAME = 40
LONGEST_EXPRESSION = 16
# How many objects are looked at for names. A program may hold millions; naming must not be felt.
MOST_LOOKED_AT = 50_000
MOST_IN_ONE = 10_000
# Who calls us on behalf of a person: their variables are not the person's.
_MESSENGERS = frozenset({"IPython", "ipykernel", "marimo", "chainrule", "runpy", "pprint"})


def callers_scope() -> Scope:
    """Return the variables that the person who called this package sees: locals, then globals.

    Where a notebook made the call, they are those of its cells.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _package(frame) == "chainrule":
        frame = frame.f_back
    if frame is None or _package(frame) in _MESSENGERS:
        return [vars(sys.modules["__main__"])]
    return [frame.f_locals, frame.f_globals]


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


@dataclass
class Found:
    """What a search of namespaces found, by the `id` of the Value.

    Attributes:
        names: of variables and parameters.
        inner: places in lists, dicts and objects. What is computed is better named by its formula: a list may
            be of anything, the nodes in topological order for one.
        model: the Module in sight, if there is just one.
    """

    names: dict[int, str] = field(default_factory=dict)
    inner: dict[int, str] = field(default_factory=dict)
    model: Any = None


def variables(scope: Scope, wanted: Set[int]) -> Found:
    """Find the wanted Values (by `id`) in variables, and two levels deep in lists, dicts and attributes.

    Looks at Python's own containers and instance dictionaries only, so that no code of the user's runs. The
    name with the fewest levels wins, then the first. A Module names its parameters as `named_parameters()` does.
    Looks at a bounded number of objects, and of large ones at the beginning.
    """
    found = Found()
    models: dict[int, tuple[str, Any]] = {}
    budget = MOST_LOOKED_AT
    level = [(name, thing) for names in scope for name, thing in list(names.items()) if _public(name)]
    for depth in range(3):
        inner: list[tuple[str, object]] = []
        for name, thing in level[:budget]:
            if id(thing) in wanted and isinstance(thing, Value):
                (found.inner if depth else found.names).setdefault(id(thing), name)
            elif depth == 0 and _is_module(thing):
                models.setdefault(id(thing), (name, thing))
            elif depth < 2 and len(inner) < budget:
                inner += _inside(name, thing)
        budget -= len(level)
        level = inner
        if budget <= 0:
            break
    used = [(name, model, parameter_names(model, wanted)) for name, model in models.values()]
    used = [each for each in used if each[2]]
    for name, _, parameters in used:
        found.names.update({key: f"{name}.{parameter}" for key, parameter in parameters.items()})
    if len(used) == 1:
        found.model = used[0][1]
    return found


def _public(name: object) -> bool:
    """Tell whether a person can have written this variable."""
    return type(name) is str and name.isidentifier() and not name.startswith("_")


def _is_module(thing: object) -> bool:
    return any(
        kind.__name__ == "Module" and str(kind.__module__).startswith("chainrule.nn") for kind in type(thing).__mro__
    )


def _inside(name: str, thing: object) -> Iterable[tuple[str, object]]:
    """Give the names of what a container or object holds, without running any code of its class."""
    if type(thing) in {list, tuple}:
        # mypy knows a class by isinstance alone, and that would also be true of a user's subclass
        items = thing[:MOST_IN_ONE]  # type: ignore[index]
        return [(f"{name}[{place}]", item) for place, item in enumerate(items)]
    if type(thing) is dict:
        return [(f"{name}[{key!r}]", item) for key, item in _first(thing) if type(key) in {str, int}]
    if isinstance(thing, (ModuleType, type, FunctionType)):
        return []
    try:
        attributes = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return []
    if type(attributes) is not dict:
        return []
    return [(f"{name}.{key}", item) for key, item in _first(attributes) if type(key) is str and key[:1] != "_"]


def _first(items: dict[Any, object]) -> list[tuple[Any, object]]:
    """Return what a dict holds, of a large one the beginning."""
    # a copy at once: another thread may add to it
    return list(items.items())[:MOST_IN_ONE]


def names_of(
    part: Excerpt, known: Found, group_of: Mapping[int, str], places: Sequence[int] | None = None
) -> list[str]:
    """Return a name for each node of an excerpt, all different except those of constants.

    An explicit label comes first, then a variable or parameter, then what the node is: `a*b`. Where that is
    long, its place in a list or object, the neuron or layer with the op, or the node's number, which is its
    place unless `places` says otherwise.
    """
    taken: dict[str, int] = {}
    names: dict[int, str] = {}
    for node in part.nodes:
        if is_constant(node):
            names[id(node)] = number_text(node.data)
        elif name := node.label or known.names.get(id(node), ""):
            names[id(node)] = _different(legible(name, LONGEST_NAME), taken)
    for place, node in enumerate(part.nodes):
        if id(node) not in names:
            row = op_of(node)
            op = row.name if row is not None else "" if is_leaf(node) else "custom"
            operands = [names[id(operand)] for operand in part.operands[place][:LONGEST_EXPRESSION]]
            text = "" if part.missing[place] else formula(op, node._op, operands)
            if (
                not text
                or len(part.operands[place]) > LONGEST_EXPRESSION
                or len(text) > LONGEST_EXPRESSION
                or text in taken
            ):
                group = group_of.get(id(node), "")
                grouped = f"{group}.{op}" if group and op else f"v{places[place] if places else place}"
                text = legible(known.inner.get(id(node), grouped), LONGEST_NAME)
            names[id(node)] = _different(text, taken)
    return [names[id(node)] for node in part.nodes]


def _different(name: str, taken: dict[str, int]) -> str:
    """Return the name, with a number where it is taken: `x`, `x#2`, `x#3`."""
    different = name
    while different in taken:
        taken[name] += 1
        different = f"{name}#{taken[name]}"
    taken[different] = 1
    return different
