"""Bad input to compiled functions: the function's own error, or one that says what to do; nothing hangs or is lost."""

from __future__ import annotations

import decimal
import fractions
import math
import random
import time
import warnings
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.errors import ChainruleError
from tests.compiler.exactness.agreement import Draw, Execution, compare
from tests.compiler.exactness.compiling import agree, agree_to_the_bit

w = [Value(0.5), Value(-1.25), Value(2.0)]


def weighted(xs: Any) -> Any:
    return cr.sum([a * x for a, x in zip(w, xs, strict=True)])


@pytest.mark.parametrize("fn", [None, 3, "f", [], Value(1.0), Value, int, cr.compile(weighted)], ids=repr)
def test_what_is_no_function(fn: Any) -> None:
    if fn is None:
        assert callable(cr.compile(strict=True))
        return
    with pytest.raises(ChainruleError):
        cr.compile(fn)


@pytest.mark.parametrize(
    "options",
    [{"executor": "gpu"}, {"max_traces": -1}, {"max_traces": 1.5}, {"check_every": 0}, {"check_every": "often"},
     {"strict": True, "executor": "native"}, {"optimizer": 3}, {"max_traces": True}],
    ids=repr,
)  # fmt: skip
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(ChainruleError):
        cr.compile(weighted, **options)


def test_before_the_first_call_there_is_nothing_to_show() -> None:
    compiled = cr.compile(weighted)
    for show in (compiled.program, compiled.source):
        with pytest.raises(ChainruleError, match="call"):
            show()
    assert compiled.report().traces == 0
    assert "weighted" in repr(compiled)


@pytest.mark.parametrize(
    "result", [None, 3, 2.5, "text", [], {}, (), [1.0, 2.0], {"a": None}, np.ones(3), True, float("nan")], ids=repr
)
def test_a_function_that_returns_no_value(result: Any) -> None:
    """As eager: the same result, every time, and a sentence that it was not compiled."""
    compiled = cr.compile(lambda _: result)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = [compiled(float(k)) for k in range(12)]  # another number might have given a Value
    assert all(each is result or repr(each) == repr(result) for each in found)
    assert len(caught) == 1
    assert "Value" in str(caught[0].message)


@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_a_function_that_returns_other_things_beside_values() -> None:
    marker = object()

    def f(x: float) -> Any:
        return {"loss": w[0] * x, "marker": marker, "x": x, "twice": 2 * x, "n": 3, "set": None, "text": f"{x > 0}"}

    compiled = cr.compile(f)
    for x in (1.5, -2.5, 3, 1.5):
        expected, found = f(x), compiled(x)
        assert found["marker"] is marker
        assert [found[key] for key in ("x", "twice", "n", "text")] == [
            expected[key] for key in ("x", "twice", "n", "text")
        ]
        assert found["loss"].data == expected["loss"].data
        assert type(found["x"]) is type(x)


@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_a_result_whose_structure_changes() -> None:
    def f(x: float) -> Any:
        if x > 2:
            return [w[0] * x, w[1]]
        return w[0] * x if x > 0 else {"negative": w[1] * x} if x > -2 else None

    compiled = cr.compile(f)
    for x in (1.0, 3.0, -1.0, -5.0, 1.5, 4.0, -1.5, -6.0):
        expected, found = f(x), compiled(x)
        assert type(found) is type(expected)
        assert repr(found) == repr(expected)


def test_empty_batches() -> None:
    """Nothing to loop over: the function's own answer, and its own errors."""

    def total(X: Any) -> Any:
        return sum(cr.dot(w, x) for x in X) + w[0]

    compiled = cr.compile(total)
    for X in ([], [[1.0, 2.0, 3.0]], np.zeros((0, 3)), (), [[1.0, 2.0, 3.0]] * 2):
        agree(compiled, total, (X,), w)
    average = cr.compile(lambda X: cr.mean([cr.dot(w, x) for x in X]))
    for _ in range(2):
        with pytest.raises(ChainruleError, match="at least one"):
            average([])
    assert average([[1.0, 0.0, 0.0]]).data == 0.5


