"""What every source file keeps to: a purpose sentence first, no silent suppression, no machine path."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("src", "tests", "bench", "examples") for path in (ROOT / folder).rglob("*.py")) + [
    path for path in [ROOT / "setup.py"] if path.exists()
]

# A suppression names its rule and goes on with the reason: `...: S301 - the file is our own`.
SUPPRESSION = re.compile(r"#\s*(noqa|type:\s*ignore)(?P<rest>.*)")
REASONED = re.compile(r"(\[[\w, -]+\]|:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)\s*[#:,;(–-]+\s*\w+")

# Spelled in pieces, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile("/(" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me", "op" + "t/dev"]) + ")/")


def relative(path: Path) -> str:
    """The path as a test id."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_file_begins_with_its_purpose(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring, "the first line of a file says what it is for"
    assert docstring.split("\n\n")[0].rstrip().endswith((".", ":", "!", "?"))


def unreasoned(source: str) -> list[str]:
    """The suppressions of a checker that give no reason, on their line or in a comment above their block."""
    found = []
    explained = False
    for line in source.splitlines():
        match = SUPPRESSION.search(line)
        if match and not explained and not REASONED.match(match.group("rest")):
            found.append(match.group().strip())
        explained = line.lstrip().startswith("#") or (explained and line.strip() != "")
    return found


# A test's wrong type is wrong on purpose; everywhere else a reader needs to know why.
@pytest.mark.parametrize("path", [p for p in FILES if ROOT / "tests" not in p.parents], ids=relative)
def test_suppressions_have_reasons(path: Path) -> None:
    assert unreasoned(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # noqa",
        "x = 1  # noqa: E501",
        "x = 1  # type: ignore",
        "x = 1  # type: ignore[arg-type]",
        "# a remark\n\nimport x  # noqa: E402",
    ],
)
def test_planted_suppression_is_found(line: str) -> None:
    assert unreasoned(line) == [line[line.rindex("#") :]]


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # noqa: S301 - our own file",
        "x = 1  # type: ignore[arg-type]  # wrong on purpose",
        "# why both are late\nimport x  # noqa: E402\nimport y  # noqa: E402",
    ],
)
def test_reasoned_suppression_passes(line: str) -> None:
    assert unreasoned(line) == []


def test_no_path_of_one_machine_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        try:
            text = path.read_text("utf-8") if path.is_file() else ""
        except UnicodeDecodeError:  # a picture
            continue
        found += [f"{name}: {match.group()}" for match in MACHINE_PATHS.finditer(text)]
    assert found == []
