"""Runs the blocks of a page in order, as a reader would, and compares what they print with what the page says."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import random
import re
import shlex
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import chainrule
from chainrule import engine
from tests.docs.pages import ROOT, Block, blocks, command_lines

# Commands that pages show and no test of theirs runs, each with the reason.
NOT_RUN = {
    "make demo": "tests/house/test_make.py looks at the target, tests/cli/test_demo.py runs the command",
    "make test": "it is what runs this",
    "python examples/names_gpt.py": "it needs a file of names; tests/examples/test_names_gpt.py runs it with a few",
}
# An uncompiled class can be patched, so sessions that show this one cannot hold there.
COMPILED_ONLY = "immutable type"


class MismatchError(AssertionError):
    """A page says something else than what happens."""


def follow_alone(page: Path, folder: Path) -> None:
    """Follow a whole page in a Python process of its own, started in an empty folder.

    Raises:
        MismatchError: what a block prints is not what the page says.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "tests.docs.running", str(page)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if ran.returncode:
        raise MismatchError(ran.stdout + ran.stderr)


def environment() -> dict[str, str]:
    """Return the variables of a terminal without colour, in which this package and these tests are found."""
    kept = {name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "COLUMNS"}}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(Path(chainrule.__file__).parents[1]), str(ROOT)]),
        "PYTHONIOENCODING": "utf-8",
        "MPLBACKEND": "Agg",
        "CHAINRULE_CACHE": "",  # a report names the passes that ran
    }


class Reader:
    """Someone who follows a page from top to bottom in an empty folder that has the project's examples.

    Python blocks share their names, as in a notebook; commands and programs share the folder.
    """

    def __init__(self, page: Path, folder: Path) -> None:
        self.page = page
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "__main__"}
        (folder / "examples").symlink_to(ROOT / "examples")
        self.programs = folder / ".programs"
        self.programs.mkdir()
        self._program("python", f'exec {shlex.quote(sys.executable)} "$@"')
        self._program("chainrule", f'exec {shlex.quote(sys.executable)} -m chainrule "$@"')

    def follow(self, block: Block) -> None:
        """Run a block.

        Raises:
            MismatchError: it prints something else than the page says.
        """
        if block.kind == "python":
            self._compare(block, block.output, self._python(block))
        elif block.kind == "pycon":
            self._session(block)
        elif block.kind == "sh":
            commands = [command for command in command_lines(block) if command not in NOT_RUN]
            self._compare(block, block.output, "".join(map(self._command, commands)))

    def _python(self, block: Block) -> str:
        code = compile("\n" * (block.line - 1) + block.content, str(self.page), "exec")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), warnings_in(printed):
            exec(code, self.names)
        return printed.getvalue()

    def _session(self, block: Block) -> None:
        runner = doctest.DocTestRunner(Checker(), verbose=False)
        if COMPILED_ONLY in block.content and not engine.compiled:
            return
        name = str(self.page)
        test = doctest.DocTestParser().get_doctest(block.content, self.names, name, name, block.line - 1)
        report = io.StringIO()
        with warnings_in(Current()):
            runner.run(test, out=report.write, clear_globs=False)
        self.names = test.globs
        if runner.failures:
            raise MismatchError(report.getvalue())

    def _command(self, command: str) -> str:
        ran = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env={**environment(), "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
        )
        if ran.returncode and "error:" not in ran.stdout:
            raise MismatchError(f"{self.page.name}: `{command}` ended with {ran.returncode}:\n{ran.stdout}")
        return ran.stdout

    def _compare(self, block: Block, expected: str, printed: str) -> None:
        if not agree(expected, printed):
            raise MismatchError(f"{self.page.name}:{block.line}: the page says\n{expected}\nand it prints\n{printed}")

    def _program(self, name: str, line: str) -> None:
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{line}\n", "utf-8")
        program.chmod(0o755)


class Checker(doctest.OutputChecker):
    """Compares what a session prints as everything else on a page is compared."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        del optionflags
        return agree(want, got)


class Current:
    """Writes to whatever sys.stdout is at the moment; doctest puts its own there."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)


@contextlib.contextmanager
def warnings_in(stream: Any) -> Any:
    """Print warnings in a line each, so that a page shows those that it means and no others."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, category, *_: stream.write(f"{category.__name__}: {message}\n")
        yield


DURATION = re.compile(
    r"\b(\d+ (h|min) )?\d+(\.\d+)?(e-\d+)? (ms|s|min|h)\b"  # as people read it
    r"|(?<=seconds )\d+(\.\d+)?|(?<=\"seconds\": )\d+(\.\d+)?"  # in the repr of a history, in JSON
)


def agree(expected: str, printed: str) -> bool:
    """Tell whether a page's output is what is printed.

    Spaces at the ends of lines, blank lines at the start and end, and the lengths of time do not count;
    `…` in the page, with the spaces around it, stands for any text, lines included.
    """
    pieces = [re.escape(piece) for piece in re.split(" *… *", _plain(expected))]
    return re.fullmatch(".*".join(pieces), _plain(printed), re.DOTALL) is not None


def _plain(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    return DURATION.sub("<time>", lines)


def main() -> None:
    """Follow the page named on the command line in the folder where this was started."""
    page = Path(sys.argv[1])
    random.seed(0)  # pages do not seed where they need not, and a test's run is repeatable
    reader = Reader(page, Path.cwd())
    for block in blocks(page.read_text("utf-8")):
        reader.follow(block)


if __name__ == "__main__":
    try:
        main()
    except MismatchError as mismatch:
        sys.exit(str(mismatch))
