"""Operands to measure the rows at: every place where a formula may lose digits, and a random filling."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator

from chainrule.ops import Op
from tests.ops.references import reference

LARGEST = math.ldexp(2.0 - 2.0**-52, 1023)
SMALLEST_NORMAL = 2.0**-1022

# Where binary floats, their halves, squares and roots begin and end.
EDGES = (0.0, 5e-324, 1e-323, 1e-320, 1e-310, SMALLEST_NORMAL, 1e-300, 1e-200, 1.5e-162, 1.5e-154, 1e-100,
         1e-30, 1.1e-16, 2.3e-16, 1e-8, 1.5e-8, 1e-5, 1e5, 1e8, 1e10, 2.0**52, 2.0**53, 1e16, 1e22, 1e100,
         1e150, 1.3e154, 1.4e154, 1e160, 1e200, 1e300, 8e307, 1e308, LARGEST)  # fmt: skip
# Where exp, cosh, erf, sigmoid, the bell and their products saturate, underflow or overflow.
TAILS = (3.0, 5.0, 8.0, 8.3, 8.4, 10.0, 12.0, 15.0, 17.0, 18.0, 18.4, 18.8, 19.0, 19.06, 19.1, 19.3, 20.0,
         22.0, 25.0, 26.5, 27.0, 27.2, 27.23, 27.3, 28.0, 30.0, 33.3, 35.9, 36.1, 36.7, 37.0, 37.4, 37.5,
         37.6, 38.0, 38.4, 38.47, 38.5, 38.6, 39.0, 40.0, 50.0, 64.0, 64.1, 100.0, 177.4, 200.0, 300.0,
         354.0, 354.9, 355.0, 356.0, 372.0, 372.6, 373.0, 400.0, 500.0, 600.0, 690.0, 699.9, 700.1, 705.0,
         707.0, 708.0, 708.3, 708.4, 709.0, 709.1, 709.7, 709.78, 709.782712893384, 709.7827128933841, 710.0,
         710.4, 710.4758600739439, 710.476, 711.0, 715.0, 720.0, 730.0, 740.0, 744.0, 744.4, 745.0, 745.13,
         745.2, 746.0, 750.0, 751.0, 760.0, 1000.0, 1490.0, 1500.0, 1e4)  # fmt: skip
# Zeros of values and slopes, and the shapes of the middle.
MIDDLE = (0.001, 0.01, 0.1, 0.25, 1 / 3, 0.5, math.log(2.0), 0.7, 0.7517915247, 0.7517915246935645, 0.9, 1.0, 1.1,
          1.2784645427610738, 1.27846454, 1.5, math.sqrt(2.0), 2.0, math.e,
          *(k * math.pi / 2 for k in (1, 2, 3, 4, 5, 6, 7, 8, 11, 100, 101, 355, 710)),
          *(k * math.pi / 4 for k in (1, 3, 5, 7)))  # fmt: skip
# The poorest fit of a multiple of π/2 by a float (Muller, Elementary Functions, 'worst cases').
NEAREST_TO_A_POLE = math.ldexp(6381956970095103.0, 797)

RANDOM_SPANS = (1.0, 1.0, 4.0, 10.0, 40.0, 760.0)
RANDOM_EACH = 60
PAIR_NUMBERS = (0.0, 5e-324, 1e-320, 1e-300, 1e-160, 1e-20, 1e-8, 0.1, 1 / 3, 0.5, 0.9, 1.0, 1.0000001, 1.5, 2.0,
                3.0, 7.0, 10.0, 30.5, 309.0, 1e8, 1e16, 1e155, 1e300, LARGEST)  # fmt: skip


def neighbours(x: float, steps: int = 3) -> Iterator[float]:
    """Yield x and the floats next to it on both sides."""
    yield x
    for direction in (-math.inf, math.inf):
        near = x
        for _ in range(steps):
            near = math.nextafter(near, direction)
            yield near


def numbers(domain: tuple[float, float], kinks: tuple[float, ...], seed: str) -> list[float]:
    """Return the floats to measure a function of one operand at, in order, each once."""
    low, high = domain
    positive = (
        *EDGES,
        *TAILS,
        *MIDDLE,
    )
    grid = {sign * x for x in positive for sign in (1.0, -1.0)}
    for special in (*kinks, *MIDDLE, *domain, -1.0, 1.0, 0.0):
        if math.isfinite(special):
            grid.update(neighbours(special))
    chance = random.Random(seed)
    for span in RANDOM_SPANS:
        grid.update(chance.uniform(-span, span) for _ in range(RANDOM_EACH))
    grid.update(chance.choice((1, -1)) * 10 ** chance.uniform(-323, 308) for _ in range(RANDOM_EACH))
    for end, sign in ((low, 1), (high, -1)):
        if math.isfinite(end):  # ever closer to a finite end of the domain
            grid.update(end + sign * 2.0 ** -chance.uniform(0, 60) for _ in range(RANDOM_EACH))
    return sorted(x for x in grid if low <= x <= high and math.isfinite(x))


def several(row: Op) -> list[tuple[float, ...]]:
    """Return operand tuples for a row of two or three operands: extremes against extremes, and random ones."""
    chance = random.Random(row.name)
    arity = row.arity or 0
    signed = sorted({sign * x for x in PAIR_NUMBERS for sign in (1.0, -1.0)})  # a set: mpmath has no −0
    if arity == 2:
        tuples = list(itertools.product(signed, repeat=2))
    else:
        tuples = [tuple(chance.choices(signed, k=arity)) for _ in range(500)]
    for _ in range(600):
        span = chance.choice((1.0, 3.0, 30.0, 700.0))
        tuples.append(tuple(chance.uniform(-span, span) for _ in range(arity)))
    for _ in range(300):
        tuples.append(tuple(chance.choice((1, -1)) * 10 ** chance.uniform(-320, 308) for _ in range(arity)))
        # subnormal intermediate results that a later division makes normal again
        tuples.append((10 ** chance.uniform(-323, -300), *(10 ** chance.uniform(-16, 1) for _ in range(arity - 1))))
        tuples.append(tuple(reversed(tuples[-1])))
    return [each for each in tuples if inside(row, each)]


def any_number(row: Op) -> list[tuple[float, ...]]:
    """Return operand tuples for an n-ary row: one to nine operands of like and of unlike sizes."""
    chance = random.Random(row.name)
    tuples: list[tuple[float, ...]] = [(0.0,), (1.5,), (0.0, 0.0), (3.0, -3.0), (1e300, 1e300, -1e300)]
    tuples += [(1000.0, 1000.0), (-1000.0, -1001.0), (1e15, 1e15 + 1, 3.0), (709.0, -745.0), (0.0, -745.0, -745.0)]
    tuples += [(1e308, 1e308, 1e307, -1.0), (-1e16, -1e16, -1e16), (1e5 + 0.1, 1e5 + 0.2), (5e-324, -5e-324)]
    for _ in range(400):
        span = 10 ** chance.uniform(-3, 4)
        shift = chance.choice((0.0, 0.0, 1.0, -1.0)) * 10 ** chance.uniform(0, 9)
        count = chance.randint(1, 9)
        tuples.append(tuple(shift + chance.uniform(-span, span) for _ in range(count)))
    return tuples


def inside(row: Op, operands: tuple[float, ...]) -> bool:
    """Tell whether operands lie in a row's domain."""
    return all(low <= x <= high for x, (low, high) in zip(operands, row.domain, strict=True))


def grid(row: Op) -> list[tuple[float, ...]]:
    """Return the operand tuples to measure a row at."""
    chosen = reference(row).operands
    if chosen is not None:
        return list(chosen)
    if row.arity is None:
        return any_number(row)
    if row.arity == 1:
        return [(x,) for x in numbers(row.domain[0], row.kinks, row.name)]
    return several(row)
