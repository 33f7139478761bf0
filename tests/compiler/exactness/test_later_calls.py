"""Later calls see the world as it is: parameters, lengths, structures, and numbers that the function names directly."""

from __future__ import annotations

import functools
import math
import random
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from chainrule.nn import MLP
from tests.compiler.exactness.agreement import Draw, Execution, check_bits
from tests.compiler.exactness.compiling import agree

w = [Value(0.5), Value(-1.25), Value(2.0)]
scale = 2.0
OPTIONS: list[dict[str, Any]] = [{"executor": "native"}, {"executor": "tape"}, {"strict": True}]


@pytest.fixture(params=OPTIONS, ids=["native", "tape", "strict"])
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(request.param)


def weighted(xs: Any) -> Any:
    return cr.sum([cr.tanh(a * x) for a, x in zip(w, xs, strict=False)]) * len(xs)


def test_parameters_are_live(options: dict[str, Any]) -> None:
    compiled = cr.compile(weighted, **options)
    before = [each.data for each in w]
    for step in range(5):
        agree(compiled, weighted, ([1.0, 2.0, -0.5 * step],), w)
        for each in w:
            each.data += 0.3
    for each, number in zip(w, before, strict=True):
        each.data = number
    agree(compiled, weighted, ([1.0, 2.0, 3.0],), w)
    assert compiled.report().traces == 1


@pytest.mark.parametrize(
    "later",
    [[1.0, 2.0], [3.0], [], (1.0, 2.0, 3.0), [1.0, 2.0, 3.0, 4.0], np.array([1.0, 2.0, 3.0]), np.array([1, 2, 3]),
     np.array([1.0, 2.0, 3.0], dtype=np.float32), np.arange(6.0)[::2], np.array([1.0, 2.0]), [1, 2, 3],
     [np.float64(1.0), np.float32(0.1), 3], [True, 2.0, False], [Value(1.0), 2.0, Value(3.0)], range(3),
     np.array([True, False, True]), {1.0: "a", 2.0: "b"}, [w[1], w[1], 2.0]],
    ids=repr,
)  # fmt: skip
def test_another_structure(later: Any, options: dict[str, Any]) -> None:
    compiled = cr.compile(weighted, **options)
    leaves = list(dict.fromkeys([*w, *(each for each in later if isinstance(each, Value))]))
    for xs in ([0.5, -0.5, 1.5], later, [0.25, 0.5, 0.75], later):
        if len(xs):
            agree(compiled, weighted, (xs,), leaves)


def test_all_lengths_in_turn(options: dict[str, Any]) -> None:
    compiled = cr.compile(weighted, **options)
    for n in (1, 2, 3, 2, 1, 3):
        agree(compiled, weighted, ([0.1 * n] * n,), w)
    report = compiled.report()
    assert (report.traces, report.eager_calls) == (3, 0), report


def test_arrays_are_read_at_every_call(options: dict[str, Any]) -> None:
    def f(X: Any, y: Any) -> Any:
        return cr.sum([(cr.dot(list(row), w) - t) ** 2 for row, t in zip(X, y, strict=True)])

    compiled = cr.compile(f, **options)
    X, y = np.arange(12.0).reshape(4, 3) / 7, np.array([1.0, 0.0, -1.0, 0.5])
    for _ in range(3):
        agree(compiled, f, (X, y), w)
        X *= -1.5
        y[2] += 0.25
    agree(compiled, f, (np.asfortranarray(X), y[::-1]), w)
    agree(compiled, f, (np.arange(24.0).reshape(8, 3)[::2], y.astype(np.float32)), w)
    agree(compiled, f, (np.arange(24).reshape(4, 6)[:, ::2], y), w)
    agree(compiled, f, (X.tolist(), y.tolist()), w)
    agree(compiled, f, (X[:2], y[:2]), w)
    assert compiled.report().eager_calls == 0


def test_arrays_of_other_forms() -> None:
    """Whatever numpy does with the array inside the function: the same as eager, if need be by eager."""

    def f(X: Any) -> Any:
        first = X[0] if X.ndim == 1 else X[0, 0]
        return cr.sum([w[0] * x for x in X.ravel()]) + w[1] * X.shape[0] + w[2] * first * X.size

    compiled = cr.compile(f)
    for X in (np.ones(3), np.ones((2, 2)), np.array([[1, 2], [3, 4]]), np.ones((1, 2, 3))[0], np.arange(4.0)):
        agree(compiled, f, (X,), w)


def test_an_arguments_list_changed_between_calls(options: dict[str, Any]) -> None:
    compiled = cr.compile(weighted, **options)
    xs = [1.0, 2.0, 3.0]
    agree(compiled, weighted, (xs,), w)
    xs[1] = -4.0
    agree(compiled, weighted, (xs,), w)
    xs.pop()
    agree(compiled, weighted, (xs,), w)
    xs.extend([0.5, 0.25])
    agree(compiled, weighted, (xs,), w)


