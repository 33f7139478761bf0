"""The largest of the paths that lead from an output back to a node, found without listing all of them.

The chain rule's sum has a product for each path, and a graph of n nodes can have 2ⁿ paths. Here they come in
the order of their products' magnitude, one at a time: a deviation from the best way on (D. Eppstein, "Finding
the k shortest paths", 1998) costs what its slope is smaller, and the cheapest deviation comes next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import isfinite, log2

from chainrule.views.explaining.flow import Flow

# The logarithm that stands for a slope of 0, and, negated, for one of infinity or nan: beyond all finite ones.
_NOTHING = -1e9


@dataclass(frozen=True)
class Step:
    """One factor of a path: from a user to one of its operands."""

    user: int
    operand: int
    node: int
    slope: float


class Paths:
    """The paths from the root of a flow to `target`, along known slopes.

    Attributes:
        number: how many there are; exact below 2⁵³.
        blocked: users on the way whose slopes are unknown, so that paths through them are not counted.
    """

    def __init__(self, flow: Flow, target: int) -> None:
        self._flow = flow
        self._target = target
        depends = flow.depends_on(target)
        # the logarithm of the largest product of a path from here, and how many paths there are
        self._best: list[float | None] = [None] * len(depends)
        self._best[target] = 0.0
        numbers = [0.0] * len(depends)
        numbers[target] = 1.0
        self.blocked: list[int] = []
        for user in range(target + 1, len(depends)):
            if depends[user]:
                self._extend(user, depends, numbers)
        self.number = numbers[flow.root]

    def _extend(self, user: int, depends: list[bool], numbers: list[float]) -> None:
        """Find the best way on from a node, when those of its operands are known."""
        best: float | None = None
        for node, slope in zip(self._flow.operands[user], self._flow.slopes[user], strict=True):
            after = self._best[node]
            if slope is None:
                if depends[node] and self.blocked[-1:] != [user]:
                    self.blocked.append(user)
            elif after is not None:
                length = _magnitude(slope) + after
                best = length if best is None or length > best else best
                numbers[user] += numbers[node]
        self._best[user] = best

    def _steps(self, user: int) -> list[tuple[float, Step]]:
        """Return the ways on from a node, each with what it costs against the best, the best first."""
        found = []
        best = self._best[user]
        for index, (node, slope) in enumerate(zip(self._flow.operands[user], self._flow.slopes[user], strict=True)):
            after = self._best[node]
            if slope is not None and after is not None and best is not None:
                found.append((best - _magnitude(slope) - after, index, Step(user, index, node, slope)))
        return [(cost, step) for cost, _, step in sorted(found, key=lambda each: each[:2])]

    def largest_first(self) -> Iterator[list[Step]]:
        """Give every path, the largest product first; each takes time proportional to its length."""
        if self._best[self._flow.root] is None:
            return
        order = count()
        # what the path costs against the best one; the node it has reached; the steps up to there
        waiting: list[tuple[float, int, int, Link | None]] = [(0.0, next(order), self._flow.root, None)]
        while waiting:
            cost, _, place, taken = heappop(waiting)
            while place != self._target:
                (_, best), *others = self._steps(place)
                for more, step in others:
                    heappush(waiting, (cost + max(more, 0.0), next(order), step.node, (taken, step)))
                taken = (taken, best)
                place = best.node
            yield _listed(taken)


Link = tuple["Link | None", Step]


def _listed(taken: Link | None) -> list[Step]:
    steps = []
    while taken is not None:
        taken, step = taken
        steps.append(step)
    return steps[::-1]


def _magnitude(slope: float) -> float:
    """Return log₂ |slope|, with finite stand-ins for 0, inf and nan."""
    if not isfinite(slope):
        return -_NOTHING
    return log2(abs(slope)) if slope else _NOTHING


def product(steps: list[Step]) -> float:
    """Return the product of a path's slopes, multiplied from the output on as backward() does."""
    result = 1.0
    for step in steps:
        result *= step.slope
    return result