def test_errors_of_the_function_are_its_own() -> None:
    """Also in later calls, and with the function compiled for other arguments."""

    def f(x: float) -> Any:
        if x < 0:
            raise KeyError(f"no {x}")
        return w[0] * x

    compiled = cr.compile(f)
    for _ in range(2):
        with pytest.raises(KeyError, match=r"no -1\.0"):
            compiled(-1.0)
        agree(compiled, f, (2.0,), w)
    with pytest.raises(TypeError):
        compiled()
    with pytest.raises(TypeError):
        compiled(1.0, 2.0)
    with pytest.raises(TypeError, match="unexpected"):
        compiled(y=1.0)
    agree(compiled, f, (3.0,), w)
    assert compiled.report().eager_calls <= 5


def test_an_error_in_the_very_first_call() -> None:
    compiled = cr.compile(weighted)
    with pytest.raises(ValueError, match="zip"):
        compiled([1.0])
    agree(compiled, weighted, ([1.0, 2.0, 3.0],), w)
    with pytest.raises(ValueError, match="zip"):
        compiled([1.0])
    assert compiled.report().native_calls + compiled.report().interpreted_calls >= 1


@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
@pytest.mark.parametrize("bad", [None, "1.0", b"1", 1j, object(), [1.0], {"a": 1}, {1.0}, ...], ids=repr)
def test_arguments_that_are_no_numbers(bad: Any) -> None:
    """The same kind of error as without compiling, whether the structure is known already or not."""
    compiled = cr.compile(weighted)
    for _ in range(2):
        errors = []
        for function in (weighted, compiled):
            with pytest.raises(Exception) as caught:  # noqa: PT011 - compared below
                function([1.0, bad, 2.0])
            errors.append(caught.value)
        assert type(errors[0]) is type(errors[1])
        assert str(errors[0]) == str(errors[1])
        agree(compiled, weighted, ([1.0, 2.0, 3.0],), w)