def test_numbers_of_the_closure(options: dict[str, Any]) -> None:
    rate = 0.1

    def f(x: float) -> Any:
        return w[0] * rate * x

    compiled = cr.compile(f, **options)
    agree(compiled, f, (2.0,), w)
    rate = 0.2
    agree(compiled, f, (2.0,), w)
    rate = 3
    agree(compiled, f, (2.0,), w)
    assert compiled(2.0).data == 3.0


def scaled(x: float) -> Any:
    return w[0] * scale * x


def test_numbers_among_the_globals(options: dict[str, Any]) -> None:
    global scale  # noqa: PLW0603 - this is what is tested
    compiled = cr.compile(scaled, **options)
    agree(compiled, scaled, (2.0,), w)
    scale = -7.0
    try:
        agree(compiled, scaled, (2.0,), w)
        assert compiled(1.0).data == -3.5
    finally:
        scale = 2.0
    agree(compiled, scaled, (2.0,), w)


def test_defaults(options: dict[str, Any]) -> None:
    def f(x: float, power: float = 2.0, *, shift: float = 1.0) -> Any:
        return (w[0] * x) ** 2 * power + shift * w[1]

    compiled = cr.compile(f, **options)
    agree(compiled, f, (3.0,), w)
    agree(compiled, f, (3.0, 5.0), w)
    f.__defaults__ = (7.0,)
    agree(compiled, f, (3.0,), w)
    f.__kwdefaults__ = {"shift": 0.5}
    agree(compiled, f, (3.0,), w)
    for keywords in ({"x": 3.0}, {"x": 1.0, "shift": 9.0}, {"shift": 9.0, "x": 1.0}, {"x": 1.0, "power": 0.5}):
        agree(functools.partial(compiled, **keywords), functools.partial(f, **keywords), (), w)


def test_positions_and_keywords_in_any_number() -> None:
    def f(*xs: float, **named: float) -> Any:
        return cr.sum([w[0] * x for x in xs]) + cr.sum([w[1] * x * len(k) for k, x in named.items()]) + w[2]

    compiled = cr.compile(f)
    calls: list[tuple[tuple[float, ...], dict[str, float]]] = [((1.0,), {}), ((1.0, 2.0), {"a": 3.0})]
    for positions, keywords in (*calls, ((), {"a": 1.0, "long": 2.0}), ((), {"b": 1.0})):
        agree(functools.partial(compiled, **keywords), functools.partial(f, **keywords), positions, w)


class Scaled:
    """A model with a method, a number and parameters."""

    def __init__(self) -> None:
        self.p = [Value(0.3), Value(0.7)]

    def loss(self, x: float) -> Any:
        return cr.dot(self.p, [x, 1.0]) ** 2

    def __call__(self, x: float) -> Any:
        return self.loss(x) + self.p[0]


def test_methods_and_callable_objects(options: dict[str, Any]) -> None:
    first, second = Scaled(), Scaled()
    second.p[0].data = -2.0
    for model in (first, second):
        agree(cr.compile(model.loss, **options), model.loss, (1.5,), model.p)
        agree(cr.compile(model, **options), model, (1.5,), model.p)
    network = MLP(2, [3, 1], activation="tanh")
    compiled = cr.compile(network, **options)
    for x in ([0.5, 1.0], [-1.0, 2.0]):
        agree(compiled, network, (x,), network.parameters())


def test_a_compiled_method_serves_every_instance() -> None:
    class Model:
        def __init__(self, number: float) -> None:
            self.p = Value(number)

        def plain(self, x: float) -> Any:
            return self.p * x

        loss = cr.compile(plain)

    one, other = Model(2.0), Model(3.0)
    assert [one.loss(2.0).data, other.loss(2.0).data, one.loss(5.0).data] == [4.0, 6.0, 10.0]
    other.loss(4.0).backward()
    assert (one.p.grad, other.p.grad) == (0.0, 4.0)


def test_partial_functions_and_lambdas(options: dict[str, Any]) -> None:
    def f(x: float, y: float) -> Any:
        return w[0] * x + w[1] * y

    part = functools.partial(f, 2.0)
    agree(cr.compile(part, **options), part, (3.0,), w)
    several = [cr.compile(lambda x, k=k: w[k] * x, **options) for k in range(3)]
    assert [g(2.0).data for g in several] == [1.0, -2.5, 4.0]


