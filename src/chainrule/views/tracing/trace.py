"""The trace: one graph as plain data, from which the Stepper, the explanations and the tables are made.

`docs/trace.schema.json` describes its JSON for programs in other languages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chainrule.errors import ArgumentError
from chainrule.graph import (
    Excerpt,
    Value,
    excerpt,
    is_constant,
    is_leaf,
    knows_slopes,
    local_derivatives,
    op_of,
    parts,
    require_value,
)
from chainrule.views.tracing.groups import Group, groups_of, parameter_names
from chainrule.views.tracing.lines import Line, line_of
from chainrule.views.tracing.names import Scope, names_of, variables

VERSION = 1
# How many connections are traced. A page stays quick with these; ten times as many nobody steps through.
LIMIT = 40_000

Kind = Literal["leaf", "constant", "op"]


@dataclass(frozen=True)
class Node:
    """One Value of a trace.

    Attributes:
        id: its place in topological order, operands first; the root is the last.
        op: the row of the op table that made it, "custom" for an op of the user's, "" for a leaf or constant.
        symbol: what its `_op` shows.
        name: what people read; no two nodes of a trace have the same one, constants aside.
        label: the label that the program gave it, "" for none.
        kind: "leaf", "constant" (a plain number, which receives no gradient) or "op".
        data: the number.
        grad: what Python holds as its gradient; None for a constant and before `backward()`.
        operands: the ids of its operands, in order and with duplicates.
        slopes: ∂node/∂operand for each of them, as the engine uses it; None where only the user's own
            `_backward` knows.
        group: the path of the neuron or layer that it belongs to, "" for none.
        line: where the program made it, when lines were recorded.
        exponent: of a power whose exponent is a plain number: that number.
        missing: how many operands are left out, after those in `operands`, because the trace is an excerpt.
    """

    id: int
    op: str
    symbol: str
    name: str
    label: str
    kind: Kind
    data: float
    grad: float | None
    operands: tuple[int, ...] = ()
    slopes: tuple[float | None, ...] = ()
    group: str = ""
    line: Line | None = None
    exponent: float | None = None
    missing: int = 0


@dataclass(frozen=True)
class Trace:
    """A graph as data.

    Attributes:
        nodes: operands before users, the root last; a node's id is its place.
        groups: neurons and layers, outer before inner.
        backward: whether gradients have been computed, so that the nodes have them.
        left_out: how many nodes of the graph are not in an excerpt (above 100,000 a lower bound);
            None when nothing is left out.
    """

    nodes: tuple[Node, ...]
    groups: tuple[Group, ...]
    backward: bool
    left_out: int | None = None

    @property
    def root(self) -> int:
        """The id of the node that the trace was made from."""
        return len(self.nodes) - 1

    def to_json(self) -> dict[str, Any]:
        """Return what the trace's JSON holds, as dicts, lists and plain numbers; "nan", "inf", "-inf" as text."""
        return {
            "chainrule_trace": VERSION,
            "root": self.root,
            "backward": self.backward,
            "truncated": None if self.left_out is None else {"nodes_left_out": self.left_out},
            "nodes": [_node_to_json(node) for node in self.nodes],
            "groups": [{"path": g.path, "title": g.title, "parent": g.parent} for g in self.groups],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> Trace:
        """Return the trace that `to_json` described, from its dict or its text.

        Raises:
            ArgumentError: the data are no trace of this version, or its nodes contradict each other.
        """
        try:
            found = json.loads(data) if isinstance(data, str) else data
            if found["chainrule_trace"] != VERSION:
                raise ArgumentError(
                    f"the trace has version {found['chainrule_trace']!r}, and this chainrule reads {VERSION}: "
                    "make it anew"
                )
            nodes = tuple(_node_from_json(node) for node in found["nodes"])
            _check(nodes, found["root"])
            truncated = found["truncated"]
            return cls(
                nodes,
                tuple(Group(g["path"], g["title"], g["parent"]) for g in found["groups"]),
                bool(found["backward"]),
                None if truncated is None else int(truncated["nodes_left_out"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, ArgumentError):
                raise
            raise ArgumentError(f"this is no trace of chainrule ({error!r}): make it with to_json()") from None


def trace_of(
    root: Value,
    model: Any = None,
    scope: Scope = (),
    limit: int = LIMIT,
) -> Trace:
    """Return the graph that ends in `root` as data; of a huge one the part nearest to `root`.

    Source lines are in it while they are recorded, see `chainrule.views.lines.record_lines`.

    Args:
        root: where the graph ends.
        model: the Module whose parameters name nodes and whose neurons and layers group them.
        scope: the namespaces in which variables name nodes, see `chainrule.views.names.callers_scope`;
            a Module that is found there stands for `model` when that is None.
        limit: how many connections are followed.

    Raises:
        NumberError: root is not a Value.
    """
    return traced(root, model, scope, limit)[0]


def traced(root: Value, model: Any = None, scope: Scope = (), limit: int = LIMIT) -> tuple[Trace, list[Value]]:
    """Return the trace of `trace_of` and, in its order, the Values that it was made from.

    Raises:
        NumberError: root is not a Value.
    """
    require_value(root, "trace_of")
    part = excerpt(root, limit)
    return trace_of_part(part, model, scope), part.nodes


def trace_of_part(part: Excerpt, model: Any = None, scope: Scope = ()) -> Trace:
    """Return the trace of an excerpt; its nodes are the excerpt's, in the same order."""
    root = part.nodes[-1]
    wanted = {id(node) for node in part.nodes}
    found = variables(scope, wanted)
    model = found.model if model is None else model
    parameters = parameter_names(model, wanted)
    found.names.update(parameters)
    groups, group_of = groups_of(part, parameters, model)
    names = names_of(part, found, group_of)
    place = {id(node): index for index, node in enumerate(part.nodes)}
    # A gradient of exactly 0 at the root means that nothing has been computed: backward() sets it to 1 there,
    # and a root inside a larger graph has the gradient of that graph's own root.
    backward = root.grad != 0.0
    nodes = tuple(
        _node(
            index,
            value,
            names[index],
            tuple(place[id(operand)] for operand in part.operands[index]),
            group_of.get(id(value), ""),
            backward=backward,
            missing=part.missing[index],
        )
        for index, value in enumerate(part.nodes)
    )
    return Trace(nodes, groups, backward, part.left_out if sum(part.missing) else None)


def _node(
    index: int, value: Value, name: str, operands: tuple[int, ...], group: str, *, backward: bool, missing: int
) -> Node:
    kind: Kind = "constant" if is_constant(value) else "leaf" if is_leaf(value) else "op"
    row = op_of(value)
    inputs = parts(value)[0] if row is not None and row.name == "power" else []
    exponent = inputs[1] if len(inputs) > len(operands) + missing else None
    return Node(
        id=index,
        op=row.name if row is not None else "custom" if kind == "op" else "",
        symbol=value._op,
        name=name,
        label=value.label,
        kind=kind,
        data=value.data,
        grad=value.grad if backward and kind != "constant" else None,
        operands=operands,
        slopes=_slopes(value, len(operands), known=knows_slopes(value)),
        group=group,
        line=None if kind == "constant" else line_of(value),
        exponent=exponent if isinstance(exponent, float) else None,
        missing=missing,
    )


def _slopes(value: Value, count: int, *, known: bool) -> tuple[float | None, ...]:
    return local_derivatives(value)[:count] if known else (None,) * count


def number_to_json(number: float | None) -> float | str | None:
    """Return a number as JSON can hold it."""
    if number is None or -float("inf") < number < float("inf"):
        return number
    return "nan" if number != number else "inf" if number > 0 else "-inf"


def number_from_json(number: Any) -> float:
    """Return the number that `number_to_json` wrote.

    Raises:
        ValueError: it is none.
    """
    if isinstance(number, bool) or (isinstance(number, str) and number not in {"nan", "inf", "-inf"}):
        raise ValueError(f"{number!r} is no number")
    return float(number)


def _node_to_json(node: Node) -> dict[str, Any]:
    line = node.line
    return {
        "id": node.id,
        "op": node.op,
        "symbol": node.symbol,
        "name": node.name,
        "label": node.label,
        "kind": node.kind,
        "data": number_to_json(node.data),
        "grad": number_to_json(node.grad),
        "operands": list(node.operands),
        "slopes": [number_to_json(slope) for slope in node.slopes],
        "group": node.group,
        "line": None if line is None else {"file": line.file, "line": line.line, "text": line.text},
        "exponent": number_to_json(node.exponent),
        "missing": node.missing,
    }


def _node_from_json(data: Mapping[str, Any]) -> Node:
    texts = {name: data[name] for name in ("op", "symbol", "name", "label", "kind", "group")}
    if not all(isinstance(text, str) for text in texts.values()) or data["kind"] not in {"leaf", "constant", "op"}:
        raise ValueError(f"node {data['id']!r} has a field that is not the text it must be")
    line = data["line"]
    return Node(
        id=data["id"],
        data=number_from_json(data["data"]),
        grad=_maybe(data["grad"]),
        operands=tuple(data["operands"]),
        slopes=tuple(_maybe(slope) for slope in data["slopes"]),
        line=None if line is None else Line(line["file"], line["line"], line["text"]),
        exponent=_maybe(data["exponent"]),
        missing=int(data["missing"]),
        **texts,
    )


def _maybe(number: Any) -> float | None:
    return None if number is None else number_from_json(number)


def _check(nodes: Sequence[Node], root: Any) -> None:
    """Raise unless ids are places, operands come first, and each has its slope."""
    for place, node in enumerate(nodes):
        if node.id != place or len(node.operands) != len(node.slopes):
            raise ValueError(f"node {place} does not fit its place or its operands")
        if not all(type(operand) is int and 0 <= operand < place for operand in node.operands):
            raise ValueError(f"node {place} has an operand that does not come before it")
    if not nodes or root != len(nodes) - 1:
        raise ValueError("the root is not the last node")