@pytest.mark.parametrize(
    "number",
    [fractions.Fraction(1, 3), np.float16(0.1), np.array(0.25), np.longdouble(0.1), 10**400, -(10**400), 2**53 + 1,
     2**63, math.inf, -math.inf, math.nan, np.uint8(200), np.bool_(True), True],
    ids=repr,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_numbers_of_every_kind(number: Any) -> None:
    compiled = cr.compile(weighted, strict=True)
    for numbers in ([1.0, 2.0, 3.0], [number, 0.5, number], [1.0, number, 2.0], [number, 0.25, number]):
        agree_to_the_bit(compiled, weighted, (numbers,), w)


@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_whole_numbers_keep_pythons_arithmetic() -> None:
    """Beyond 2**53 a float is no longer exact, and floor division, remainders and shifts are not a float's."""

    def f(n: Any) -> Any:
        return w[0] * ((n + 1) - n) + w[1] * ((n * n + 1) % 7) + w[2] * (n // 3 - n / 3)

    compiled = cr.compile(f)
    for n in (5, 2**53 + 1, 10**17, 94906267, 3 * 10**8 + 1, 7, 2.5, 10**9 + 7):
        agree(compiled, f, (n,), w)


@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_arithmetic_of_numbers_is_pythons() -> None:
    """Between plain numbers Python raises and makes complex numbers; compiled code does the same at those arguments."""

    def quotient(x: float) -> Any:
        return w[0] * (1.0 / x)

    def root(x: float) -> Any:
        return w[0] * abs(x**0.5)

    def large(x: float) -> Any:
        return w[0] * x**200

    for function, good, bad in ((quotient, 2.0, 0.0), (root, 4.0, -4.0), (large, 2.0, 1e10)):
        compiled = cr.compile(function)
        for x in (good, bad, good, bad):
            try:
                function(x)
            except ArithmeticError as error:
                with pytest.raises(type(error)):
                    compiled(x)
            else:
                agree(compiled, function, (x,), w)


@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_arguments_that_the_function_changes() -> None:
    """A list that is sorted, an array that is scaled: changed once a call, as without compiling."""

    def f(xs: Any, X: Any) -> Any:
        xs.append(xs[0] * 2)
        X *= 2.0
        X[0] = 1.0
        return cr.sum([a * x for a, x in zip(w, xs, strict=False)]) + w[0] * X[-1]

    compiled = cr.compile(f)
    states = []
    for function in (f, compiled):
        xs, X = [1.0, 2.0], np.array([1.0, 2.0, 3.0])
        seen = []
        for _ in range(4):
            seen.append(function(xs, X).data)
            seen += [*xs, *X.tolist()]
        states.append(seen)
    assert states[0] == states[1]


@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_generators_and_iterators_as_arguments() -> None:
    def f(xs: Any) -> Any:
        return cr.sum([w[0] * x for x in xs])

    compiled = cr.compile(f)
    for n in (3, 4, 3):
        assert compiled(x * 0.5 for x in range(n)).data == f(x * 0.5 for x in range(n)).data
        assert compiled(iter([1.0] * n)).data == 0.5 * n
        assert compiled(map(float, range(n))).data == f(range(n)).data


@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_objects_of_the_users_as_arguments() -> None:
    """Their attributes are not guarded: that is documented; another object is another trace or eager."""

    class Sample:
        def __init__(self, x: float) -> None:
            self.x = x

    def f(sample: Any) -> Any:
        return w[0] * sample.x

    compiled = cr.compile(f)
    for sample in (Sample(1.0), Sample(2.0), Sample(3.0)):
        assert compiled(sample).data == 0.5 * sample.x


@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_a_list_that_holds_itself() -> None:
    def f(xs: Any) -> Any:
        return w[0] * xs[0]

    xs: list[Any] = [1.0]
    xs.append(xs)
    compiled = cr.compile(f)
    for _ in range(2):
        with suppress(ChainruleError, RecursionError):
            assert compiled(xs).data == 0.5
        assert compiled([2.0]).data == 1.0


@pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")
def test_numbers_of_other_libraries() -> None:
    def f(x: Any) -> Any:
        return w[0] * float(x)

    compiled = cr.compile(f)
    for x in (decimal.Decimal("1.5"), 2.0, decimal.Decimal("2.5"), fractions.Fraction(1, 2)):
        assert compiled(x).data == f(x).data


def irregular(nodes: int) -> Draw:
    """A graph with no structure to find: every node of two others that were made at any time before."""
    chance = random.Random(5)
    ops = [lambda a, b: a * b, lambda a, b: a + b, lambda a, b: cr.sin(a) - b, lambda a, b: cr.maximum(a, b) * 0.5]
    plan = [
        (chance.randrange(4), chance.randrange(max(0, k - 2000), k + 8), chance.randrange(max(0, k - 2000), k + 8))
        for k in range(nodes)
    ]
    p = [Value(chance.uniform(-1.0, 1.0)) for _ in range(8)]

    def f(x: float) -> Any:
        values: list[Any] = [*p]
        for op, i, j in plan:
            values.append(cr.tanh(ops[op](values[i], values[j]) + x))
        return cr.mean(values[-200:])

    return Draw(f, (0.25,), p)


@pytest.mark.parametrize("nodes", [300, 20_000])
def test_an_irregular_graph(nodes: int) -> None:
    """Bounded effort, then the interpreter; the numbers are eager's."""
    draw = irregular(nodes)
    compiled = cr.compile(draw.function)
    for x in (0.25, -0.125):
        agree(compiled, draw.function, (x,), draw.leaves)
    assert compiled.report().eager_calls == 0


@pytest.mark.slow
def test_a_million_irregular_nodes_do_not_hang() -> None:
    draw = irregular(250_000)
    compiled = cr.compile(draw.function)
    start = time.process_time()
    eager = Execution(draw)
    alone = time.process_time() - start
    start = time.process_time()
    found = Execution(draw, compiled).outcome
    assert time.process_time() - start < 60.0 + 10.0 * alone
    compare(eager, found)
    assert compiled.report().eager_calls == 0


@pytest.mark.parametrize("length", [20_000])
def test_a_deep_chain(length: int) -> None:
    """One state through many steps: no recursion anywhere."""

    def f(x: float) -> Any:
        state = w[0]
        for _ in range(length):
            state = state * 0.999 + x * w[1]
        return state

    compiled = cr.compile(f)
    for x in (0.5, -0.25):
        agree(compiled, f, (x,), w)
    assert compiled.report().eager_calls == 0
