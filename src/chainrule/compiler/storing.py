"""What a program was compiled to, on disk: the same program is found there the next time, and no pass runs over it.

An entry is named by all that decides what it holds: the program, the source of the compiler, processor and LLVM. It
holds what an executor needs; the machine code itself is an entry of its own, which several programs may share.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._sources import IMPORTED, hash_of, source_files
from chainrule.compiler.native import disk
from chainrule.compiler.native.loading import stored_code
from chainrule.ops.dispatch import Code

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainrule.compiler.native.machine import Loaded, Machine
    from chainrule.compiler.program import Program

PACKAGE = Path(__file__).parents[1]
FUNCTION = re.compile(r"chainrule\.[0-9a-f]{16}\.\w+")  # and none that the process has under another name
HEAD = 8  # bytes: how long the JSON is that follows


@dataclass(frozen=True)
class Compiled:
    """What runs a program, beside the machine code.

    Attributes:
        key: what the machine code is called on disk.
        names: its functions for the outputs, and for outputs and gradients.
        sizes: what the passes found, for reports.
        arena, values, constants, value_order, tables: see `chainrule.compiler.nests.nest.NestProgram`.
    """

    key: str
    names: tuple[str, str]
    sizes: dict[str, int]
    arena: int
    values: int
    constants: NDArray[np.float64]
    value_order: NDArray[np.int64]
    tables: list[NDArray[np.int32]]


def key_of(program: Program, machine: Machine) -> str | None:
    """Return the name of what a program is compiled to; None where it is not kept."""
    compiler = _compiler()
    if compiler is None or disk.folder() is None or program.codes.max(initial=0) > Code.ROWS:
        return None  # a row that was added while the program runs may be another one the next time
    columns = [getattr(program, each.name) for each in fields(program)]
    parts = [
        np.ascontiguousarray(each).data if isinstance(each, np.ndarray) else json.dumps(each).encode()
        for each in columns
    ]
    return disk.key_of(machine, b"program", compiler.encode(), *parts)


def find(program: Program, machine: Machine) -> tuple[str | None, tuple[Compiled, Loaded] | None]:
    """Return a program's key, and what it was compiled to with its machine code: None where not all of it is there."""
    key = key_of(program, machine)
    return key, None if key is None else _found(key, program)


def _found(key: str, program: Program) -> tuple[Compiled, Loaded] | None:
    content = disk.read(key)
    try:
        compiled = None if content is None else _read(content)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it will be replaced
        return None
    if compiled is None or not _fits(compiled, program):
        return None
    loaded = stored_code(compiled.key, compiled.names)
    return None if loaded is None else (compiled, loaded)


def keep(key: str, compiled: Compiled) -> None:
    """Put an entry on the disk, unless the compiler's source has changed since its key was made."""
    if _compiler_now() == _compiler():
        disk.write(key, _written(compiled))


@cache
def _compiler() -> str | None:
    return _compiler_now()


def _compiler_now() -> str | None:
    """Return the hash of the source of the compiler, and of all that it asks; None where that cannot be told.

    So it is where there are no files to read, as in a zip archive, and where one is younger than what was imported.
    """
    try:
        paths = source_files(PACKAGE, "compiler", "core", "ops")
        if not paths or any(path.stat().st_mtime > IMPORTED for path in paths):
            return None
        return hash_of(paths)
    except OSError:
        return None


def _written(compiled: Compiled) -> bytes:
    """Return an entry: the length of its head, the head as JSON, and the arrays one after another."""
    arrays = [
        compiled.constants.astype("<f8"),
        compiled.value_order.astype("<i8"),
        *[table.astype("<i4") for table in compiled.tables],
    ]
    head = {
        "key": compiled.key,
        "names": compiled.names,
        "sizes": compiled.sizes,
        "arena": compiled.arena,
        "values": compiled.values,
        "lengths": [len(each) for each in arrays],
    }
    text = json.dumps(head, default=int).encode()  # numpy has integers of its own
    return b"".join([len(text).to_bytes(HEAD, "little"), text, *[each.tobytes() for each in arrays]])


def _read(content: bytes) -> Compiled:
    """Return what an entry says.

    Raises:
        Exception: of many kinds, where `_written` has not made it.
    """
    begin = HEAD + int.from_bytes(content[:HEAD], "little")
    head = json.loads(content[HEAD:begin])
    kinds = ["<f8", "<i8", *["<i4"] * (len(head["lengths"]) - 2)]
    arrays: list[Any] = []
    for kind, length in zip(kinds, head["lengths"], strict=True):
        arrays.append(np.frombuffer(content, kind, _count(length), begin))
        begin += arrays[-1].nbytes
    forward, gradient = head["names"]
    names_fit = disk.NAME.fullmatch(head["key"]) and FUNCTION.fullmatch(forward) and FUNCTION.fullmatch(gradient)
    if begin != len(content) or not names_fit:
        raise ValueError("something is left over, or has a name that the compiler does not give")
    return Compiled(
        head["key"],
        (forward, gradient),
        {name: _count(size) for name, size in head["sizes"].items()},
        _count(head["arena"]),
        _count(head["values"]),
        constants=arrays[0],
        value_order=arrays[1],
        tables=arrays[2:],
    )


def _count(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r} is not how many there are of anything")
    return number


def _fits(compiled: Compiled, program: Program) -> bool:
    """Tell whether each live Value has its place in the regions."""
    order = compiled.value_order
    inside = not len(order) or 0 <= order.min() <= order.max() < compiled.values
    return bool(inside) and len(order) == program.value_groups[-1]
