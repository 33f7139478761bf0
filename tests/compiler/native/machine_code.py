"""Running compiled nests on numpy arrays: memory as the callers lay it out, with fences around it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.compiler.classes import Rule
from chainrule.compiler.native.compiling import NativeCode, compile_nests
from chainrule.compiler.nests.nest import Address, Apply, Buffer, Load, Nest, NestProgram, Region, Store
from chainrule.ops import TABLE

Numbers = NDArray[np.float64]
FENCE = 64
FENCE_NUMBER = -1234.5
ENTRY = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)


class Memory:
    """The regions of a program; numbers beside each region are checked not to change."""

    def __init__(
        self, nests: NestProgram, values: Numbers, inputs: Sequence[Numbers], seeds: Numbers | None = None
    ) -> None:
        self.nests = nests
        self._wholes: list[Numbers] = []
        self.arena = self._region(np.full(nests.arena, np.nan))
        self.constants = self._region(nests.constants)
        placed = np.zeros(nests.values)
        placed[nests.value_order] = values
        self.values = self._region(placed)
        self.gradients = self._region(np.zeros(nests.values))
        self.seeds = self._region(np.ones(1) if seeds is None else seeds)
        self.outputs = self._region(np.full(nests.outputs, np.nan))
        self.inputs = [self._region(each) for each in inputs]
        regions = [self.arena, self.constants, self.values, self.gradients, self.seeds, self.outputs, *self.inputs]
        self._regions = (ctypes.c_void_p * len(regions))(*[each.ctypes.data for each in regions])
        self._columns = [np.ascontiguousarray(table, dtype=np.int32) for table in nests.tables]
        self._tables = (ctypes.c_void_p * (len(self._columns) + 1))(*[each.ctypes.data for each in self._columns], 0)

    def _region(self, numbers: Any) -> Numbers:
        whole = np.full(len(numbers) + 2 * FENCE, FENCE_NUMBER)
        whole[FENCE : FENCE + len(numbers)] = numbers
        self._wholes.append(whole)
        return whole[FENCE : FENCE + len(numbers)]

    def run(self, code: NativeCode, gradients: bool = True) -> tuple[Numbers, Numbers | None]:
        """Run the code and return outputs and gradients, the latter by place."""
        address = code.gradient if gradients else code.forward
        assert ENTRY(address)(ctypes.addressof(self._regions), ctypes.addressof(self._tables)) == 0
        for whole in self._wholes:
            assert (whole[:FENCE] == FENCE_NUMBER).all(), "code wrote in front of a region"
            assert (whole[-FENCE:] == FENCE_NUMBER).all(), "code wrote behind a region"
        return self.outputs, self.gradients[self.nests.value_order] if gradients else None


def program(
    nests: Sequence[Nest],
    buffers: Sequence[Buffer],
    *,
    tables: Sequence[Any] = (),
    constants: Sequence[float] = (),
    forward: int | None = None,
) -> NestProgram:
    """Return a program of these nests; its regions are as large as its buffers need."""

    def size(region: Region) -> int:
        return max((each.offset + each.size for each in buffers if each.region is region), default=0)

    values = max(size(Region.VALUES), size(Region.GRADIENTS))
    return NestProgram(
        nests=list(nests),
        buffers=list(buffers),
        tables=[np.asarray(table, dtype=np.int32) for table in tables],
        constants=np.asarray(constants, dtype=np.float64),
        arena=size(Region.ARENA),
        value_order=np.arange(values),
        values=values,
        forward=len(nests) if forward is None else forward,
        outputs=size(Region.OUTPUTS),
    )


def rule(name: str, slope: int | None = None) -> Rule:
    """Return a row's rule by the row's name."""
    return Rule(TABLE[name].code, slope)


def applied(which: Rule, columns: Sequence[Numbers], width: int | None = None) -> Numbers:
    """Return what compiled code makes of a rule on columns of numbers."""
    count = len(columns[0])
    buffers = [Buffer(Region.INPUT, 0, count, group) for group in range(len(columns))]
    buffers.append(Buffer(Region.OUTPUTS, 0, count))
    loads = tuple(Load(Address(i, 0, (1,))) for i in range(len(columns)))
    nest = Nest((count,), (Store(Address(len(columns), 0, (1,)), Apply(which, loads)),))
    nests = program([nest], buffers)
    return Memory(nests, np.zeros(0), columns).run(compile_nests(nests, width=width, cache=False))[0]
