"""Reads source files (never runs them) and says which layer of the package imports which, and when."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "chainrule"


@dataclass(frozen=True)
class Import:
    """One import of a part of the package by another part."""

    module: str
    """The importing module, without the package's name: `nn.module`."""
    function: str
    """Where inside it: `` when it runs with the import of the module, else `Module.fit`."""
    target: str
    """The imported layer, the first part of its name: `training`; the package itself is ``."""
    line: int


def layer_of(module: str) -> str:
    """The layer that a module of the package belongs to: `nn` for `nn.module`."""
    return module.split(".", maxsplit=1)[0]


def module_name(path: Path, root: Path) -> str:
    """`nn.module` for `<root>/nn/module.py`, `nn` for `<root>/nn/__init__.py`."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def imports_of_package(root: Path) -> Iterator[Import]:
    """Every import inside the package whose source lies in the folder `root`, in a stable order."""
    layers = {path.stem for path in root.glob("*.py")} | {path.name for path in root.iterdir() if path.is_dir()}
    for path in sorted(root.rglob("*.py")):
        is_package = path.name == "__init__.py"
        yield from imports_of(path.read_text("utf-8"), module_name(path, root), layers, is_package)


def imports_of(source: str, module: str, layers: set[str], is_package: bool = False) -> Iterator[Import]:
    """The imports of other layers in one module's source; what only type checkers see is left out.

    `from chainrule import x` is the layer x where one has that name, else the package itself.
    """
    visitor = _Visitor(module, layers, is_package)
    visitor.visit(ast.parse(source))
    for found in visitor.found:
        if found.target != layer_of(module):
            yield found


class _Visitor(ast.NodeVisitor):
    """Collects imports with the function around them."""

    def __init__(self, module: str, layers: set[str], is_package: bool) -> None:
        self.module = module
        self.layers = layers
        self.scope: list[str] = []
        self.function_depth = 0
        self.found: list[Import] = []
        # `from . import x` counts its dots from the package that holds the module
        self.home = [PACKAGE, *filter(None, module.split("."))]
        if not is_package:
            self.home.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        # a class body runs with the module: only its name goes into the scope
        self.scope.append(node.name)
        self.generic_visit(node)
        self.scope.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def visit_If(self, node: ast.If) -> None:
        test = node.test
        name = test.id if isinstance(test, ast.Name) else getattr(test, "attr", "")
        for child in node.orelse if name == "TYPE_CHECKING" else [*node.body, *node.orelse]:
            self.visit(child)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name.split("."), node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = self.home[: len(self.home) - node.level + 1] if node.level else []
        path = base + (node.module.split(".") if node.module else [])
        for alias in node.names:
            self._add([*path, alias.name], node.lineno)

    def visit_Call(self, node: ast.Call) -> None:
        # importlib.import_module("chainrule.nn") and __import__("chainrule.nn") are imports too
        called = node.func
        name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
        if name in {"import_module", "__import__"} and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                text = first.value
                self._add((PACKAGE + text if text.startswith(".") else text).split("."), node.lineno)
        self.generic_visit(node)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.scope.append(node.name)
        self.function_depth += 1
        self.generic_visit(node)
        self.function_depth -= 1
        self.scope.pop()

    def _add(self, path: list[str], line: int) -> None:
        if path[0] != PACKAGE:
            return
        target = path[1] if len(path) > 1 and path[1] in self.layers else ""
        function = ".".join(self.scope) if self.function_depth else ""
        self.found.append(Import(self.module, function, target, line))
