"""Reads the fenced blocks of a Markdown page: listings, sessions, commands, and what each of them prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
)
# What a page may hold: a program, a session at Python's prompt, commands, and text that is only shown.
KINDS = ("python", "pycon", "sh", "text")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    `line` is where its content begins in the page, from 1. `output` is the `text` block that follows a
    program or commands with nothing but blank lines between, or empty: then nothing may be printed.
    """

    kind: str
    content: str
    line: int
    output: str = ""


class UnclosedBlockError(ValueError):
    """A page ends inside a block."""


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page's text that run, each with its output.

    Raises:
        UnclosedBlockError: the page ends inside a block.
    """
    found: list[Block] = []
    waiting = False
    for block, alone in _fenced(page):
        if block.kind == "text" and waiting and not alone:
            last = found.pop()
            found.append(Block(last.kind, last.content, last.line, block.content))
            waiting = False
        elif block.kind != "text":
            found.append(block)
            waiting = block.kind in {"python", "sh"}
    return found


def kinds(page: str) -> set[str]:
    """Return the languages that the fences of a page name."""
    return {block.kind for block, _ in _fenced(page)}


def _fenced(page: str) -> Iterator[tuple[Block, bool]]:
    """Give every block, and whether something stands between it and the one before."""
    kind: str | None = None
    start, alone = 0, True
    content: list[str] = []
    for number, line in enumerate(page.splitlines(), start=1):
        fence = re.fullmatch(r"```\s*(\w*).*", line)
        if kind is None and fence:
            kind, start, content = fence.group(1), number + 1, []
        elif kind is not None and line.rstrip() == "```":
            yield Block(kind, "".join(f"{each}\n" for each in content), start), alone
            kind, alone = None, False
        elif kind is not None:
            content.append(line)
        elif line.strip():
            alone = True
    if kind is not None:
        raise UnclosedBlockError(f"the block that begins in line {start - 1} is never closed")


def command_lines(block: Block) -> list[str]:
    """Return the commands of a `sh` block: a line each, without comments."""
    stripped = (line.partition(" #")[0].strip() for line in block.content.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]
