"""A layered layout: ranks, an order with few crossings, and straight rows; no library needed.

The steps are those of Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical
system structures" (1981). Coordinates are `along` the direction of the arrows and `across` it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

GAP_ALONG = 42.0
GAP_ACROSS = 14.0
# An arrow that passes ranks without a shape reserves a lane in each, until this many in all.
MOST_LANES = 8000
SWEEPS = 8
Point = tuple[float, float]


@dataclass
class Layout:
    """Where everything lies: a centre per shape, a path of points per arrow, and the whole extent.

    A path begins and ends at the rims of its shapes. It has two points for each stretch of ranks that
    it runs straight across, the first and the last of them with those of its shapes.
    """

    centres: list[Point]
    paths: list[list[Point]]
    extent: Point


def lay_out(sizes: Sequence[Point], arrows: Sequence[tuple[int, int]]) -> Layout:
    """Place shapes of the given sizes (along, across); every arrow (tail, head) has tail < head."""
    grid = _Grid(sizes, arrows)
    order = _order(grid)
    across = _rows(grid, order)
    return _measure(grid, order, across)


class _Grid:
    """Shapes and lanes with their ranks and neighbours; rank 0 is the root, at the arrows' end."""

    def __init__(self, sizes: Sequence[Point], arrows: Sequence[tuple[int, int]]) -> None:
        self.sizes = list(sizes)
        self.arrows = arrows
        self.shapes = len(sizes)
        self.rank = _ranks(len(sizes), arrows)
        self.tails: list[list[int]] = [[] for _ in sizes]
        self.heads: list[list[int]] = [[] for _ in sizes]
        self.chains = [self._chain(tail, head) for tail, head in arrows]

    def _chain(self, tail: int, head: int) -> list[int]:
        """Connect tail and head through one lane for each rank between them; return all of these."""
        lanes = range(self.rank[tail] - 1, self.rank[head], -1)
        if len(self.sizes) - self.shapes + len(lanes) > MOST_LANES:
            lanes = range(0)
        chain = [tail]
        for rank in lanes:
            chain.append(len(self.sizes))
            self.sizes.append((0.0, 0.0))
            self.rank.append(rank)
            self.tails.append([])
            self.heads.append([])
        chain.append(head)
        for left, right in pairwise(chain):
            self.heads[left].append(right)
            self.tails[right].append(left)
        return chain

    def is_lane(self, item: int) -> bool:
        return item >= self.shapes


def _ranks(count: int, arrows: Sequence[tuple[int, int]]) -> list[int]:
    """Return each shape's longest distance to an end, which puts leaves next to their users."""
    heads: list[list[int]] = [[] for _ in range(count)]
    for tail, head in arrows:
        heads[tail].append(head)
    rank = [0] * count
    for item in reversed(range(count)):
        rank[item] = max((rank[head] + 1 for head in heads[item]), default=0)
    return rank


def _order(grid: _Grid) -> list[list[int]]:
    """Return the items of each rank in the order, across, that crosses the fewest arrows."""
    best = order = _first_order(grid)
    fewest = _crossings(grid, order)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        order = _sweep(grid, order, towards_root=sweep % 2 == 0)
        crossings = _crossings(grid, order)
        if crossings < fewest:
            best, fewest = order, crossings
    return best


def _first_order(grid: _Grid) -> list[list[int]]:
    """Walk depth first from the ends, operands in order: a tree has no crossing from the start."""
    order: list[list[int]] = [[] for _ in range(max(grid.rank) + 1)]
    met = [False] * len(grid.sizes)
    stack = [item for item in range(grid.shapes) if not grid.heads[item]]
    while stack:
        item = stack.pop()
        if not met[item]:
            met[item] = True
            order[grid.rank[item]].append(item)
            stack += reversed(grid.tails[item])
    return order


def _sweep(grid: _Grid, order: list[list[int]], *, towards_root: bool) -> list[list[int]]:
    """Sort each rank by the mean place of its neighbours in the rank before it."""
    neighbours = grid.tails if towards_root else grid.heads
    ranks = range(len(order))
    place = [0.0] * len(grid.sizes)
    result: list[list[int]] = [[] for _ in order]
    for rank in reversed(ranks) if towards_root else ranks:
        for index, item in enumerate(order[rank]):
            near = neighbours[item]
            place[item] = sum(place[other] for other in near) / len(near) if near else float(index)
        result[rank] = sorted(order[rank], key=place.__getitem__)
        for index, item in enumerate(result[rank]):
            place[item] = float(index)
    return result


