"""Build the engine: the op table as C, the parts in chainrule/core as one module, compiled by Cython.

Without a C compiler, nothing of that: the package runs from its source.

Environment: CHAINRULE_REQUIRE_EXT=1 makes a failed compilation an error, CHAINRULE_PURE=1 skips compiling.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError, PlatformError

ROOT = Path(__file__).parent
PACKAGE = ROOT / "src" / "chainrule"
REQUIRED = os.environ.get("CHAINRULE_REQUIRE_EXT") == "1"
# pip asks for the metadata twice before it builds: that needs no engine.
ONLY_ASKED = not {"egg_info", "dist_info", "sdist"}.isdisjoint(sys.argv)

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
    if ONLY_ASKED or os.environ.get("CHAINRULE_PURE") == "1":
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        if REQUIRED:
            raise
        return []
    from amalgam import amalgamated_source
    from kernels import kernel_names, kernels_text

    sources = runpy.run_path(str(PACKAGE / "_sources.py"))
    parts = [(PACKAGE / "core" / f"{part}.py").read_text(encoding="utf-8") for part in sources["PARTS"]]
    folder = ROOT / "build" / "engine" / "chainrule"
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "__init__.pxd", "")
    _write(folder / "_kernels.pxd", kernels_text(PACKAGE / "ops"))
    _write(folder / "engine.py", amalgamated_source(parts, kernel_names(parts)))
    _write(
        PACKAGE / "_build_info.py",
        '"""What the compiled engine was made from; written by setup.py."""\n\n'
        f'SOURCE_HASH = "{sources["source_hash"](PACKAGE)}"\n',
    )
    extensions: list[Extension] = cythonize(
        [Extension("chainrule.engine", [str((folder / "engine.py").relative_to(ROOT))])],
        include_path=[str(folder.parent)],
        # cdivision: a / 0.0 is what IEEE 754 says and no exception, in the ops as in the engine.
        compiler_directives={"language_level": 3, "cdivision": True},
        force=True,
        quiet=True,
    )
    return extensions


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


setup(ext_modules=engine_extension(), cmdclass={"build_ext": BuildEngine})
