"""What runs a compiled program: the regions of memory that it reads and writes, and native code that does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from threading import Lock
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import call_native

from chainrule.core.buffers import Buffer, Integers, integers_of
from chainrule.core.deferring import settle
from chainrule.errors import ProgramError

# How many regions native code is given before the arguments' numbers: the arena, constants, values, gradients,
# seeds and outputs.
INPUTS = cython.declare(cython.int, 6)


@cython.cclass
class Executor:
    """Runs one program; what a call reads lies in the regions before, what it gives lies there afterwards.

    Attributes:
        values, gradients: the live Values' numbers and gradients; place k is number `order[k]` of both.
        seeds: one a result, what the derivatives of each are multiplied by; unused where there is one result.
        outputs: the numbers of the results and guards.
        inputs: a buffer for each group of the arguments' numbers.
        regions: where all of them begin; a caller may put other memory in an input's place.
    """

    values: Buffer
    gradients: Buffer
    seeds: Buffer
    outputs: Buffer
    inputs: list
    regions: cython.pointer[cython.p_double]
    order: Integers
    busy: cython.bint  # a call is using the regions
    uses: cython.longlong  # how often one did
    _lock: Any  # uncompiled, another thread may come between looking at that and setting it
    _addresses: Any
    _made_of: Any

    @cython.cfunc
    def _make_regions(self, arena: Buffer, constants: Buffer, groups: tuple, values: int, results: int) -> object:
        """Make room for everything but the outputs, whose number the executor has set already."""
        self.values = Buffer(values)
        self.gradients = Buffer(values)
        self.seeds = Buffer(results)
        self.busy = False
        self.uses = 0
        if not cython.compiled:
            self._lock = Lock()
        self.inputs = [Buffer(end - start) for start, end in pairwise(groups)]
        regions = [arena, constants, self.values, self.gradients, self.seeds, self.outputs, *self.inputs]
        if cython.compiled:
            addresses: Buffer = Buffer(len(regions))  # a pointer takes as much room as a float64
            self.regions = cython.cast(cython.pointer[cython.p_double], addresses.numbers)
            self._addresses = addresses, regions  # the arena and the constants live nowhere else
        else:
            self._addresses = regions
            self.regions = [None] * len(regions)
        place: cython.Py_ssize_t
        for place in range(len(regions)):
            self.regions[place] = cython.cast(Buffer, regions[place]).numbers

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def take(self) -> cython.bint:
        """Begin to use the regions; return False where another call is using them."""
        if not cython.compiled and not self._lock.acquire(blocking=False):
            return False
        free: cython.bint = not self.busy
        self.busy = True
        self.uses += 1
        return free

    @cython.cfunc
    @cython.inline
    def leave(self) -> cython.void:
        """Let others use the regions."""
        self.busy = False
        if not cython.compiled:
            self._lock.release()

    @cython.cfunc
    def twin(self) -> Executor:
        """Return another executor of the same program."""
        return type(self)(*self._made_of[0], **self._made_of[1])

    @cython.cfunc
    @cython.exceptval(-1)
    def forward(self) -> cython.int:
        """Compute the outputs."""
        raise NotImplementedError

    @cython.cfunc
    @cython.exceptval(-1)
    def gradient(self) -> cython.int:
        """Compute the outputs and the gradients."""
        raise NotImplementedError

    def run(self, values: Sequence[float], inputs: Sequence[float], seeds: Sequence[float] | None = None) -> Any:
        """Run on plain numbers, as `evaluate` does; for tests.

        Returns:
            The outputs; and the gradients by place, None where there are several results and no seeds.
        """
        place: cython.Py_ssize_t
        settle()
        for place in range(self.order.count):
            self.values.numbers[self.order.numbers[place]] = float(values[place])
        numbers = iter(inputs)
        for buffer in self.inputs:
            own: Buffer = buffer
            for place in range(own.count):
                own.numbers[place] = float(next(numbers))
        if seeds is None and self.seeds.count != 1:
            self.forward()
            return self._output_numbers(), None
        for place in range(self.seeds.count):
            self.seeds.numbers[place] = 1.0 if seeds is None else float(seeds[place])
        self.gradient()
        # the seed of a single result is folded into the program as 1
        scale: cython.double = self.seeds.numbers[0] if self.seeds.count == 1 else 1.0
        gradients = [scale * self.gradients.numbers[self.order.numbers[place]] for place in range(self.order.count)]
        return self._output_numbers(), gradients

    def _output_numbers(self) -> list[float]:
        return [self.outputs.numbers[place] for place in range(self.outputs.count)]


@cython.final
@cython.cclass
class Native(Executor):
    """Machine code at two addresses.

    Args:
        forward, gradient: addresses of `int64_t f(double **regions, int **tables)`, which compute the outputs, and
            the outputs and gradients; 0 means that all went well.
        arena: how many numbers of working memory they need.
        constants: what they find in their region of constants.
        value_order: where each place of the live Values lies in the regions of values and gradients.
        values: how many numbers these regions hold.
        program: the scalar program that was compiled, for its groups, outputs and results.
        tables: int32 arrays.
        keep: what owns the machine code.
    """

    _forward: cython.size_t
    _gradient: cython.size_t
    _tables: cython.pointer[cython.p_int]
    _table_addresses: Any
    _kept: object

    def __init__(
        self,
        forward: int,
        gradient: int,
        *,
        arena: int,
        constants: Any,
        value_order: Any,
        values: int,
        program: Any,
        tables: Sequence[Any] = (),
        keep: object = None,
    ) -> None:
        self._made_of = (
            (forward, gradient),
            {
                "arena": arena,
                "constants": constants,
                "value_order": value_order,
                "values": values,
                "program": program,
                "tables": tables,
                "keep": keep,
            },
        )
        filled: Buffer = Buffer(len(constants))
        filled.as_array()[:] = constants
        self.order = integers_of(value_order)
        self.outputs = Buffer(len(program.outputs))
        self._make_regions(Buffer(arena), filled, program.input_groups, values, program.results)
        columns = [integers_of(table) for table in tables]
        self._kept = keep, columns
        self._forward = forward
        self._gradient = gradient
        place: cython.Py_ssize_t
        if cython.compiled:
            addresses: Buffer = Buffer(len(columns))
            self._tables = cython.cast(cython.pointer[cython.p_int], addresses.numbers)
            for place in range(len(columns)):
                self._tables[place] = cython.cast(Integers, columns[place]).numbers
            self._table_addresses = addresses
        else:
            self._table_addresses = columns

    @cython.cfunc
    @cython.exceptval(-1)
    def forward(self) -> cython.int:
        return self._call(self._forward)

    @cython.cfunc
    @cython.exceptval(-1)
    def gradient(self) -> cython.int:
        return self._call(self._gradient)

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _call(self, function: cython.size_t) -> cython.int:
        if cython.compiled:
            status: cython.longlong = call_native(function, self.regions, self._tables)
        else:
            status = _call_by_ctypes(function, self._addresses, self._table_addresses)
        if status:
            raise ProgramError(f"native code ended with the status {status}")
        return 0


def _call_by_ctypes(function: int, regions: list[Buffer], tables: list[Integers]) -> int:
    """Call machine code from the uncompiled engine."""
    import ctypes

    pointers = ctypes.c_void_p * (len(regions) + 1), ctypes.c_void_p * (len(tables) + 1)
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, *map(ctypes.POINTER, pointers))
    given = pointers[0](*[each.address() for each in regions]), pointers[1](*[each.address() for each in tables])
    status: int = kind(function)(*map(ctypes.byref, given))
    return status