def test_the_same_value_passed_twice(options: dict[str, Any]) -> None:
    def f(a: Value, b: Value) -> Any:
        return a * b + a

    compiled = cr.compile(f, **options)
    a, b = Value(3.0), Value(4.0)
    for arguments in ((a, b), (a, a), (b, a), (w[0], a), (b, b), (w[0], w[0])):
        agree(compiled, f, arguments, [a, b, *w])
    assert compiled.report().traces == 1


def test_an_argument_that_is_a_captured_parameter(options: dict[str, Any]) -> None:
    def f(a: Value) -> Any:
        return a * w[0] + a**2

    compiled = cr.compile(f, **options)
    for a in (w[0], Value(5.0), w[1], w[0]):
        agree(compiled, f, (a,), list(dict.fromkeys([*w, a])))


def test_whether_values_are_one_object() -> None:
    """Python may ask, and then the answer belongs to the trace."""

    def f(a: Value, b: Value) -> Any:
        return a * 2.0 if a == b else a * b * len({a, b, w[0]})

    a, b = Value(3.0), Value(4.0)
    for order in ([(a, b), (a, a), (b, a), (w[0], b), (a, b)], [(a, a), (a, b), (w[0], w[0])]):
        compiled = cr.compile(f)
        for arguments in order:
            agree(compiled, f, arguments, [a, b, *w])


def test_an_interior_value_as_argument_and_captured(options: dict[str, Any]) -> None:
    a = Value(1.5)
    inner = a * w[0]

    def f(v: Value) -> Any:
        return v * inner + v

    compiled = cr.compile(f, **options)
    for argument in (inner, a, a * a + w[1], Value(2.0)):
        agree(compiled, f, (argument,), [a, *w])


def test_the_same_input_gives_the_same_bits(options: dict[str, Any]) -> None:
    draw = Draw(weighted, ([0.3, -1.7, 0.9],), w)
    compiled, another = cr.compile(weighted, **options), cr.compile(weighted, **options)
    first = Execution(draw, compiled).outcome
    compiled([1.0, 2.0, 3.0])
    for function in (compiled, another, compiled):
        check_bits(first, Execution(draw, function).outcome)
    weighted_again = cr.compile(weighted, **options)
    weighted_again([9.0, 9.0])
    check_bits(first, Execution(draw, weighted_again).outcome)


def test_a_structure_that_alternates_is_traced_once_each() -> None:
    def f(x: Any) -> Any:
        return w[0] * x["a"] + w[1] * x.get("b", 1.0)

    compiled = cr.compile(f, executor="native")
    for _ in range(4):
        for x in ({"a": 1.0}, {"a": 2.0, "b": 3.0}, {"b": 3.0, "a": 2.0}):
            agree(compiled, f, (x,), w)
    assert compiled.report().traces == 3


def test_nested_arguments(options: dict[str, Any]) -> None:
    def f(batch: Any, mode: str, flag: bool | None) -> Any:
        total = Value(0.0)
        for sample in batch:
            x, (y, z) = sample["x"], sample["yz"]
            total += w[0] * x[0] * y + (w[1] * z if mode == "full" else w[2])
        return {"total": total if flag else -total, "rest": [w[0] * 2.0, (w[1],)], "none": None, "text": mode}

    compiled = cr.compile(f, **options)
    batch: list[Any] = [{"x": np.array([1.0, 2.0]), "yz": (0.5, [0.25][0])}, {"x": np.array([3.0, 4.0]), "yz": (1, 2)}]
    for mode, flag in (("full", True), ("short", True), ("full", None), ("full", False), ("full", True)):
        expected, found = f(batch, mode, flag), compiled(batch, mode, flag)
        assert found["total"].data == pytest.approx(expected["total"].data, rel=1e-14)
        assert [found["none"], found["text"], type(found["rest"][1])] == [None, mode, tuple]
        assert list(found) == list(expected)
    assert compiled.report().eager_calls == 0


def test_random_training_of_a_network_with_branches() -> None:
    """Forty updates with other batches, sizes and signs: each loss and gradient is eager's at that moment."""
    chance = random.Random(5)
    random.seed(2)
    model = MLP(2, [4, 1])

    def loss(X: Any, y: Any) -> Any:
        total = cr.losses.mse([model(x) for x in X], y)
        return total * 0.5 if total > 1.0 else total

    compiled = cr.compile(loss, executor="native")
    for _ in range(40):
        n = chance.choice((2, 3))
        X, y = [[chance.uniform(-2, 2), chance.uniform(-2, 2)] for _ in range(n)], [chance.uniform(-1, 1)] * n
        agree(compiled, loss, (X, y), model.parameters())
        compiled(X, y).backward()
        for p in model.parameters():
            p.data -= 0.1 * p.grad
            p.grad = 0
            assert math.isfinite(p.data)
    assert compiled.report().traces <= 4
