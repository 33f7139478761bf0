"""Put the parts of the engine behind one another: the one module that Cython compiles as `chainrule.engine`.

Within one module the C compiler sees everything at once and can inline across parts. What the parts import from
each other and from the op table is dropped; what they take from the generated `_kernels.pxd` comes once, first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

PRELUDE = """\
# Generated from chainrule/core by build_tools/amalgam.py; change the parts, not this file.
from __future__ import annotations

import cython

"""
ENDING = """

compiled: bool = True
"""


def amalgamated_source(parts: Iterable[str], kernels: Iterable[str]) -> str:
    """Return the text of the engine: the parts, given as texts, in order, after the names of `_kernels.pxd`."""
    imports: dict[str, None] = {}
    bodies = []
    defined: set[str] = set()
    for text in parts:
        kept = []
        for statement in ast.parse(text).body:
            if _is_internal(statement):
                continue
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                imports[ast.unparse(statement)] = None
            else:
                _require_new(statement, defined)
                kept.append(ast.get_source_segment(text, _with_decorators(statement)) or "")
        bodies.append("\n\n\n".join(kept))
    cimports = f"from cython.cimports.chainrule._kernels import {', '.join(kernels)}"
    return PRELUDE + "\n".join([*imports, cimports]) + "\n\n\n" + "\n\n\n".join(bodies) + ENDING


def _require_new(statement: ast.stmt, defined: set[str]) -> None:
    """Stop the build where two parts give the same name to different things: one would silently be lost."""
    names = [statement.name] if isinstance(statement, (ast.FunctionDef, ast.ClassDef)) else []
    if isinstance(statement, ast.Assign):
        names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
    for name in names:
        if name in defined:
            raise SyntaxError(f"two parts of the engine define {name}; give one of them another name")
    defined.update(names)


def _is_internal(statement: ast.stmt) -> bool:
    """Tell whether a statement only connects the parts, or only serves the uncompiled engine."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)  # the docstring
    if isinstance(statement, ast.Try):
        return ast.unparse(statement.body[0]) == "import cython"
    if isinstance(statement, ast.If):
        return all(isinstance(each, ast.ImportFrom) for each in statement.body)
    module = getattr(statement, "module", None) or ""
    return module == "__future__" or module.startswith(("chainrule.core", "chainrule.ops.dispatch", "cython.cimports"))


def _with_decorators(statement: ast.stmt) -> ast.stmt:
    """Return the statement with its first line moved up to its first decorator."""
    decorators = getattr(statement, "decorator_list", [])
    if decorators:
        statement.lineno = decorators[0].lineno
        statement.col_offset = 0
    return statement
