"""Every listing, session and command on every page runs, and prints what the page says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import KINDS, PAGES, ROOT, UnclosedBlockError, blocks, command_lines, kinds
from tests.docs.running import NOT_RUN, MismatchError, Reader, agree, follow_alone

SLOW = {"docs/command-line.md"}  # trains four networks


def name(page: Path) -> str:
    """The page as a test id."""
    return page.relative_to(ROOT).as_posix()


def with_blocks() -> list[Any]:
    """The pages on which something runs."""
    return [
        pytest.param(page, marks=[pytest.mark.slow] if name(page) in SLOW else [], id=name(page))
        for page in PAGES
        if blocks(page.read_text("utf-8"))
    ]


@pytest.mark.parametrize("page", with_blocks())
def test_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    follow_alone(page, tmp_path)


def test_fault_is_found_in_a_page_followed_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nprint(2)\n```\n\n```text\n3\n```\n", "utf-8")
    with pytest.raises(MismatchError, match=r"page\.md:4: the page says\n3\n"):
        follow_alone(page, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_fences_name_what_they_hold(page: Path) -> None:
    assert kinds(page.read_text("utf-8")) <= set(KINDS)


def test_commands_that_are_not_run_are_shown_somewhere() -> None:
    shown = {
        command
        for page in PAGES
        for block in blocks(page.read_text("utf-8"))
        if block.kind == "sh"
        for command in command_lines(block)
    }
    assert set(NOT_RUN) <= shown


def follow(page: str, tmp_path: Path) -> None:
    """Follow a page given as text."""
    reader = Reader(Path("page.md"), tmp_path)
    for block in blocks(page):
        reader.follow(block)


RIGHT = [
    "```python\nx = 2\nprint(x)\n```\n\n```text\n2\n```\n",
    "```python\nx = 2\n```\nand then\n```text\nonly shown\n```\n",
    "```python\nx = 2\n```\n```pycon\n>>> x + 1\n3\n```\n```python\nprint(x)\n```\n```text\n2\n```\n",
    "```pycon\n>>> y = 5\n```\n```pycon\n>>> y\n5\n```\n",
    "```sh\necho hello  # says it\n```\n```text\nhello\n```\n",
    "```sh\npython -c 'import chainrule; print(chainrule.Value(1))'\n```\n```text\nValue(data=1.0, grad=0.0)\n```\n",
    "```sh\necho 'error: as meant' && false\n```\n```text\nerror: as meant\n```\n",
    "```python\nimport warnings\nwarnings.warn('mind')\n```\n```text\nUserWarning: mind\n```\n",
    "```pycon\n>>> import warnings\n>>> warnings.warn('mind')\nUserWarning: mind\n```\n",
    "```pycon\n>>> 1 / 0\nTraceback (most recent call last):\nZeroDivisionError: division by zero\n```\n",
]
WRONG = [
    "```python\nprint(2)\n```\n\n```text\n3\n```\n",
    "```python\nprint(2)\n```\n",
    "```python\nprint(2)\n```\nand then\n```text\n2\n```\n",
    "```python\n```\n```text\n2\n```\n",
    "```pycon\n>>> 1 + 1\n3\n```\n",
    "```pycon\n>>> 1 + 1\n2\n>>> 1 + 1\n3\n>>> 1 + 1\n2\n```\n",
    "```sh\necho hello\n```\n```text\nhallo\n```\n",
    "```sh\nfalse\n```\n",
    "```python\nimport warnings\nwarnings.warn('mind')\n```\n",
    "```pycon\n>>> 1 / 0\nTraceback (most recent call last):\nZeroDivisionError: division by one\n```\n",
]


@pytest.mark.parametrize("page", RIGHT)
def test_reader_is_content(page: str, tmp_path: Path) -> None:
    follow(page, tmp_path)


@pytest.mark.parametrize("page", WRONG)
def test_reader_finds_the_planted_fault(page: str, tmp_path: Path) -> None:
    with pytest.raises(MismatchError):
        follow(page, tmp_path)


def test_block_that_is_never_closed() -> None:
    with pytest.raises(UnclosedBlockError, match="line 3"):
        blocks("# Page\n\n```python\nx = 2\n")


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("in 0.4 s", "in 12 s"),
        ("in 0.4 s.", "in 1 min 28 s."),
        ("a …\nz", "a b\nc\nz"),
        ("a\n", "a   \n\n"),
        ('{"seconds": 0.1}', '{"seconds": 0.25}'),
    ],
)
def test_times_and_ellipses_do_not_count(expected: str, printed: str) -> None:
    assert agree(expected, printed)


@pytest.mark.parametrize(("expected", "printed"), [("0.4", "0.5"), ("a … z", "a b"), ("", "a"), ("a b", "a  b")])
def test_other_differences_do(expected: str, printed: str) -> None:
    assert not agree(expected, printed)
