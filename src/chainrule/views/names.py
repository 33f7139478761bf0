"""Names for people: what each Value of a graph is called in a page, a table or a sentence."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from types import FrameType, FunctionType, ModuleType
from typing import Any, TypeAlias

from chainrule.graph import Excerpt, Value, is_constant, is_leaf, op_of
from chainrule.views.numbers import number_text
from chainrule.views.picture import legible

Scope: TypeAlias = Sequence[Mapping[str, object]]

LONGEST_NAME = 40
LONGEST_EXPRESSION = 24
# How many objects are looked at for names. A program may hold millions; naming must not be felt.
MOST_LOOKED_AT = 50_000
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
    """What a search of namespaces found: names by the `id` of the Value, and the model, if there is just one."""

    names: dict[int, str] = field(default_factory=dict)
    model: Any = None


def variables(scope: Scope, wanted: Set[int]) -> Found:
    """Find the wanted Values (by `id`) in variables, and two levels deep in lists, dicts and attributes.

    Looks at Python's own containers and instance dictionaries only, so that no code of the user's runs. The
    name with the fewest levels wins, then the first. A Module names its parameters as `named_parameters()` does.
    """
    found = Found()
    models = []
    budget = MOST_LOOKED_AT
    level = [(name, thing) for names in scope for name, thing in list(names.items()) if not name.startswith("_")]
    for depth in range(3):
        inner: list[tuple[str, object]] = []
        for name, thing in level[:budget]:
            if id(thing) in wanted and isinstance(thing, Value):
                found.names.setdefault(id(thing), name)
            elif depth == 0 and _is_module(thing) and thing not in models:
                models.append(thing)
            elif depth < 2 and len(inner) < budget:
                inner += _inside(name, thing)
        budget -= len(level)
        level = inner
        if budget <= 0:
            break
    named = [(model, dict(_parameters(model, wanted))) for model in models]
    used = [(model, names) for model, names in named if names]
    if len(used) == 1:
        found.model = used[0][0]
    return found


def _is_module(thing: object) -> bool:
    return any(kind.__module__.startswith("chainrule.nn") and kind.__name__ == "Module" for kind in type(thing).__mro__)


def _parameters(model: Any, wanted: Set[int]) -> Iterator[tuple[int, str]]:
    for name, value in model.named_parameters():
        if id(value) in wanted:
            yield id(value), name


def _inside(name: str, thing: object) -> Iterable[tuple[str, object]]:
    """Give the names of what a container or object holds, without running any code of its class."""
    if type(thing) in {list, tuple}:
        return [(f"{name}[{place}]", item) for place, item in enumerate(thing)]  # type: ignore[arg-type, var-annotated]
    if type(thing) is dict:
        return [(f"{name}[{key!r}]", item) for key, item in list(thing.items()) if type(key) in {str, int}]
    if isinstance(thing, (ModuleType, type, FunctionType)):
        return []
    try:
        attributes = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return []
    if type(attributes) is not dict:
        return []
    return [(f"{name}.{key}", item) for key, item in list(attributes.items()) if type(key) is str and key[:1] != "_"]


def names_of(part: Excerpt, known: Mapping[int, str], group_of: Mapping[int, str]) -> list[str]:
    """Return a name for each node of an excerpt, all different except those of constants.

    An explicit label comes first, then a known name, then what the node is: `a*b`, or where that is long,
    the neuron or layer with the op, or the node's number.
    """
    taken: dict[str, int] = {}
    given: dict[int, str] = {}
    for node in part.nodes:
        name = node.label or known.get(id(node), "")
        if name and not is_constant(node):
            given[id(node)] = _different(legible(name, LONGEST_NAME), taken)
    terms: dict[int, _Term] = {}
    for place, node in enumerate(part.nodes):
        if id(node) in given:
            name = given[id(node)]
            terms[id(node)] = _Term(name, _ATOM if _IDENTIFIER.fullmatch(name) else _LOOSE)
            continue
        if is_constant(node):
            terms[id(node)] = _Term(number_text(node.data), _UNARY if node.data < 0 else _ATOM)
            continue
        term = _expression(node, [terms[id(operand)] for operand in part.operands[place]], part.missing[place])
        if term is None or len(term.text) > LONGEST_EXPRESSION or term.text in taken:
            row = op_of(node)
            group = group_of.get(id(node), "")
            text = f"{group}.{row.name}" if group and row is not None else f"v{place}"
            term = _Term(text, _ATOM)
        terms[id(node)] = _Term(_different(term.text, taken), term.binds)
    return [terms[id(node)].text for node in part.nodes]


_IDENTIFIER = re.compile(r"[\w.\[\]'#]+")
# How tightly a text holds together as an operand: what a person must put in brackets to multiply it.
_LOOSE, _SUM, _PRODUCT, _UNARY, _POWER, _ATOM = range(6)
_INFIX = {"add": (" + ", _SUM), "subtract": (" - ", _SUM), "multiply": ("*", _PRODUCT), "divide": ("/", _PRODUCT)}


@dataclass(frozen=True)
class _Term:
    text: str
    binds: int

    def within(self, binds: int) -> str:
        """Return the text as an operand of something that binds so tightly."""
        return self.text if self.binds >= binds else f"({self.text})"


def _expression(node: Value, operands: list[_Term], missing: int) -> _Term | None:
    """Return what a node is in terms of its operands' names, None for a leaf and where too much is left out."""
    if is_leaf(node) or missing or len(operands) > LONGEST_EXPRESSION:
        return None
    row = op_of(node)
    name = row.name if row is not None else ""
    if name in _INFIX:
        return _infix(name, *operands)
    if name in _WRITTEN:
        return _WRITTEN[name](operands)
    if name == "power":
        exponent = operands[1].within(_POWER) if len(operands) == 2 else node._op.removeprefix("**")
        return _Term(f"{operands[0].within(_ATOM)}**{exponent}", _POWER)
    called = name or legible(node._op, LONGEST_EXPRESSION) or "custom"
    return _Term(f"{called}({', '.join(operand.text for operand in operands)})", _ATOM)


def _infix(name: str, left: _Term, right: _Term) -> _Term:
    symbol, binds = _INFIX[name]
    # a - (b + c) keeps its brackets, a + (b + c) needs none
    return _Term(f"{left.within(binds)}{symbol}{right.within(binds + (name in {'subtract', 'divide'}))}", binds)


def _negative(operands: list[_Term]) -> _Term:
    return _Term(f"-{operands[0].within(_UNARY)}", _UNARY)


def _sum(operands: list[_Term]) -> _Term:
    return _Term(" + ".join(operand.within(_SUM) for operand in operands), _SUM)


def _products(operands: list[_Term]) -> _Term:
    count = len(operands) // 2
    pairs = zip(operands[:count], operands[count : 2 * count], strict=True)
    products = [f"{left.within(_PRODUCT)}*{right.within(_PRODUCT)}" for left, right in pairs]
    return _Term(" + ".join(products + [start.within(_SUM) for start in operands[2 * count :]]), _SUM)


_WRITTEN = {"negative": _negative, "sum": _sum, "dot": _products}


def _different(name: str, taken: dict[str, int]) -> str:
    """Return the name, with a number where it is taken: `x`, `x#2`, `x#3`."""
    count = taken.get(name, 0) + 1
    taken[name] = count
    if count == 1:
        return name
    numbered = f"{name}#{count}"
    return numbered if numbered not in taken else _different(numbered, taken)
