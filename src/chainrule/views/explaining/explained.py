"""What an explanation says, as data; text, LaTeX and HTML are made from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chainrule.views.tracing.trace import number_to_json


@dataclass(frozen=True)
class Factor:
    """One local derivative on a path: ∂user/∂operand.

    Attributes:
        user, operand: their names.
        slope: the number.
        which: which of the user's operands it is, from 1, where the same one appears more than once; else 0.
        partial: the user depends on the operand in other ways too, so that this is not all of its derivative.
    """

    user: str
    operand: str
    slope: float
    which: int = 0
    partial: bool = False


@dataclass(frozen=True)
class Path:
    """A way from the output to the node asked for. A long one keeps its first and last factors.

    Attributes:
        first, last: its factors; `last` is empty unless some between are left out.
        between: how many are left out, and `between_product` what they multiply to.
        product: of all factors.
    """

    first: tuple[Factor, ...]
    last: tuple[Factor, ...]
    between: int
    between_product: float
    product: float

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The factors that are shown."""
        return self.first + self.last


@dataclass(frozen=True)
class PathSum:
    """The gradient of an output by one node, as the sum over the paths between them.

    Attributes:
        output, node: their names.
        gradient: None where only a `_backward` of the user's own knows.
        paths: the largest ones, largest first.
        others: how many more there are; a float, as there may be 2¹⁰⁰⁰.
        rest: what the others add up to; None when there are none or nobody knows.
        blocked: names of ops on the way whose slopes are unknown.
        legend: (name, formula) of nodes that are named by a number.
        remarks: sentences on what Python holds.
    """

    output: str
    node: str
    gradient: float | None
    paths: tuple[Path, ...] = ()
    others: float = 0.0
    rest: float | None = None
    blocked: tuple[str, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as dicts, lists and plain numbers."""
        return {
            "output": self.output,
            "wrt": self.node,
            "gradient": number_to_json(self.gradient),
            "paths": [_path_to_json(path) for path in self.paths],
            "other_paths": number_to_json(self.others),
            "rest": number_to_json(self.rest),
            "unknown_slopes": list(self.blocked),
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True)
class Term:
    """What a node received from one user: slope · the user's gradient; None where that is unknown."""

    user: str
    slope: float | None
    grad: float | None
    amount: float | None


@dataclass(frozen=True)
class NodeSum:
    """One node with what made its gradient.

    Attributes:
        name: the node's.
        gradient: None where it is unknown.
        terms: what it received, in the order of backward; empty for the output.
        others: how many more uses there are, and `rest` what they add up to.
    """

    name: str
    gradient: float | None
    terms: tuple[Term, ...] = ()
    others: int = 0
    rest: float | None = None


@dataclass(frozen=True)
class Order:
    """What would go wrong in another order: `node` visited before `late`, the last of its users.

    Attributes:
        node: a node that passes its gradient on.
        users: who uses it, in the order of backward; `late` is the last of them.
        late: the user that it would not have waited for.
        operand: who receives from it, with the slope `slope`.
        partial: what it would have held instead of `total`.
    """

    node: str
    users: tuple[str, ...]
    late: str
    operand: str
    slope: float
    partial: float
    total: float


@dataclass(frozen=True)
class GraphSum:
    """Every node of a graph with what made its gradient, in the order of backward.

    Attributes:
        output: the output's name, `made` its formula ("" for a leaf) and `data` its number.
        nodes: users before what they use; constants are left out.
        left_out: how many more nodes there are.
        order: a concrete reason for this order; None where every order does.
    """

    output: str
    made: str
    data: float
    nodes: tuple[NodeSum, ...]
    left_out: int = 0
    order: Order | None = None
    legend: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return it as dicts, lists and plain numbers."""
        order = self.order
        return {
            "output": self.output,
            "data": number_to_json(self.data),
            "nodes": [_node_to_json(node) for node in self.nodes],
            "nodes_left_out": self.left_out,
            "order": None
            if order is None
            else {
                "node": order.node,
                "before": order.late,
                "operand": order.operand,
                "passed_on": number_to_json(order.slope * order.partial),
                "instead_of": number_to_json(order.slope * order.total),
            },
            "remarks": list(self.remarks),
        }


def _path_to_json(path: Path) -> dict[str, Any]:
    return {
        "factors": [
            {"user": f.user, "operand": f.operand, "slope": number_to_json(f.slope)} for f in path.first + path.last
        ],
        "factors_left_out": path.between,
        "product": number_to_json(path.product),
    }


def _node_to_json(node: NodeSum) -> dict[str, Any]:
    return {
        "name": node.name,
        "gradient": number_to_json(node.gradient),
        "terms": [
            {"user": term.user, "slope": number_to_json(term.slope), "grad": number_to_json(term.grad)}
            for term in node.terms
        ],
        "other_terms": node.others,
        "rest": number_to_json(node.rest),
    }
