"""The processor and LLVM: what there is, and from text to machine code."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from weakref import finalize

LOCK = threading.RLock()  # LLVM's global context is not made for two threads at a time
X86_WIDTHS = (("avx512f", 8), ("avx2", 4))


@cache
def available() -> str | None:
    """Return None where native code can be made, else the reason in one sentence."""
    try:
        import llvmlite.binding as llvm
    except ImportError as error:
        return f"llvmlite is not installed ({error}): pip install 'chainrule[compile]'"
    if llvm.llvm_version_info[0] < 20:
        return f"llvmlite {llvm.llvm_version_info} is older than what the compiler writes: update llvmlite"
    try:
        host()
    except RuntimeError as error:
        return f"llvmlite has no code generator for this processor ({error})"
    return None


@dataclass(frozen=True)
class Machine:
    """A processor.

    Attributes:
        triple, cpu, features: LLVM's names of it.
        width: how many float64 numbers a vector register holds.
    """

    triple: str
    cpu: str
    features: str
    width: int

    @property
    def scale_width(self) -> int:
        """How many lanes its instruction for x · 2ⁿ takes; 0 where it has none."""
        return 8 if "+avx512f" in self.features.split(",") else 0

    @property
    def fuses(self) -> bool:
        """Whether it rounds a product and a sum once."""
        return "+fma" in self.features.split(",") or self.triple.startswith(("aarch64", "arm64"))


@cache
def host() -> Machine:
    """Return this machine."""
    import llvmlite.binding as llvm

    with LOCK:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        found = llvm.get_host_cpu_features()
        triple = llvm.get_process_triple()
    width = next((lanes for feature, lanes in X86_WIDTHS if found.get(feature)), 2)
    return Machine(triple, llvm.get_host_cpu_name(), found.flatten(), width)


def object_code(text: str, machine: Machine) -> bytes:
    """Return the object file of a module's text."""
    import llvmlite.binding as llvm

    with LOCK:
        module = llvm.parse_assembly(text, llvm.create_context())
        # No passes over the text: the emitter has hoisted, shared and fused, and LLVM's own found nothing more to gain.
        code: bytes = _target_machine(machine).emit_object(module)
        return code


def _target_machine(machine: Machine) -> Any:
    import llvmlite.binding as llvm

    target = llvm.Target.from_triple(machine.triple)
    return target.create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=1, reloc="pic", codemodel="small"
    )


@dataclass
class Loaded:
    """Machine code in memory; it lives as long as this object.

    Attributes:
        addresses: of its functions, by name.
    """

    addresses: dict[str, int]
    _alive: Any = field(repr=False)


def load(code: bytes, names: tuple[str, ...]) -> Loaded:
    """Bring an object file into memory.

    Args:
        code: the object file.
        names: the functions that will be called.

    Raises:
        RuntimeError: LLVM refuses the file, or a function is missing.
    """
    import llvmlite.binding as llvm
    import numpy as np

    with LOCK:
        compiler = _compiler()
        library = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name in names:
            library.export_symbol(name)
        tracker = library.link(compiler, f"chainrule{next(_numbers)}")
        # The cycle collector ends what is in a cycle in any order, and a `__del__` in the same cycle may yet call the
        # code. It does not see arrays, so this one ends when the last that can call is gone.
        alive = np.empty(0)
        finalize(alive, _release, tracker, compiler).atexit = False
        return Loaded({name: tracker[name] for name in names}, alive)


def _release(*_owners: Any) -> None:
    """Be the last that holds what owns machine code."""


_numbers = iter(range(1 << 62))


@cache
def _compiler() -> Any:
    import llvmlite.binding as llvm

    machine = host()
    return llvm.create_lljit_compiler(_target_machine(machine), use_jit_link=False, suppress_errors=True)
