"""Build the engine: translate the op table to C, compile engine.py with Cython; without a compiler, neither.

Environment: CHAINRULE_REQUIRE_EXT=1 makes a failed compilation an error, CHAINRULE_PURE=1 skips compiling.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError, PlatformError

ROOT = Path(__file__).parent
PACKAGE = ROOT / "src" / "chainrule"
REQUIRED = os.environ.get("CHAINRULE_REQUIRE_EXT") == "1"

# -ffp-contract=off: a product and a sum are rounded each, so results are the same bits on every machine.
# -fno-math-errno: the C library's functions report through their value alone.
UNIX_FLAGS = ["-O3", "-g0", "-ffp-contract=off", "-fno-math-errno"]

sys.path.insert(0, str(ROOT / "build_tools"))


class BuildEngine(build_ext):
    """Compile the engine where possible; where not, install its source alone and say so."""

    def run(self) -> None:
        try:
            super().run()
        except (CCompilerError, ExecError, PlatformError, OSError) as error:
            self._give_up(error)

    def build_extension(self, ext: Extension) -> None:
        if self.compiler.compiler_type == "unix":
            ext.extra_compile_args = UNIX_FLAGS
        try:
            super().build_extension(ext)
        except (CCompilerError, ExecError, PlatformError, OSError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        if REQUIRED:
            raise error
        self.extensions.clear()
        print(
            f"chainrule: the engine was not compiled ({error}). Everything works, many times slower; "
            "install a C compiler and install chainrule anew.",
            file=sys.stderr,
        )


def engine_extension() -> list[Extension]:
    """Write what the extension is made from and return it; nothing when it is not to be compiled."""
    if os.environ.get("CHAINRULE_PURE") == "1":
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        if REQUIRED:
            raise
        return []
    from kernels import kernels_text, source_hash

    (PACKAGE / "_kernels.pxd").write_text(kernels_text(PACKAGE / "ops"), encoding="utf-8")
    (PACKAGE / "_build_info.py").write_text(
        f'"""What the compiled engine was made from; written by setup.py."""\n\nSOURCE_HASH = "{source_hash(PACKAGE)}"\n',
        encoding="utf-8",
    )
    extension = Extension("chainrule.engine", [str((PACKAGE / "engine.py").relative_to(ROOT))])
    extensions: list[Extension] = cythonize(
        [extension],
        include_path=[str(ROOT / "src")],
        build_dir=str(ROOT / "build" / "cython"),
        # cdivision: a / 0.0 is what IEEE 754 says and no exception, in the ops as in the engine.
        compiler_directives={"language_level": 3, "cdivision": True},
        force=True,
        quiet=True,
    )
    return extensions


setup(ext_modules=engine_extension(), cmdclass={"build_ext": BuildEngine})
