"""The command line: `main` finds the command, runs it, and turns every mistake into one sentence."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from chainrule import __version__
from chainrule.cli import bench, demo, explain, fit, predict, show
from chainrule.cli.output import complain
from chainrule.errors import ChainruleError

COMMANDS = (demo, fit, predict, show, explain, bench)

BAD_DATA, USAGE, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 ok, 1 bad data, 2 wrong usage, 130 interrupted."""
    try:
        args = _parser().parse_args(argv)
    except SystemExit as leaving:  # argparse has said what was wrong, or printed the help
        return leaving.code if isinstance(leaving.code, int) else USAGE
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except ChainruleError as error:
        complain(str(error))
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_stdout()  # whoever read our output has seen enough, as in `chainrule predict … | head`
    except UnicodeEncodeError as error:
        complain(
            f"the output's encoding {error.encoding} cannot hold {error.object[error.start : error.end]!r}: "
            "set PYTHONIOENCODING=utf-8"
        )
    except OSError as error:
        _abandon_stdout()
        where = f" {error.filename}" if error.filename else " the output"
        complain(f"cannot write{where}: {error.strerror or error}")
    else:
        return code
    return BAD_DATA


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chainrule",
        description="Train, use and see small networks of scalars.",
        epilog="Start with: chainrule demo",
    )
    parser.add_argument("--version", action="version", version=f"chainrule {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2]
        sub = commands.add_parser(
            name, help=command.SUMMARY, description=command.SUMMARY + ".", epilog=getattr(command, "EPILOG", None)
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


def _abandon_stdout() -> None:
    """Point stdout at nothing, so that Python's own flush at exit does not fail a second time."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
