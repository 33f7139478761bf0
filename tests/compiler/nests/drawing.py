"""Random class programs: loops over a few dimensions, ragged sums, gathers, sharing, odd results."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator

from chainrule.compiler.classes import ClassProgram, Kind
from tests.compiler.nests.handmade import Builder

UNARY = ("negative", "relu", "tanh", "sigmoid", "sin")
BINARY = ("multiply", "subtract", "maximum")


def drawn_program(draws: Generator) -> ClassProgram:
    """Return a program of a few classes; members are finite for values and inputs of moderate size."""
    build = Builder()
    values = int(draws.integers(1, 40))
    groups = [0, *np.cumsum(draws.integers(1, 30, size=draws.integers(1, 3))).tolist()]
    build.value(draws.permutation(values) if draws.random() < 0.3 else np.arange(values))
    for group in range(len(groups) - 1):
        build.input(np.arange(groups[group], groups[group + 1]), group)
    numbers = np.unique(np.round(draws.normal(size=draws.integers(1, 5)), 2))
    build.constant(numbers)
    if draws.random() < 0.2:
        build.seed([0])
    for _ in range(draws.integers(1, 9)):
        _draw_class(build, draws)
    last = len(build.classes) - 1
    outputs = [(last, i) for i in range(build.classes[last].size)]
    if draws.random() < 0.5:
        outputs = [_any_member(build, draws) for _ in range(draws.integers(1, 5))]
    gradients = None
    if draws.random() < 0.8:
        gradients = [_any_member(build, draws) if draws.random() < 0.9 else (-1, 0) for _ in range(values)]
        if draws.random() < 0.5:
            gradients = _gradients_of_whole_classes(build, draws, values)
    return build.program(outputs, gradients, tuple(groups))


def _any_member(build: Builder, draws: Generator) -> tuple[int, int]:
    number = int(draws.integers(len(build.classes)))
    return number, int(draws.integers(build.classes[number].size))


def _gradients_of_whole_classes(build: Builder, draws: Generator, values: int) -> list[tuple[int, int]]:
    members = [(c, m) for c in range(len(build.classes) - 1, 0, -1) for m in range(build.classes[c].size)]
    members = (members + [(-1, 0)] * values)[:values]
    return [members[i] for i in draws.permutation(values)] if draws.random() < 0.3 else members


def _draw_class(build: Builder, draws: Generator) -> None:
    extents = tuple(draws.integers(1, 6, size=draws.integers(1, 4)).tolist())
    rows = _ragged_rows(extents) if draws.random() < 0.25 else np.indices(extents).reshape(len(extents), -1)
    if draws.random() < 0.5:
        names = UNARY if draws.random() < 0.5 else BINARY
        name = str(draws.choice(names))
        columns = [_column(build, draws, rows) for _ in range(1 if names is UNARY else 2)]
        if names is BINARY and draws.random() < 0.2:
            columns[1] = columns[0]
        if name == "relu" and draws.random() < 0.5:
            build.map(name, columns[0], columns[0], slope=0)
        else:
            build.map(name, *columns)
        return
    slots: dict[int, Any] = {}
    for _ in range(draws.integers(1, 4)):
        length = int(draws.integers(1, 6))
        terms = np.arange(rows.shape[1])[:, None] * 0 + np.arange(length)
        wide = np.concatenate([np.repeat(rows, length, axis=1), terms.reshape(1, -1)])
        source, members = _column(build, draws, wide)
        taken = list(members.reshape(-1, length))
        if draws.random() < 0.4:
            counts = _counts(draws, rows, length)
            if slots or counts.all():
                taken = [row[:count] for row, count in zip(taken, counts, strict=True)]
        slots.setdefault(source, taken)
    first = next(iter(slots))
    slots[first] = [row if len(row) else np.array([0]) for row in slots[first]]
    build.sum(*slots.items(), kind=Kind.MAX if draws.random() < 0.2 else Kind.SUM)


def _counts(draws: Generator, rows: Any, length: int) -> Any:
    kind = draws.integers(3)
    if kind == 0:
        return np.minimum(rows[0] + 1, length)
    if kind == 1:
        return np.where(rows[0] % 2 == 0, length, 0)
    return draws.integers(0, length + 1, size=rows.shape[1])


def _ragged_rows(extents: Any) -> Any:
    """Return indices (t, h, j) with j at most t."""
    t, h, j = np.indices((extents[0] + 2, extents[-1], extents[0] + 2)).reshape(3, -1)
    return np.stack([t, h, j])[:, j <= t]


def _column(build: Builder, draws: Generator, indices: Any) -> tuple[int, Any]:
    """Return a source and members for rows with these indices: mostly affine, sometimes wild."""
    source = int(draws.integers(len(build.classes)))
    if draws.random() < 0.6:
        source = int(draws.integers(max(0, len(build.classes) - 4), len(build.classes)))
    size = build.classes[source].size
    count = indices.shape[1]
    kind = draws.random()
    if size == count and kind < 0.4:
        return source, np.arange(count)
    if kind < 0.15:
        return source, draws.integers(0, size, size=count)
    if kind < 0.3:
        rows = draws.integers(0, size, size=int(indices[0].max()) + 1)
        return source, (rows[indices[0]] + indices[-1]) % size
    strides = draws.choice([0, 1, int(indices[-1].max()) + 1, int(draws.integers(0, 6))], size=len(indices))
    members = strides @ indices
    if members.max() >= size:
        members = members % size
    return source, members.astype(np.int64)
