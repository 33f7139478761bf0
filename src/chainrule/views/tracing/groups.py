"""Neurons and layers in a graph: which nodes belong to which part of a model."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from chainrule.graph import Excerpt, Value, is_constant, op_of

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


def groups_of(part: Excerpt, parameters: Mapping[int, str], model: Any) -> tuple[tuple[Group, ...], dict[int, str]]:
    """Return the groups in a graph, outer before inner, and the path of each node that is in one, by `id`."""
    grouping = _Grouping(parameters, model)
    for node, operands in zip(part.nodes, part.operands, strict=True):
        if operands:
            grouping.add(node, operands)
    found: dict[str, Group] = {}
    for path in dict.fromkeys(grouping.path[id(node)] for node in part.nodes if id(node) in grouping.path):
        _add(path, found)
    return tuple(sorted(found.values(), key=lambda group: _in_order(group.path))), grouping.path


class _Grouping:
    """Finds the path of the group that each node belongs to."""

    def __init__(self, parameters: Mapping[int, str], model: Any) -> None:
        self.parameters = parameters
        self.model = model
        paths = {key: module_path(name) for key, name in parameters.items()}
        self.path = {key: path for key, path in paths.items() if path}
        self.activations: dict[str, frozenset[str]] = {}

    def add(self, node: Value, operands: tuple[Value, ...]) -> None:
        """Put a node into the group of the parameters it takes, of the sum it extends or is applied to."""
        direct = [self.path.get(id(operand), "") for operand in operands if id(operand) in self.parameters]
        if direct:
            path = _common(direct)
        else:
            paths = {self.path.get(id(operand), "") for operand in operands}
            path = paths.pop() if len(paths) == 1 else ""
            path = path if path and self._continues(node, operands, path) else ""
        if path:
            self.path[id(node)] = path
            # a plain number has one user: a folded neuron folds it away too
            self.path.update((id(operand), path) for operand in operands if is_constant(operand))

    def _continues(self, node: Value, operands: tuple[Value, ...], path: str) -> bool:
        """Tell whether a node made only from nodes of a group is still part of it."""
        row, inner = op_of(node), op_of(operands[0])
        if row is None or inner is None:
            return False
        if path not in self.activations:
            self.activations[path] = _activations(self.model, path)
        applied = self.activations[path]
        return (row.name in applied and inner.name not in applied) or (row.name in SUMS and len(operands) > 1)


def _activations(model: Any, path: str) -> frozenset[str]:
    """Return what the module at a path may apply to its sum: a Neuron knows, any other may apply any."""
    module = model
    for name in path.split("."):
        attributes = module if isinstance(module, dict) else getattr(module, "__dict__", {})
        if isinstance(module, (list, tuple)) and name.isdecimal() and int(name) < len(module):
            module = module[int(name)]
        else:
            module = attributes.get(name)
    known = getattr(module, "__dict__", {})
    if "activation" in known and "nonlin" in known:
        return frozenset({str(known["activation"])} if known["nonlin"] else ())
    return ACTIVATIONS


def module_path(parameter: str) -> str:
    """Return the path of the module that holds a parameter: all but its own name and its indices."""
    names = parameter.split(".")
    while names and names[-1].isdecimal():
        names.pop()
    return ".".join(names[:-1])


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
