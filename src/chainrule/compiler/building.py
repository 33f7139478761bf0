"""From a traced program to what runs it: machine code where that is possible and pays, else the tape."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from chainrule.compiler.report import Pass
from chainrule.engine import Native, Tape
from chainrule.errors import ChainruleError

if TYPE_CHECKING:
    from chainrule.compiler.native.machine import Loaded
    from chainrule.compiler.nests.nest import NestProgram
    from chainrule.compiler.program import Program
    from chainrule.compiler.storing import Compiled

T = TypeVar("T")

# Beside the tape, machine code saves some ns an operand and call; compiling takes some tenths of a second, and half a
# µs an operand. (With the uncompiled engine it saves more; but a training would then have other last digits there.)
SAVED, FIXED_COST, COST = 3e-9, 0.3, 0.5e-6
# After how many calls on the tape machine code is made for a program on trial: of the traces that guards ask for, most
# serve fewer (measured: docs/decisions/compiler.md).
TRIAL = 10

FOUND = "the machine code was found on the disk"


class _NoCodeError(Exception):
    """There will be no machine code; the message says why."""


@dataclass
class Built:
    """An executor and how it was made.

    Attributes:
        executor: of the engine, a Native or a Tape.
        name: 'native' or 'tape'.
        note: why it is no machine code, although that was wanted; or where the code came from.
        trial: whether machine code is to be had, and waits until the program has shown its use.
        hint: whether the note is about this computer, and not about the program.
        failure: what went wrong in the compiler itself; the tape serves then.
        sizes: what the passes found, see `Specialisation`.
        passes: how long each took.
    """

    executor: Any
    name: str = "tape"
    note: str = ""
    trial: bool = False
    hint: bool = False
    failure: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    passes: list[Pass] = field(default_factory=list)

    def timed(self, name: str, action: Callable[[], T]) -> T:
        """Do a step and remember how long it took."""
        started = time.perf_counter()
        try:
            return action()
        finally:
            self.passes.append(Pass(name, time.perf_counter() - started))


def build(program: Program, wanted: str, expected_calls: float | None = None, *, trial: bool = False) -> Built:
    """Return what runs a program.

    Args:
        program: what was traced.
        wanted: 'native', 'tape', or 'auto': native where it can be had and pays.
        expected_calls: how often it will be called, where that is known.
        trial: whether 'auto' begins with the tape where that is not known, and the program may never serve again.
    """
    built = Built(None, sizes={"nodes traced": program.size})
    if wanted == "tape" or (wanted == "auto" and not pays(len(program.operands), expected_calls)):
        built.executor = built.timed("tape", lambda: Tape(program))
        return built
    try:
        if trial and wanted == "auto" and expected_calls is None:
            _require_native(built)
            built.trial = True
            raise _NoCodeError(f"runs on the tape until it has served {TRIAL} calls")
        _native(program, built)
    except _NoCodeError as reason:
        built.note = str(reason)
    except Exception as error:  # noqa: BLE001 - nobody's training ends because of a mistake in the compiler
        built.failure = f"{type(error).__name__}: {error}"
        built.note = f"runs on the tape interpreter, since the compiler failed ({built.failure:.200})"
    if built.executor is None:
        built.executor = built.timed("tape", lambda: Tape(program))
    return built


def pays(operands: int, calls: float | None) -> bool:
    """Tell whether machine code is worth its compiling; where nobody knows the number of calls, it always is."""
    return calls is None or SAVED * operands * calls > FIXED_COST + COST * operands


def source_of(program: Program) -> str:
    """Return the code of a program that runs as machine code, in LLVM's language.

    Nobody keeps it: it is written anew, and the same program gets the same text.
    """
    from chainrule.compiler.native.compiling import module_text
    from chainrule.compiler.native.machine import host

    return module_text(_nests(program, Built(None)), host())[0]


def _require_native(built: Built) -> None:
    """Give up where this computer makes no machine code."""
    from chainrule.compiler.native.machine import available

    missing = available()
    if missing is not None:
        built.hint = True
        raise _NoCodeError(f"runs on the tape interpreter, not as machine code: {missing}")


def _native(program: Program, built: Built) -> None:
    """Fill in the native executor."""
    # Here, because each loads numpy, and the last llvmlite where it is installed.
    from chainrule.compiler import storing
    from chainrule.compiler.native.machine import host

    _require_native(built)
    key, found = built.timed("cache", lambda: storing.find(program, host()))
    compiled, code = found or _compiled(program, built)
    if found:
        built.note = FOUND
    elif key:
        storing.keep(key, compiled)
    built.sizes = compiled.sizes
    built.executor = Native(
        *[code.addresses[name] for name in compiled.names],
        arena=compiled.arena,
        constants=compiled.constants,
        value_order=compiled.value_order,
        values=compiled.values,
        program=program,
        tables=compiled.tables,
        keep=code,
    )
    built.name = "native"


def _compiled(program: Program, built: Built) -> tuple[Compiled, Loaded]:
    """Return what a program is compiled to, and its machine code; say how, and how long it took."""
    from chainrule.compiler.native.compiling import compile_nests
    from chainrule.compiler.storing import Compiled

    nests = _nests(program, built)
    try:
        code = built.timed("machine code", lambda: compile_nests(nests))
    except ChainruleError as reason:  # too large, or a row that only Python knows
        raise _NoCodeError(f"stays on the tape interpreter: {Exception.__str__(reason)}") from reason
    built.note = FOUND if code.cached else ""
    compiled = Compiled(
        code.key,
        code.names,
        sizes=built.sizes,
        arena=nests.arena,
        values=nests.values,
        constants=nests.constants,
        value_order=nests.value_order,
        tables=nests.tables,
    )
    return compiled, code.loaded


def _nests(program: Program, built: Built) -> NestProgram:
    """Return the loop nests of a program."""
    from chainrule.compiler.nests.building import build as build_nests
    from chainrule.compiler.raising import Irregular, differentiate, raise_program

    classes = built.timed("raise", lambda: raise_program(program))
    joint = classes if isinstance(classes, Irregular) else built.timed("differentiate", lambda: differentiate(classes))
    if isinstance(joint, Irregular):
        raise _NoCodeError(f"stays on the tape interpreter: {joint.reason}")
    built.sizes["scalars with gradients"] = sum(each.size for each in joint.classes)
    built.sizes["classes"] = len(joint.classes)
    nests = built.timed("loops", lambda: build_nests(joint))
    built.sizes["loop nests"] = len(nests.nests)
    return nests
