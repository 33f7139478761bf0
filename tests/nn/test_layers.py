"""Neuron, Layer and MLP: micrograd's behaviour, the lecture's form, and the errors that micrograd lacks."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.engine import Value
from chainrule.errors import ArgumentError, ArityError, NumberError
from chainrule.nn import MLP, Layer, Module, Neuron
from chainrule.nn.layers import activations
from chainrule.ops import TABLE


def plain(neuron: Neuron, x: list[float]) -> float:
    """The sum of a neuron in floats, in micrograd's order."""
    total = neuron.b.data
    for weight, number in zip(neuron.w, x, strict=True):
        total += weight.data * number
    return total


# Drop-in for micrograd


def test_reprs() -> None:
    assert repr(Neuron(2)) == "ReLUNeuron(2)"
    assert repr(Neuron(2, nonlin=False)) == "LinearNeuron(2)"
    assert repr(Neuron(3, activation="tanh")) == "TanhNeuron(3)"
    assert repr(Neuron(3, activation="linear")) == "LinearNeuron(3)"
    assert repr(Layer(2, 2)) == "Layer of [ReLUNeuron(2), ReLUNeuron(2)]"
    assert repr(MLP(2, [2, 1])) == ("MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(2)]]")


def test_same_weights_outputs_gradients_as_micrograd() -> None:
    upstream = pytest.importorskip("micrograd.nn", reason="micrograd is the reference")
    random.seed(7)
    theirs = upstream.MLP(3, [4, 4, 1])
    random.seed(7)
    ours = MLP(3, [4, 4, 1])
    assert repr(ours) == repr(theirs)
    assert [p.data for p in ours.parameters()] == [p.data for p in theirs.parameters()]
    a, b = theirs([2.0, 3.0, -1.0]), ours([2.0, 3.0, -1.0])
    assert b.data == pytest.approx(a.data, rel=1e-14)
    a.backward()
    b.backward()
    assert [p.grad for p in ours.parameters()] == pytest.approx([p.grad for p in theirs.parameters()], rel=1e-12)


def test_attributes() -> None:
    neuron = Neuron(3)
    assert len(neuron.w) == 3
    assert all(type(weight) is Value and -1 <= weight.data <= 1 for weight in neuron.w)
    assert neuron.b.data == 0
    assert neuron.nonlin is True
    assert Neuron(3, nonlin=False).nonlin is False
    assert neuron.parameters() == [*neuron.w, neuron.b]
    layer = Layer(3, 2, nonlin=False)
    assert [neuron.nonlin for neuron in layer.neurons] == [False, False]
    mlp = MLP(3, [4, 4, 1])
    assert [len(layer.neurons) for layer in mlp.layers] == [4, 4, 1]
    assert [layer.neurons[0].nonlin for layer in mlp.layers] == [True, True, False]
    assert len(mlp.parameters()) == 41
    assert isinstance(mlp, Module)
    assert mlp.parameters() == [p for layer in mlp.layers for neuron in layer.neurons for p in (*neuron.w, neuron.b)]


def test_the_lectures_network() -> None:
    """Weights, then the bias, are drawn for each neuron, and every layer has tanh."""
    random.seed(3)
    mlp = MLP(3, [4, 4, 1], activation="tanh", output_activation="tanh", bias="uniform")
    random.seed(3)
    drawn = [random.uniform(-1, 1) for _ in range(41)]
    assert [p.data for p in mlp.parameters()] == drawn
    assert repr(mlp.layers[2]) == "Layer of [TanhNeuron(4)]"
    x: list[float] = [2.0, 3.0, -1.0]
    for layer in mlp.layers:
        x = [math.tanh(plain(neuron, x)) for neuron in layer.neurons]
    assert mlp([2.0, 3.0, -1.0]).data == pytest.approx(x[0], rel=1e-14)


def test_zero_biases_draw_no_random_number() -> None:
    random.seed(5)
    Neuron(4)
    after = random.random()
    random.seed(5)
    [random.uniform(-1, 1) for _ in range(4)]
    assert random.random() == after


def test_nonlin_is_read_at_each_call() -> None:
    """As in micrograd, where programs switch it off afterwards."""
    neuron = Neuron(1)
    neuron.w[0].data, neuron.b.data = -1.0, 0.0
    assert neuron([2.0]).data == 0
    neuron.nonlin = False
    assert neuron([2.0]).data == -2
    assert repr(neuron) == "LinearNeuron(1)"


def test_a_neuron_is_one_dot_and_one_activation() -> None:
    out = Neuron(3, activation="tanh")([1.0, 2.0, 3.0])
    assert out._op == "tanh"
    (total,) = out._prev
    assert total._op == "dot"
    assert len(total._prev) == 7


# Activations


@pytest.mark.parametrize("name", activations())
def test_activation(name: str) -> None:
    neuron = Neuron(2, activation=name, bias="uniform")
    for p, number in zip(neuron.parameters(), (0.25, -0.5, 0.75), strict=True):
        p.data = number
    total = plain(neuron, [0.5, 0.25])
    expected = total if name == "linear" else TABLE[name].value(total)
    assert neuron([0.5, 0.25]).data == expected
    assert repr(neuron).endswith("Neuron(2)")


def test_activation_as_an_op() -> None:
    assert Neuron(2, activation=TABLE["gelu"]).activation == "gelu"


@pytest.mark.parametrize("name", ["Relu", "", "softmax", "add", None, 3])
def test_unknown_activation_lists_the_known(name: Any) -> None:
    with pytest.raises(ArgumentError, match=r"linear.*relu.*gelu") as caught:
        MLP(2, [1], activation="relu", output_activation=name)
    assert repr(name) in str(caught.value)


