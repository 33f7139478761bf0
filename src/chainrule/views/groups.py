"""Neurons and layers in a graph: which nodes belong to which part of a model."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from chainrule.graph import Excerpt, Value, op_of

# What a neuron applies to its sum; any other function of one neuron's output belongs to whoever calls it.
ACTIVATIONS = frozenset({"gelu", "leaky_relu", "relu", "sigmoid", "silu", "softplus", "tanh"})
# What a neuron's sum may be made of, when it is not one dot product.
SUMS = frozenset({"add", "multiply", "sum", "dot"})


@dataclass(frozen=True)
class Group:
    """A part of a model: its path in `named_parameters()`, e.g. "layers.0.neurons.3", a title, its parent's path."""

    path: str
    title: str
    parent: str


def parameter_names(model: Any, wanted: Set[int]) -> dict[int, str]:
    """Return the names of the model's parameters among the wanted, by the `id` of the Value."""
    if model is None:
        return {}
    return {id(value): name for name, value in model.named_parameters() if id(value) in wanted}


def groups_of(part: Excerpt, parameters: Mapping[int, str]) -> tuple[tuple[Group, ...], dict[int, str]]:
    """Return the groups in a graph, outer before inner, and the path of each node that is in one, by `id`."""
    group_of = {key: module_path(name) for key, name in parameters.items()}
    group_of = {key: path for key, path in group_of.items() if path}
    for node, operands in zip(part.nodes, part.operands, strict=True):
        if operands:
            path = _group(node, operands, group_of, parameters)
            if path:
                group_of[id(node)] = path
    found: dict[str, Group] = {}
    for path in dict.fromkeys(group_of[id(node)] for node in part.nodes if id(node) in group_of):
        _add(path, found)
    return tuple(sorted(found.values(), key=lambda group: _in_order(group.path))), group_of


def module_path(parameter: str) -> str:
    """Return the path of the module that holds a parameter: all but its own name and its indices."""
    names = parameter.split(".")
    while names and names[-1].isdecimal():
        names.pop()
    return ".".join(names[:-1])


def _group(node: Value, operands: tuple[Value, ...], group_of: Mapping[int, str], parameters: Mapping[int, str]) -> str:
    """Return the group of a node: that of the parameters it takes, of the sum it extends or is applied to."""
    direct = [group_of.get(id(operand), "") for operand in operands if id(operand) in parameters]
    if direct:
        return _common(direct)
    row = op_of(node)
    name = "" if row is None else row.name
    paths = {group_of.get(id(operand), "") for operand in operands}
    activation = name in ACTIVATIONS and (inner := op_of(operands[0])) is not None and inner.name not in ACTIVATIONS
    continued = name in SUMS and len(operands) > 1
    return paths.pop() if len(paths) == 1 and (activation or continued) else ""


def _common(paths: list[str]) -> str:
    """Return the path of the innermost part that holds all of these."""
    columns = zip(*[path.split(".") for path in paths], strict=False)
    names = [column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns)]
    if len(set(paths)) > 1:
        while names and not names[-1].isdecimal():  # `layers` alone is a list, not a part
            names.pop()
    return ".".join(names)


def _add(path: str, found: dict[str, Group]) -> str:
    """Add a group and those around it; return its path."""
    if path and path not in found:
        names = path.split(".")
        outer = names[:-1]
        while outer and names[len(outer)].isdecimal():  # `layers` in `layers.0` is a list, not a part
            outer.pop()
        found[path] = Group(path, _title(names[len(outer) :]), _add(".".join(outer), found))
    return path


def _title(names: list[str]) -> str:
    """Return `layer 0` for `layers.0`, and a name without index as it is."""
    if len(names) == 1:
        return names[0]
    return f"{names[0].removesuffix('s')} {'.'.join(names[1:])}"


def _in_order(path: str) -> list[tuple[bool, int, str]]:
    """Sort paths as people count: 2 before 10, a part before what is in it."""
    return [(name.isdecimal(), int(name) if name.isdecimal() else 0, name) for name in path.split(".")]
