"""The machine code of a module: found on the disk, or made by LLVM and kept there."""

from __future__ import annotations

import contextlib

from chainrule.compiler.native import disk
from chainrule.compiler.native.machine import Loaded, Machine, available, host, load, object_code
from chainrule.errors import NotCompilableError


def ready() -> Machine:
    """Return the machine that code is made for.

    Raises:
        NotCompilableError: no code can be made.
    """
    reason = available()
    if reason is not None:
        raise NotCompilableError(f"no native code: {reason}")
    return host()


def key_of(text: str, machine: Machine) -> str:
    """Return the name that a module's machine code has on disk."""
    return disk.key_of(machine, text.encode())


def machine_code(text: str, machine: Machine, names: tuple[str, ...], key: str | None) -> tuple[Loaded, bool]:
    """Return the loaded code of a module, and whether it came from disk; `key`: its name there, None to keep off it."""
    found = stored_code(key, names) if key else None
    if found is not None:
        return found, True
    fresh = object_code(text, machine)
    if key:
        disk.write(key, fresh)
    return load(fresh, names), False


def stored_code(key: str, names: tuple[str, ...]) -> Loaded | None:
    """Return loaded code from disk; None where there is none, or none that can be loaded."""
    stored = disk.read(key)
    if stored is not None:
        with contextlib.suppress(RuntimeError, OSError):  # whatever is wrong with it, it will be replaced
            return load(stored, names)
    return None