def test_softmax_is_pointed_to_its_place() -> None:
    with pytest.raises(ArgumentError, match="cross_entropy"):
        Neuron(2, activation="softmax")


def test_an_activation_assigned_later_is_checked() -> None:
    neuron = Neuron(2)
    neuron.activation = "tanh"
    assert neuron([1.0, 1.0])._op == "tanh"
    neuron.activation = "tahn"
    with pytest.raises(ArgumentError, match="'tahn'"):
        neuron([1.0, 1.0])
    neuron.activation = "linear"
    assert neuron([1.0, 1.0])._op == "dot"


# Inputs

CONTAINERS: dict[str, Callable[[list[float]], Any]] = {
    "list": list,
    "tuple": tuple,
    "numpy row": np.array,
    "float32 row": lambda x: np.array(x, dtype=np.float32),
    "integer row": lambda x: np.array(x).astype(int),
    "object row": lambda x: np.array([Value(each) for each in x], dtype=object),
    "Values": lambda x: [Value(each) for each in x],
    "ints": lambda x: [int(each) for each in x],
    "fractions": lambda x: [Fraction(each) for each in x],
    "numpy numbers": lambda x: list(map(np.float64, x)),
    "mixed": lambda x: [Value(x[0]), *x[1:]],
    "iterator": iter,
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("model", [Neuron(3), Layer(3, 1), MLP(3, [2, 1])], ids=["Neuron", "Layer", "MLP"])
def test_inputs(container: str, model: Any) -> None:
    x = [2.0, -3.0, 5.0]
    assert model(CONTAINERS[container](x)).data == model(x).data


@pytest.mark.parametrize("x", [2.0, 2, np.float32(2), np.array(2.0), Value(2.0)])
def test_one_input_by_itself(x: Any) -> None:
    """So that a hidden layer of one neuron, which returns a Value, can feed the next."""
    for model in (Neuron(1), Layer(1, 1), MLP(1, [1, 1, 1])):
        assert model(x).data == model([2.0]).data


def test_gradients_reach_inputs() -> None:
    x = [Value(1.0), Value(-2.0)]
    neuron = Neuron(2, nonlin=False)
    neuron(x).backward()
    assert [each.grad for each in x] == [weight.data for weight in neuron.w]


def test_a_layer_of_one_returns_a_value() -> None:
    assert isinstance(Layer(2, 1)([1, 2]), Value)
    several = Layer(2, 3)([1, 2])
    assert isinstance(several, list)
    assert len(several) == 3


@given(nin=st.integers(1, 6), given_inputs=st.integers(0, 8))
def test_wrong_number_of_inputs(nin: int, given_inputs: int) -> None:
    x = [1.0] * given_inputs
    for model in (Neuron(nin), Layer(nin, 2), MLP(nin, [2, 1])):
        if given_inputs == nin:
            model(x)
            continue
        with pytest.raises(ArityError, match=rf"{nin} weights.*{given_inputs} inputs") as caught:
            model(x)
        assert f"nin={given_inputs}" in str(caught.value)


def test_a_table_is_not_a_sample() -> None:
    with pytest.raises(ArityError, match=r"shape \(5, 2\).*each row"):
        MLP(2, [1])(np.zeros((5, 2)))


@pytest.mark.parametrize("x", ["ab", b"ab", {0: 1.0, 1: 2.0}, {1.0, 2.0}, ["a", 1.0], [None, 1.0], [[1.0], 2.0]])
def test_inputs_that_are_not_numbers(x: Any) -> None:
    with pytest.raises(NumberError):
        MLP(2, [1])(x)


@pytest.mark.parametrize("special", [math.nan, math.inf, -math.inf])
def test_special_numbers_pass_through(special: float) -> None:
    neuron = Neuron(2, nonlin=False)
    expected = plain(neuron, [special, 1.0])
    result = neuron([special, 1.0]).data
    assert result == expected or (math.isnan(result) and math.isnan(expected))


# Construction


@pytest.mark.parametrize("make", [Neuron, lambda n: Layer(n, 2), lambda n: Layer(2, n), lambda n: MLP(n, [1])])
@pytest.mark.parametrize("size", [0, -1])
def test_sizes_below_one(make: Callable[[Any], Any], size: int) -> None:
    with pytest.raises(ArgumentError, match=f"is {size}"):
        make(size)


@pytest.mark.parametrize("make", [Neuron, lambda n: Layer(n, 2), lambda n: Layer(2, n), lambda n: MLP(2, [n])])
@pytest.mark.parametrize("size", [1.5, "3", None, [2]])
def test_sizes_that_are_not_integers(make: Callable[[Any], Any], size: Any) -> None:
    with pytest.raises(NumberError):
        make(size)


def test_numpy_sizes_and_tuples() -> None:
    sizes: Any = (np.int32(4), 4, 1)
    nin: Any = np.int64(3)
    assert len(MLP(nin, sizes).parameters()) == 41


def test_layers_are_a_list() -> None:
    with pytest.raises(NumberError, match=r"\[4\]"):
        MLP(2, 4)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ArgumentError, match="empty"):
        MLP(2, [])


@pytest.mark.parametrize("bias", ["zero", "", None, True])
def test_unknown_bias(bias: Any) -> None:
    with pytest.raises(ArgumentError, match=r"'zeros' or 'uniform'"):
        MLP(2, [1], bias=bias)


def test_a_failed_construction_draws_nothing() -> None:
    random.seed(1)
    for nouts, arguments in [([3, 0], {}), ([3, 1], {"output_activation": "nope"}), ([3, 1], {"bias": "?"})]:
        with pytest.raises(ArgumentError):
            MLP(2, nouts, **arguments)
    after = random.random()
    random.seed(1)
    assert random.random() == after