def _crossings(grid: _Grid, order: list[list[int]]) -> int:
    place = [0] * len(grid.sizes)
    for items in order:
        for index, item in enumerate(items):
            place[item] = index
    count = 0
    for items in order:
        earlier: list[int] = []
        for item in items:
            ends = sorted(place[head] for head in grid.heads[item])
            for end in ends:
                count += len(earlier) - bisect_left(earlier, end + 1)
            for end in ends:
                insort(earlier, end)
    return count


def _rows(grid: _Grid, order: list[list[int]]) -> list[float]:
    """Return the place across of every item: near its neighbours, in order, nothing overlapping."""
    across = [0.0] * len(grid.sizes)
    for items in order:
        offset = 0.0
        for item in items:
            across[item] = offset + grid.sizes[item][1] / 2
            offset += grid.sizes[item][1] + GAP_ACROSS
    both = [tails + heads for tails, heads in zip(grid.tails, grid.heads, strict=True)]
    downwards, upwards = range(len(order)), range(len(order) - 1, -1, -1)
    for _ in range(SWEEPS):
        for neighbours, ranks in ((grid.tails, upwards), (grid.heads, downwards), (both, upwards)):
            for rank in ranks:
                _settle(grid, order[rank], neighbours, across)
    return across


def _settle(grid: _Grid, items: list[int], neighbours: list[list[int]], across: list[float]) -> None:
    """Move one rank to where its neighbours pull it, as far as order and distances allow.

    Minimises the weighted sum of squared displacements. With the distances subtracted the places
    have only to ascend, which is isotonic regression: pool adjacent violators (Ayer et al., 1955).
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many items
    offsets = []
    offset = -grid.sizes[items[0]][1] / 2
    for item in items:
        half = grid.sizes[item][1] / 2
        offsets.append(offset + half)
        offset += 2 * half + GAP_ACROSS
        wish, weight = _wish(grid, item, neighbours[item], across)
        mean, count = wish - offsets[-1], 1
        while pools and pools[-1][0] > mean:
            other, heavy, many = pools.pop()
            mean = (mean * weight + other * heavy) / (weight + heavy)
            weight, count = weight + heavy, count + many
        pools.append((mean, weight, count))
    index = 0
    for mean, _, count in pools:
        for _ in range(count):
            across[items[index]] = mean + offsets[index]
            index += 1


def _wish(grid: _Grid, item: int, near: list[int], across: list[float]) -> tuple[float, float]:
    """Return where an item's neighbours want it and how strongly; long arrows want to be straight."""
    if not near:
        return across[item], 0.01
    total = weight = 0.0
    for other in near:
        pull = 1.0 + 3.0 * (grid.is_lane(item) + grid.is_lane(other))
        total += pull * across[other]
        weight += pull
    return total / weight, weight


def _measure(grid: _Grid, order: list[list[int]], across: list[float]) -> Layout:
    """Give the ranks their places along, and the arrows their paths."""
    depth = [max(grid.sizes[item][0] for item in items) for items in order]
    along = [0.0] * len(order)
    total = 0.0
    for rank in range(len(order) - 1, -1, -1):
        along[rank] = total + depth[rank] / 2
        total += depth[rank] + GAP_ALONG
    low = min(y - grid.sizes[item][1] / 2 for item, y in enumerate(across))
    high = max(y + grid.sizes[item][1] / 2 for item, y in enumerate(across))
    centres = [(along[rank], y - low) for rank, y in zip(grid.rank, across, strict=True)]
    paths = [_path(grid, chain, centres, depth) for chain in grid.chains]
    _part_twins(grid.arrows, paths)
    return Layout(centres[: grid.shapes], paths, (total - GAP_ALONG, high - low))


def _path(grid: _Grid, chain: list[int], centres: list[Point], depth: list[float]) -> list[Point]:
    """Run straight across each rank and bend only between them, so that no box is run over."""
    points: list[Point] = []
    for item in chain:
        x, y = centres[item]
        half = depth[grid.rank[item]] / 2
        begin = x + grid.sizes[item][0] / 2 if item == chain[0] else x - half
        end = x - grid.sizes[item][0] / 2 if item == chain[-1] else x + half
        if points and abs(points[-1][1] - y) < 0.05:
            points[-1] = (end, points[-1][1])  # straight on, without a bend
        else:
            points += [(begin, y), (end, y)]
    return points


def _part_twins(arrows: Sequence[tuple[int, int]], paths: list[list[Point]]) -> None:
    """Move arrows between the same two shapes apart, so that the two of a*a are seen."""
    twins: dict[tuple[int, int], list[int]] = {}
    for index, ends in enumerate(arrows):
        twins.setdefault(ends, []).append(index)
    for group in twins.values():
        step = min(8.0, 24.0 / len(group))
        for k, index in enumerate(group if len(group) > 1 else []):
            shift = step * (k - (len(group) - 1) / 2)
            paths[index] = [(x, y + shift) for x, y in paths[index]]
