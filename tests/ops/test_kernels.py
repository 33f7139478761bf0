"""The op table in C: what the build translates, what it refuses, and that both texts compute the same."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from chainrule.ops import TABLE, Op
from tests.ops.accuracy import by_rule, rounds_alike
from tests.ops.grids import grid

ROOT = Path(__file__).parents[2]
OPS = ROOT / "src" / "chainrule" / "ops"
FIXED = [row for row in TABLE.values() if row.arity is not None]

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
def kernels() -> Iterator[ModuleType]:
    """The translator, found where setup.py finds it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "build_tools"))
        yield load("kernels_under_test", ROOT / "build_tools" / "kernels.py")


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
            if rounds_alike(row):
                assert compiled == rule or (compiled != compiled and rule != rule), each
            else:
                assert compiled == pytest.approx(rule, rel=1e-15, abs=2e-323, nan_ok=True), each


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


def planted(kernels: ModuleType, tmp_path: Path, rule: str = "return y", value: str = "return a") -> str:
    """Translate a copy of the table that has one more row, at the end of activations.py."""
    package = tmp_path / "chainrule"
    shutil.copytree(OPS, package / "ops", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "core").mkdir()
    shutil.copy(OPS.parent / "core" / "flags.py", package / "core")
    with (package / "ops" / "activations.py").open("a", encoding="utf-8") as file:
        file.write(
            f'\n\n@op(formula="…", slopes=("…",))\ndef planted(a):\n    """Planted."""\n    {value}\n'
            f"\n\n@planted.derivative\ndef planted_da(a, y):\n    {rule}\n"
        )
    text: str = kernels.kernels_text(package / "ops")
    return text


def line_named(error: SyntaxError, tmp_path: Path) -> str:
    """Return the line of activations.py that an error's message names."""
    name, line, _ = str(error).split(":", 2)
    assert name == "activations.py"
    text = (tmp_path / "chainrule" / "ops" / name).read_text(encoding="utf-8")
    return text.splitlines()[int(line) - 1].strip()


# What neither a derivative's rule nor a value may contain: not in C, or not what it seems.
NOWHERE = [
    "return 1.0 / a", "return a ** 2.0", "return a // 2.0", "return a % 2.0", "return a @ a", "return a & a",
    "return round(a)", "return math.exp(a)", "return max(a, 0.0)", "return a.tanh()", "return a.data",
    "return sigmoid(1.0 / a)", "return pick(a > 0.0, a ** 3.0, 0.0)", "return logsumexp(a, a)", "return math.inf",
    "return 2 * a", "return 'a'", "return [a]", "return a[0]", "return lambda: a", "return None", "return",
    "return TAU * a", "return +a", "return ~a", "return not a", "return a > 0.0", "return 0.0 < a < 1.0",
    "return pick(a, a, a)", "return pick(0.0 < a < 1.0, a, a)", "return pick(a > 0.0, a)", "return exp(a, a)",
    "return exp(x=a)", "return exp(*a)", "return a and a", "for i in a: return i", "while a: return a",
    "a.slope = 3.0", "a = b = 1.0", "a += 1.0", "a = 1.0", "global b", "import math", "pass", "a",
]  # fmt: skip
# What only a value may contain, for it is only ever given floats.
ONLY_IN_VALUES = [
    "return ieee.exp(a)", "return a if a > 0.0 else 1.0", "return pick(a == 0.0, 1.0, a)",
    "return pick(a != 0.0, 1.0, a)",
]  # fmt: skip


@pytest.mark.parametrize("rule", NOWHERE + ONLY_IN_VALUES)
def test_a_rule_outside_of_the_vocabulary_is_refused(kernels: ModuleType, tmp_path: Path, rule: str) -> None:
    with pytest.raises(SyntaxError) as caught:
        planted(kernels, tmp_path, rule=rule)
    assert line_named(caught.value, tmp_path) == rule


@pytest.mark.parametrize("value", NOWHERE)
def test_a_value_outside_of_the_vocabulary_is_refused(kernels: ModuleType, tmp_path: Path, value: str) -> None:
    with pytest.raises(SyntaxError) as caught:
        planted(kernels, tmp_path, value=value)
    assert line_named(caught.value, tmp_path) == value


@pytest.mark.parametrize("value", ONLY_IN_VALUES)
def test_a_value_may_do_more(kernels: ModuleType, tmp_path: Path, value: str) -> None:
    assert "cdef inline double planted(" in planted(kernels, tmp_path, value=value)


@pytest.mark.parametrize(
    ("rule", "translated"),
    [
        ("return a * 2.0 - y", "return a * 2.0 - y"),
        ("return -abs(a)", "return -c_fabs(a)"),
        ("return divide(1.0, power(a, 3.0))", "return divide(1.0, power(a, 3.0))"),
        ("return pick(a <= 0.0, LEAK, tanh(a))", "return 0.01 if a <= 0.0 else tanh(a)"),
        ("twice = a + a\n    return twice * y", "twice = a + a\n    return twice * y"),
        ('"""Why."""\n    return y', "return y"),
    ],
)
def test_a_rule_in_the_vocabulary_is_translated(
    kernels: ModuleType, tmp_path: Path, rule: str, translated: str
) -> None:
    text = planted(kernels, tmp_path, rule=rule)
    assert f"cdef inline double planted_da(double a, double y) noexcept nogil:\n    {translated}\n" in text


def test_an_if_in_a_value_is_translated(kernels: ModuleType, tmp_path: Path) -> None:
    value = "if a > 0.0 or a != a:\n        return ieee.divide(1.0, ieee.exp(a))\n    return a"
    translated = "if a > 0.0 or a != a:\n        return 1.0 / c_exp(a)\n    return a"
    assert f"planted(double a) noexcept nogil:\n    {translated}\n" in planted(kernels, tmp_path, value=value)
