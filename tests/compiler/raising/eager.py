"""Programs read off ordinary eager graphs: what the tracer will deliver, by the simplest means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.program import Leaf, Program
from chainrule.engine import Value, op_of, parts, topological_order


def program_of(results: Sequence[Value], values: Sequence[Value], inputs: Sequence[Value] = ()) -> Program:
    """Return the program of some results; other leaves than these values and inputs are constants."""
    leaves = {id(v): (Leaf.VALUE, k) for k, v in enumerate(values)}
    leaves |= {id(v): (Leaf.INPUT, k) for k, v in enumerate(inputs)}
    codes: list[int] = []
    places: list[int] = []
    numbers: list[float] = []
    starts: list[int] = [0]
    operands: list[int] = []
    rows: dict[int, int] = {}

    def row(code: int, place: int = 0, number: float = 0.0, made_from: Sequence[int] = ()) -> int:
        codes.append(code)
        places.append(place)
        numbers.append(number)
        operands.extend(made_from)
        starts.append(len(operands))
        return len(codes) - 1

    keep: list[Any] = []
    for result in results:
        for node in topological_order(result, constants=False):
            keep.append(node)
            if id(node) in rows:
                continue
            if id(node) in leaves:
                kind, place = leaves[id(node)]
                rows[id(node)] = row(kind, place)
            elif op_of(node) is None:
                rows[id(node)] = row(Leaf.CONSTANT, number=node.data)
            else:
                made_from = [
                    rows[id(each)] if isinstance(each, Value) else row(Leaf.CONSTANT, number=each)
                    for each in parts(node)[0]
                ]
                op = op_of(node)
                assert op is not None
                rows[id(node)] = row(op.code, made_from=made_from)
    return Program(
        np.array(codes, np.int32),
        np.array(starts, np.int64),
        np.array(operands, np.int64),
        np.array(numbers, np.float64),
        np.array(places, np.int64),
        (0, len(inputs)),
        (0, len(values)),
        np.array([rows[id(result)] for result in results], np.int64),
        len(results),
    )


def numbers_of(leaves: Sequence[Value]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([leaf.data for leaf in leaves], np.float64)
