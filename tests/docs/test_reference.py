"""The reference pages name what the program has: its errors, warnings, environment variables, options, ops."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path
from types import ModuleType

import pytest

from chainrule import errors
from chainrule.cli import COMMANDS
from tests.docs.pages import PAGES, ROOT

PACKAGE = ROOT / "src" / "chainrule"


def text(name: str) -> str:
    """A page of docs/."""
    return (ROOT / "docs" / name).read_text("utf-8")


def raised() -> set[str]:
    """Every class of errors.py as its heading: code, name and the builtin that it also is."""
    classes = [found for found in vars(errors).values() if isinstance(found, type)]
    return {
        f"{found.code} {found.__name__} ({found.__bases__[-1].__name__})"
        for found in classes
        if issubclass(found, errors.ChainruleError)
    }


def warned() -> set[str]:
    """Every warning class in the package as its heading."""
    return {
        f"{node.name} ({ast.unparse(node.bases[-1])})"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and node.bases and ast.unparse(node.bases[-1]).endswith("Warning")
    }


def test_errors_page_has_every_error_and_warning_and_no_other() -> None:
    assert set(re.findall(r"^## (.+)$", text("errors.md"), re.MULTILINE)) == raised() | warned()


def test_error_codes_are_unique() -> None:
    codes = [heading.split()[0] for heading in raised()]
    assert len(codes) == len(set(codes))


READS = re.compile(r"environ(?:ment)?(?:\.get\(|\[)\"(\w+)\"")


def variables(paths: list[Path]) -> set[str]:
    """The environment variables that these files read."""
    return {name for path in paths for name in READS.findall(path.read_text("utf-8"))}


def test_environment_page_has_every_variable_and_no_other() -> None:
    read = variables([*PACKAGE.rglob("*.py"), ROOT / "setup.py"])
    listed = re.findall(r"^\| `(\w+)", text("environment.md"), re.MULTILINE)
    assert {"CHAINRULE_PURE", "NO_COLOR"} <= read
    assert set(listed) == read


@pytest.mark.parametrize("command", COMMANDS, ids=lambda module: module.__name__)
def test_command_page_has_every_option_and_no_other(command: ModuleType) -> None:
    name = command.__name__.rpartition(".")[2]
    parser = argparse.ArgumentParser(add_help=False)
    command.add_arguments(parser)
    options = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    section = text("command-line.md").partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `(--[\w-]+)", section, re.MULTILINE))
    shared = text("command-line.md").partition("\n## Options of every command\n")[2].partition("\n## ")[0]
    listed |= set(re.findall(r"^\| `(--[\w-]+)", shared, re.MULTILINE))
    assert listed == options


FOLDERS = ("src", "tests", "bench", "build_tools", "docs", "examples")
FILES = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")] + [ROOT / "setup.py"]


def named_files(page: str) -> list[str]:
    """The Python files that a page names, with or without their folders."""
    return re.findall(r"`([\w/]+\.py)`", page)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_pages_name_are_there(page: Path) -> None:
    files = [path.as_posix() for path in FILES]
    named = named_files(page.read_text("utf-8"))
    assert [name for name in named if not any(file.endswith(f"/{name}") for file in files)] == []


def test_names_of_files_are_found() -> None:
    assert named_files("see `core/value.py`, `optim.py`; not optim.py") == ["core/value.py", "optim.py"]


def test_pages_are_in_the_index() -> None:
    index = text("README.md")
    own = [page for page in PAGES if page.parent == ROOT / "docs" and page.name != "README.md"]
    assert [page.name for page in own if f"({page.name})" not in index] == []
