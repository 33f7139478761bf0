"""From a nest program to machine code: one module of a few functions, two of which can be called."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from chainrule.compiler.native.companions import with_companions
from chainrule.compiler.native.loading import key_of, machine_code, ready
from chainrule.compiler.native.lowering import Lowered, lower
from chainrule.compiler.native.machine import Loaded, Machine
from chainrule.compiler.native.memory import Memory
from chainrule.compiler.native.nest_code import NestCode
from chainrule.compiler.native.schedule import Schedule, choose, thrift_of
from chainrule.compiler.native.sharing import MovedMemory, alike_nests
from chainrule.compiler.native.strip_code import PARAMETER, StripMemory, lower_strip, strip_loop
from chainrule.compiler.native.strips import Strips, strips_of
from chainrule.compiler.native.text import Writer
from chainrule.compiler.nests.nest import Buffer, NestProgram, Region
from chainrule.errors import TooLargeError

MOST_NESTS = 3_000
MOST_INSTRUCTIONS = 150_000
FUNCTION_INSTRUCTIONS = 2_500  # LLVM's time grows faster than a function's length
ARGUMENTS = "ptr %regions, ptr %tables"


@dataclass(frozen=True)
class NativeCode:
    """A compiled program; its addresses are good as long as this object lives.

    Attributes:
        loaded: the machine code, with the addresses of its functions.
        names: of `int64 f(double **regions, int32 **tables)` for the outputs, and for outputs and gradients.
        key: what the machine code is called on disk.
        source: the LLVM text.
        seconds: how long compiling took.
        cached: the machine code came from disk.
        instructions: how many LLVM instructions were written.
        schedules: how each nest is run, in words.
    """

    loaded: Loaded = field(repr=False)
    names: tuple[str, str]
    key: str
    source: str = field(repr=False)
    seconds: float
    cached: bool
    instructions: int
    schedules: tuple[str, ...] = field(repr=False)

    @property
    def forward(self) -> int:
        """The address of the function for the outputs."""
        return self.loaded.addresses[self.names[0]]

    @property
    def gradient(self) -> int:
        """The address of the function for outputs and gradients."""
        return self.loaded.addresses[self.names[1]]


def compile_nests(program: NestProgram, *, width: int | None = None, cache: bool = True) -> NativeCode:
    """Return the machine code of a program.

    Args:
        program: what to compile.
        width: lanes of a vector; None for the machine's own.
        cache: look for the machine code on disk, and put it there.

    Raises:
        NotCompilableError: there is no llvmlite, or the program uses a row that no code can be made for.
        TooLargeError: there are too many nests or instructions.
    """
    began = time.perf_counter()
    machine = ready()
    if width is not None:
        machine = replace(machine, width=width)
    text, names, instructions, schedules = module_text(program, machine)
    key = key_of(text, machine)
    loaded, cached = machine_code(text, machine, names, key if cache else None)
    return NativeCode(
        loaded,
        names,
        key,
        source=text,
        seconds=time.perf_counter() - began,
        cached=cached,
        instructions=instructions,
        schedules=schedules,
    )


# The text of a module


def module_text(program: NestProgram, machine: Machine) -> tuple[str, tuple[str, str], int, tuple[str, ...]]:
    """Return the LLVM text of a program, its two functions' names, how long it is, and the schedules in words."""
    if len(program.nests) > MOST_NESTS:
        raise TooLargeError(f"the program has {len(program.nests)} loop nests, and code is made for up to {MOST_NESTS}")
    strips = strips_of(program)
    if strips is not None:
        module = _Module(strips.program, machine)
        forward, gradient = _in_strips(module, strips)
    else:
        program = with_companions(program, machine.width)
        module = _Module(program, machine)
        forward = module.add(range(program.forward))
        gradient = [*forward, *module.add(range(program.forward, len(program.nests)))]
    text = "\n".join([*module.functions, *sorted(module.declarations)])
    stamp = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    names = (f"chainrule.{stamp}.forward", f"chainrule.{stamp}.gradient")
    entries = [_entry(names[0], forward), _entry(names[1], gradient)]
    return "\n".join([text, *entries, ""]), names, module.instructions, module.schedules()


def _in_strips(module: _Module, strips: Strips) -> tuple[list[str], list[str]]:
    """Return what the two functions of a program call that runs strip by strip."""
    forward: list[str] = []
    gradient: list[str] = []
    looped = strips.looped
    module.do_not_share(looped)
    for piece in (range(looped.start), looped, range(looped.stop, len(strips.program.nests))):
        names: list[str] = []
        for in_forward, numbers in groupby(piece, key=strips.forward.__contains__):
            if piece is looped:
                names += [module.add_strip(number, strips.count) for number in numbers]
                forward += [module.add_loop(names, strips.count)] if in_forward else []
            else:
                calls = module.add(list(numbers))
                gradient += calls
                forward += calls if in_forward else []
        if piece is looped:
            gradient.append(module.add_loop(names, strips.count))
    return forward, gradient


def _entry(name: str, calls: Sequence[str]) -> str:
    lines = [f"  call void {each}" for each in calls]
    return "\n".join([f"define i64 @{name}({ARGUMENTS}) nounwind {{", *lines, "  ret i64 0", "}"])


