"""The flow of gradients through a graph, computed from the local derivatives: what explanations are made from.

Everything here is by a node's place in topological order. The gradients are added up again from the slopes that
the engine used, so that they are there before `backward()` too, and do not depend on what it left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, isclose, isfinite

from chainrule.graph import Value, knows_slopes, parts
from chainrule.views.tracing.trace import Trace


@dataclass(frozen=True)
class Share:
    """What a node receives from one use: its slope there times the user's gradient; None where that is unknown.

    Attributes:
        user: the place of the node that uses it.
        operand: which of the user's operands it is, from 0.
        slope: ∂user/∂node by this operand.
        amount: slope · the user's gradient.
    """

    user: int
    operand: int
    slope: float | None
    amount: float | None


@dataclass(frozen=True)
class Flow:
    """A graph as lists: for each node its operands and the slopes by them, operands first, the root last."""

    operands: Sequence[tuple[int, ...]]
    slopes: Sequence[tuple[float | None, ...]]

    @property
    def root(self) -> int:
        """The place of the output."""
        return len(self.operands) - 1

    def gradients(self, held: Sequence[float] | None = None) -> list[float | None]:
        """Return ∂root/∂node for every node; None where a slope on the way is unknown.

        Args:
            held: the gradients that Python holds, which then stand where the slopes do not tell.
        """
        totals: list[float | None] = [0.0] * len(self.operands)
        totals[-1] = 1.0
        for place in range(self.root, -1, -1):
            total = totals[place]
            if total is None and held is not None:
                total = totals[place] = held[place]
            for operand, slope in zip(self.operands[place], self.slopes[place], strict=True):
                so_far = totals[operand]
                if total is None or slope is None or so_far is None:
                    totals[operand] = None
                else:
                    totals[operand] = so_far + slope * total
        return totals

    def shares(self, gradients: Sequence[float | None], wanted: Sequence[int]) -> dict[int, list[Share]]:
        """Return what each of the wanted nodes receives, users in the order in which backward visits them."""
        received: dict[int, list[Share]] = {place: [] for place in wanted}
        for user in range(self.root, -1, -1):
            for index, operand in enumerate(self.operands[user]):
                if operand in received:
                    grad, slope = gradients[user], self.slopes[user][index]
                    amount = None if slope is None or grad is None else slope * grad
                    received[operand].append(Share(user, index, slope, amount))
        return received

    def depends_on(self, target: int, end: int | None = None) -> list[bool]:
        """Tell for every node before `end` whether `target` is it or something it was made from."""
        end = len(self.operands) if end is None else end
        depends = [False] * end
        depends[target] = True
        for place in range(target + 1, end):
            for operand in self.operands[place]:
                if depends[operand]:
                    depends[place] = True
                    break
        return depends


def flow_of_trace(trace: Trace) -> Flow:
    """Return the flow of a trace that leaves nothing out."""
    return Flow([node.operands for node in trace.nodes], [node.slopes for node in trace.nodes])


def flow_of_order(order: Sequence[Value]) -> Flow:
    """Return the flow of a graph given by its topological order without constants, however large."""
    place = {id(node): index for index, node in enumerate(order)}
    operands: list[tuple[int, ...]] = []
    slopes: list[tuple[float | None, ...]] = []
    for node in order:
        inputs, by_each = parts(node)  # a plain number has no place here
        used = [index for index, operand in enumerate(inputs) if isinstance(operand, Value)]
        operands.append(tuple([place[id(inputs[index])] for index in used]))
        known = knows_slopes(node)
        slopes.append(tuple([by_each[index] if known else None for index in used]))
    return Flow(operands, slopes)


def same(a: float, b: float, scale: float = 0.0) -> bool:
    """Tell whether two gradients differ by rounding only; `scale` is the size of what was added up."""
    return (a != a and b != b) or a == b or isclose(a, b, rel_tol=1e-9, abs_tol=1e-12 * scale)


def rest(total: float, shown: Sequence[float]) -> float:
    """Return what the shown parts leave of a total, 0 where only rounding is left."""
    scale = max([abs(total), *map(abs, shown)])
    if not isfinite(scale):
        return total - sum(shown)
    left = fsum([total, *(-each for each in shown)])
    return 0.0 if same(total, total - left, scale) else left
