"""From loop nests to machine code, through LLVM; see `compiling`."""

from chainrule.compiler.native.compiling import NativeCode, compile_nests
from chainrule.compiler.native.machine import available
from chainrule.compiler.native.schedule import Schedule, best_schedule
from chainrule.compiler.native.update import NativeUpdate, compile_update

__all__ = [
    "NativeCode",
    "NativeUpdate",
    "Schedule",
    "available",
    "best_schedule",
    "compile_nests",
    "compile_update",
]