def _shared(stored: list[Buffer]) -> frozenset[tuple[Region, int]]:
    """Return the buffers in which more than one store writes; a wide one may hold others."""
    found = set()
    widest: Buffer | None = None
    for each in sorted(stored, key=lambda buffer: (buffer.region.value, buffer.group, buffer.offset, -buffer.size)):
        if widest is not None and (widest.region, widest.group) == (each.region, each.group):
            if each.offset < widest.offset + widest.size:
                found |= {(widest.region, widest.offset), (each.region, each.offset)}
            if each.offset + each.size <= widest.offset + widest.size:
                continue
        widest = each
    return frozenset(found)


class _Module:
    """The functions of a module while they are written."""

    def __init__(self, program: NestProgram, machine: Machine) -> None:
        self.program = program
        self.machine = machine
        self.functions: list[str] = []
        self.declarations: set[str] = set()
        self.instructions = 0
        self.named = 0
        self.sizes = {
            Region.ARENA: program.arena,
            Region.CONSTANTS: len(program.constants),
            Region.VALUES: program.values,
            Region.GRADIENTS: program.values,
        }
        self.shared = _shared(
            [program.buffers[store.address.buffer] for nest in program.nests for store in nest.stores]
        )

        self.kinds, self.alike = alike_nests(program)
        self.thrift = thrift_of(len(set(self.kinds)))
        self.chosen: dict[Hashable, Schedule] = {}
        self.writer: Writer | None = None
        self.memory: Memory | None = None

    def add(self, numbers: Sequence[int]) -> list[str]:
        """Write nests, in as many functions as it takes, and return the calls of these."""
        calls: list[str] = []
        for number in numbers:
            shared = self._shared_call(number)
            if shared is not None:
                self._close()
                calls.append(shared)
                continue
            lowered, schedule = self._lowered(number)
            if self.writer is None or self.writer.instructions > FUNCTION_INSTRUCTIONS:
                self._close()
                name = self._new_name()
                self.writer = self._writer(name, "")
                self.memory = Memory(self.writer, self.sizes, self.shared)
                calls.append(f"@{name}({ARGUMENTS})")
            assert self.memory is not None  # noqa: S101 - it is made with the writer
            self._write(self.writer, self.memory, lowered, schedule)
        self._close()
        return calls

    def do_not_share(self, numbers: Sequence[int]) -> None:
        """Keep nests out of shared functions."""
        for number in numbers:
            if number in self.alike:
                for each in self.alike[number].numbers:
                    del self.alike[each]

    def add_strip(self, number: int, count: int) -> str:
        """Write the function of one strip's nest and return its name."""
        name, kind = self._new_name(), self.kinds[number]
        lowered = lower_strip(self.program.nests[number], self.program.buffers, count)
        schedule = self.chosen[kind] = choose(lowered, self.machine.width, self.thrift)
        writer = self._writer(name, PARAMETER)
        self._write(writer, StripMemory(writer, self.sizes, self.shared, count), lowered, schedule)
        self._finish(writer)
        return name

    def add_loop(self, functions: Sequence[str], count: int) -> str:
        """Write the function that calls these for every strip, and return the call of it."""
        name = self._new_name()
        self.functions.append(strip_loop(name, ARGUMENTS, functions, count))
        return f"@{name}({ARGUMENTS})"

    def _shared_call(self, number: int) -> str | None:
        """Return the call for a nest that shares its function; the first one of those writes it."""
        alike = self.alike.get(number)
        if alike is None:
            return None
        if alike.name is None:
            lowered, schedule = self._lowered(number)
            name = self._new_name()
            writer = self._writer(name, alike.moves.parameters)
            memory = MovedMemory(writer, self.sizes, self.shared, alike.moves)
            self._write(writer, memory, alike.lowered(lowered, self.program, self.shared), schedule)
            if not alike.pays(writer.instructions):
                for each in alike.numbers:
                    del self.alike[each]
                return None
            alike.name = name
            self._finish(writer)
        return alike.call(number)

    def _lowered(self, number: int) -> tuple[Lowered, Schedule]:
        """Return a nest as the emitter reads it; the schedule is chosen once for all of a kind."""
        nest, kind = self.program.nests[number], self.kinds[number]
        lowered = lower(nest, self.program.buffers)
        if kind not in self.chosen:
            self.chosen[kind] = choose(lowered, self.machine.width, self.thrift)
        return lowered, self.chosen[kind]

    def _new_name(self) -> str:
        self.named += 1
        return f"part{self.named}"

    def _writer(self, name: str, parameters: str) -> Writer:
        machine = self.machine
        arguments = ARGUMENTS + parameters
        return Writer(name, arguments, "internal", scale_width=machine.scale_width, fuses=machine.fuses)

    def _write(self, writer: Writer, memory: Memory, lowered: Lowered, schedule: Schedule) -> None:
        memory.prepare(lowered)
        NestCode(writer, lowered, schedule, memory).write()
        if self.instructions + writer.instructions > MOST_INSTRUCTIONS:
            raise TooLargeError(f"the program needs more than {MOST_INSTRUCTIONS} instructions of code")

    def _close(self) -> None:
        if self.writer is not None:
            self._finish(self.writer)
            self.writer = None

    def _finish(self, writer: Writer) -> None:
        self.functions.append(writer.finish())
        self.declarations |= writer.declarations
        self.instructions += writer.instructions

    def schedules(self) -> tuple[str, ...]:
        """Return how each nest is run, in words."""
        return tuple(
            f"{' × '.join(map(str, nest.extents)) or 'once'}: {self.chosen[kind]}"
            for nest, kind in zip(self.program.nests, self.kinds, strict=True)
        )
