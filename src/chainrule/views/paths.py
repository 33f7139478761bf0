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

from chainrule.views.flow import Flow

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
        self._steps: dict[int, list[Step]] = {}
        self._best: dict[int, float] = {target: 0.0}
        numbers: dict[int, float] = {target: 1.0}
        self.blocked: list[int] = []
        for user in range(target + 1, flow.root + 1):
            if depends[user]:
                steps = [
                    Step(user, index, node, slope)
                    for index, (node, slope) in enumerate(zip(flow.operands[user], flow.slopes[user], strict=True))
                    if slope is not None and node in self._best
                ]
                if any(
                    slope is None and depends[node]
                    for node, slope in zip(flow.operands[user], flow.slopes[user], strict=True)
                ):
                    self.blocked.append(user)
                if steps:
                    steps.sort(key=self._length, reverse=True)
                    self._steps[user] = steps
                    self._best[user] = self._length(steps[0])
                    numbers[user] = sum(numbers[step.node] for step in steps)
        self.number = numbers.get(flow.root, 0.0)

    def _length(self, step: Step) -> float:
        """Return the logarithm of the largest product of a path that begins with this step."""
        return _magnitude(step.slope) + self._best[step.node]

    def largest_first(self) -> Iterator[list[Step]]:
        """Give every path, the largest product first; each takes time proportional to its length."""
        if self._flow.root not in self._best:
            return
        order = count()
        # what the path costs against the best one; the first deviation to come; the steps up to and with it
        waiting: list[tuple[float, int, int, Link | None]] = [(0.0, next(order), self._flow.root, None)]
        while waiting:
            cost, _, place, taken = heappop(waiting)
            while place != self._target:
                steps = self._steps[place]
                best = self._best[place]
                for step in steps[1:]:
                    more = max(best - self._length(step), 0.0)
                    heappush(waiting, (cost + more, next(order), step.node, (taken, step)))
                taken = (taken, steps[0])
                place = steps[0].node
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
