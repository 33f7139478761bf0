"""The op table in C: what the build translates, what it refuses, and that both texts compute the same."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chainrule.ops import TABLE, Op
from tests.ops.accuracy import by_rule
from tests.ops.grids import grid

ROOT = Path(__file__).parents[2]
OPS = ROOT / "src" / "chainrule" / "ops"
FIXED = [row for row in TABLE.values() if row.arity is not None]
# Their rules use hypot, which Python's `math` computes by itself, not by the C library.
OWN_ROUNDING_OF_PYTHON = {"hypot", "atan", "atan2"}

# One function for Python that reaches every dispatcher of the generated file.
PROBE = """
# cython: language_level=3, cdivision=True
from chainrule cimport _kernels as k

def evaluate(int code, list operands):
    cdef double a, b, c, y
    if len(operands) == 1:
        a = operands[0]
        y = k.unary_value(code, a)
        return [y, k.unary_slope(code, a, y)]
    if len(operands) == 2:
        a, b = operands
        y = k.binary_value(code, a, b)
        return [y, k.left_slope(code, a, b, y), k.right_slope(code, a, b, y)]
    a, b, c = operands
    y = k.ternary_value(code, a, b, c)
    return [y, k.ternary_slope_a(code, a, b, c, y), k.ternary_slope_b(code, a, b, c, y),
            k.ternary_slope_c(code, a, b, c, y)]
"""


def load(name: str, path: Path) -> ModuleType:
    """Import a module from a file that no package holds."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def kernels() -> ModuleType:
    return load("kernels_under_test", ROOT / "build_tools" / "kernels.py")


@pytest.fixture(scope="module")
def in_c(kernels: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, list[float]], list[float]]:
    """Compile the generated file in a little extension and return its `evaluate(code, operands)`."""
    build = pytest.importorskip("Cython.Build", reason="needs Cython to compile the generated file")
    setuptools = pytest.importorskip("setuptools", reason="needs setuptools to compile the generated file")
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler to compile the generated file")
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "chainrule").mkdir()
    (folder / "chainrule" / "__init__.pxd").write_text("")
    (folder / "chainrule" / "_kernels.pxd").write_text(kernels.kernels_text(OPS))
    (folder / "probe.pyx").write_text(PROBE)
    flags = ["-O1", "-g0", "-ffp-contract=off", "-fno-math-errno"]
    extension = setuptools.Extension("probe", [str(folder / "probe.pyx")], extra_compile_args=flags)
    directives = {"language_level": 3, "cdivision": True}
    modules = build.cythonize([extension], include_path=[str(folder)], compiler_directives=directives, quiet=True)
    command = setuptools.Distribution({"ext_modules": modules}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(folder), str(folder / "objects")
    command.ensure_finalized()
    command.run()
    (built,) = [path for path in folder.glob("probe*") if path.suffix in (".so", ".pyd")]
    evaluate: Callable[[int, list[float]], list[float]] = load("probe", built).evaluate
    return evaluate


@pytest.mark.skipif(sys.platform == "win32", reason="the flags are a Unix compiler's")
@pytest.mark.parametrize("row", FIXED, ids=lambda row: row.name)
def test_c_computes_what_the_rules_say(row: Op, in_c: Callable[[int, list[float]], list[float]]) -> None:
    special = [0.0, -0.0, float("inf"), -float("inf"), float("nan"), 1.0]
    operands = [*grid(row)[::2], *zip(*[special[k:] + special[:k] for k in range(row.arity or 0)], strict=True)]
    for each in operands:
        for compiled, rule in zip(in_c(row.code, list(each)), by_rule(row, each), strict=True):
            if row.name in OWN_ROUNDING_OF_PYTHON:
                assert compiled == pytest.approx(rule, rel=1e-15, abs=2e-323, nan_ok=True), each
            else:
                assert compiled == rule or (compiled != compiled and rule != rule), each


def test_codes_are_the_same_in_c_and_in_python(kernels: ModuleType) -> None:
    table = kernels.Table(OPS)
    assert {name: code for code, name in enumerate(table.arity, start=1)} == {
        row.name: row.code for row in TABLE.values() if row.code <= len(table.arity)
    }
    assert {row.name: row.arity for row in TABLE.values()} == table.arity
    assert {row.name: len(row.derivatives) for row in FIXED} == {
        name: len(table.derivatives[name]) for name, arity in table.arity.items() if arity is not None
    }


def test_the_text_is_the_same_each_time(kernels: ModuleType) -> None:
    assert kernels.kernels_text(OPS) == kernels.kernels_text(OPS)


def test_vocabulary(kernels: ModuleType) -> None:
    text = kernels.kernels_text(OPS)
    assert "from libc.math cimport" in text
    for row in FIXED:
        assert f"cdef inline double {row.name}(" in text
        assert f"    {row.name.upper()} = {row.code}\n" in text
    for python in ("pick(", "ieee.", "math.", "@", "import math", "Operand", '"""'):
        assert python not in text.split("cdef enum Code")[1], python


def planted(kernels: ModuleType, tmp_path: Path, rule: str) -> Any:
    """Translate a copy of the table with a rule added at the end of activations.py; return its place."""
    package = tmp_path / "chainrule"
    shutil.copytree(OPS.parent, package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    path = package / "ops" / "activations.py"
    text = path.read_text(encoding="utf-8").rstrip("\n") + "\n\n\n"
    line = text.count("\n") + 7
    path.write_text(
        text + '@op(formula="…", slopes=("…",))\ndef planted(a):\n    return a\n\n\n'
        f"@planted.derivative\ndef planted_da(a, y):\n    {rule}\n",
        encoding="utf-8",
    )
    return kernels.kernels_text(package / "ops"), f"activations.py:{line + 1}:"


@pytest.mark.parametrize(
    "rule",
    [
        "return 1.0 / a",
        "return a ** 2.0",
        "return a // 2.0",
        "return a % 2.0",
        "return round(a)",
        "return math.exp(a)",
        "return max(a, 0.0)",
        "return a.tanh()",
        "return sigmoid(1.0 / a)",
        "return pick(a > 0.0, a ** 3.0, 0.0)",
        "return logsumexp(a, a)",
    ],
)
def test_a_rule_outside_of_the_vocabulary_is_refused(kernels: ModuleType, tmp_path: Path, rule: str) -> None:
    with pytest.raises(SyntaxError) as caught:
        planted(kernels, tmp_path, rule)
    assert str(caught.value).startswith("activations.py:")
    line = int(str(caught.value).split(":")[1])
    text = (tmp_path / "chainrule" / "ops" / "activations.py").read_text(encoding="utf-8")
    assert text.splitlines()[line - 1].strip() == rule


@pytest.mark.parametrize(
    ("rule", "translated"),
    [
        ("return a * 2.0 - y", "return a * 2.0 - y"),
        ("return -abs(a)", "return -c_fabs(a)"),
        ("return divide(1.0, power(a, 3.0))", "return divide(1.0, power(a, 3.0))"),
        ("return pick(a <= 0.0, LEAK, tanh(a))", "return 0.01 if a <= 0.0 else tanh(a)"),
        ("return ieee.exp(ieee.divide(a, y))", "return c_exp(a / y)"),
    ],
)
def test_a_rule_in_the_vocabulary_is_translated(
    kernels: ModuleType, tmp_path: Path, rule: str, translated: str
) -> None:
    text, _ = planted(kernels, tmp_path, rule)
    assert f"cdef inline double planted_da(double a, double y) noexcept nogil:\n    {translated}\n" in text
