"""Module: finding, naming, zeroing and loading parameters, in classes that people write."""

from __future__ import annotations

import copy
import inspect
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import training
from chainrule.engine import Value
from chainrule.errors import ArgumentError, NumberError
from chainrule.nn import MLP, Layer, Module, Neuron
from chainrule.optim import SGD


def named(model: Module) -> dict[str, float]:
    """The numbers of the parameters by name, with the promise that both lists agree."""
    pairs = list(model.named_parameters())
    assert [p for _, p in pairs] == model.parameters()
    return {name: p.data for name, p in pairs}


class Everything(Module):
    """Parameters in each kind of attribute."""

    def __init__(self) -> None:
        self.scale = Value(1.0)
        self.title = "not a parameter"
        self.rows = [[Value(2.0), Value(3.0)], [Value(4.0), Value(5.0)]]
        self.pair = (Value(6.0), 7)
        self.table = {"a": Value(8.0), 1: [Value(9.0)]}
        self.inner = Neuron(1)
        self.numbers = [1.0, 2.0]
        self.nothing = None


class InMicrogradStyle(Module):
    """Overrides `parameters` alone: an order of its own, one frozen, one that no attribute holds."""

    def __init__(self) -> None:
        self.a = Value(1.0)
        self.frozen = Value(2.0)
        self.b = [Value(3.0)]
        self.hidden = {Value(4.0)}  # sets have no order, so a walk leaves them out

    def parameters(self) -> list[Value]:
        return [*self.b, self.a, *self.hidden]


def test_names_of_a_network() -> None:
    names = [name for name, _ in MLP(2, [4, 1]).named_parameters()]
    assert names[:4] == [
        "layers.0.neurons.0.w.0",
        "layers.0.neurons.0.w.1",
        "layers.0.neurons.0.b",
        "layers.0.neurons.1.w.0",
    ]
    assert names[10] == "layers.0.neurons.3.w.1"
    assert names[-1] == "layers.1.neurons.0.b"


def test_every_kind_of_attribute_in_order() -> None:
    model = Everything()
    assert list(named(model)) == [
        "scale",
        "rows.0.0",
        "rows.0.1",
        "rows.1.0",
        "rows.1.1",
        "pair.0",
        "table.a",
        "table.1.0",
        "inner.w.0",
        "inner.b",
    ]


def test_parameters_alone_overridden() -> None:
    assert named(InMicrogradStyle()) == {"b.0": 3.0, "a": 1.0, "parameters.2": 4.0}


def test_a_module_inside_answers_for_itself() -> None:
    class Outer(Module):
        def __init__(self) -> None:
            self.inner = InMicrogradStyle()
            self.own = Value(5.0)

    assert named(Outer()) == {"inner.b.0": 3.0, "inner.a": 1.0, "parameters.2": 4.0, "own": 5.0}


def test_an_empty_module() -> None:
    assert Module().parameters() == []
    assert named(Module()) == {}
    Module().zero_grad()


def test_shared_parameters_appear_once() -> None:
    model = MLP(2, [2, 2])
    model.layers[1] = model.layers[0]
    assert len(model.parameters()) == 6
    assert list(named(model))[-1] == "layers.0.neurons.1.b"
    layer = Layer(2, 2)
    layer.neurons[1].w = layer.neurons[0].w
    assert len(layer.parameters()) == 4
    both = Everything()
    both.pair = (both.scale, 0)
    assert "pair.0" not in named(both)


@pytest.mark.parametrize("make", [lambda: Neuron(2), lambda: Layer(2, 1), lambda: MLP(2, [1])])
def test_attributes_added_to_our_classes_count(make: Any) -> None:
    model = make()
    before = len(model.parameters())
    model.temperature = Value(2.0)
    assert len(model.parameters()) == before + 1
    assert list(named(model))[-1] == "temperature"


def test_a_subclass_of_ours_with_a_parameter() -> None:
    class Scaled(MLP):
        def __init__(self) -> None:
            super().__init__(2, [2, 1])
            self.scale = Value(3.0)

        def __call__(self, x: Any) -> Any:
            return self.scale * super().__call__(x)

    model = Scaled()
    assert len(model.parameters()) == 10
    assert list(named(model))[-1] == "scale"
    model([1.0, 2.0]).backward()
    assert model.scale.grad != 0 or model.layers[1].neurons[0].b.grad == 3.0


def test_a_neuron_of_ones_own_in_a_layer() -> None:
    class Raised(Neuron):
        def __call__(self, x: Any) -> Value:
            raised: Value = super().__call__(x) + 100.0
            return raised

    layer = Layer(2, 1, nonlin=False)
    before = layer([1.0, 2.0]).data
    layer.neurons[0].__class__ = Raised
    assert layer([1.0, 2.0]).data == before + 100.0


def test_results_kept_as_attributes_are_no_parameters() -> None:
    class Watched(Neuron):
        def __call__(self, x: Any) -> Value:
            self.last: Value = super().__call__(x)
            return self.last

    model = Watched(2)
    model([1.0, 2.0])
    assert list(named(model)) == ["w.0", "w.1", "b"]


def test_references_back_to_the_parent() -> None:
    class Child(Module):
        def __init__(self, parent: Module) -> None:
            self.parent = parent
            self.weight = Value(1.0)

    class Parent(Module):
        def __init__(self) -> None:
            self.bias = Value(2.0)
            self.child = Child(self)
            self.loop: list[Any] = []
            self.loop.append(self.loop)

    assert named(Parent()) == {"bias": 2.0, "child.weight": 1.0}
    assert named(Parent().child) == {"parent.bias": 2.0, "weight": 1.0}


def test_deep_nesting_does_not_recurse() -> None:
    model = Module()
    top = model
    for _ in range(20_000):
        inner = Module()
        vars(top)["inner"] = inner
        top = inner
    vars(top)["weight"] = Value(1.0)
    assert len(model.parameters()) == 1
    # taken apart from the top, since Python itself frees nested objects by recursion
    while "inner" in vars(model):
        model = vars(model).pop("inner")


def test_two_parameters_of_one_name() -> None:
    model = Module()
    vars(model)["table"] = {1: Value(1.0), "1": Value(2.0)}
    assert len(model.parameters()) == 2
    with pytest.raises(ArgumentError, match=r"'table\.1'"):
        model.state_dict()


def test_zero_grad() -> None:
    model = MLP(2, [3, 1])
    model([1.0, 2.0]).backward()
    assert any(p.grad for p in model.parameters())
    model.zero_grad()
    assert [p.grad for p in model.parameters()] == [0.0] * 13


# state_dict and load_state_dict


@given(st.lists(st.floats(), min_size=10, max_size=10))
def test_state_goes_round(numbers: list[float]) -> None:
    model, other = Everything(), Everything()
    for p, number in zip(model.parameters(), numbers, strict=True):
        p.data = number
    state = model.state_dict()
    assert list(map(repr, state.values())) == list(map(repr, numbers))
    other.load_state_dict(state)
    assert list(map(repr, other.state_dict().values())) == list(map(repr, numbers))


def test_state_is_a_copy() -> None:
    model = Neuron(1)
    state = model.state_dict()
    state["b"] = 99.0
    assert model.b.data == 0.0
    model.b.data = 5.0
    assert state["b"] == 99.0


def test_loading_takes_any_order_and_any_real_number() -> None:
    model = Neuron(2)
    model.load_state_dict({"b": Fraction(1, 2), "w.1": np.float32(3), "w.0": 2})
    assert [p.data for p in model.parameters()] == [2.0, 3.0, 0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w.0": None}, "missing 'w.0'"),
        ({"w.7": 1.0}, "unknown 'w.7'"),
        ({"b": None, "c": 1.0, 5: 2.0}, "missing 'b'; unknown '5', 'c'"),
        ({f"z{i}": 0.0 for i in range(9)}, "unknown 'z0', 'z1', 'z2' and 6 more"),
    ],
)
def test_state_of_another_model(change: dict[str, Any], message: str) -> None:
    model = Neuron(2)
    before = model.state_dict()
    state = {name: number for name, number in {**before, **change}.items() if number is not None}
    with pytest.raises(ArgumentError, match="does not fit this Neuron") as caught:
        model.load_state_dict(state)
    assert message in str(caught.value)
    assert model.state_dict() == before


@pytest.mark.parametrize("wrong", ["1.0", None, 1j, [1.0]])
def test_state_that_is_no_number_changes_nothing(wrong: Any) -> None:
    model = Neuron(2)
    before = model.state_dict()
    with pytest.raises(NumberError, match="'b'"):
        model.load_state_dict({"w.0": 7.0, "w.1": 8.0, "b": wrong})
    assert model.state_dict() == before


# Copies, and the way up to training


def test_pickle_and_deepcopy() -> None:
    model = MLP(2, [2, 1])
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert twin.state_dict() == model.state_dict()
        assert twin([1.0, 2.0]).data == model([1.0, 2.0]).data
        twin.parameters()[0].data = 100.0
        assert model.parameters()[0].data != 100.0


@pytest.mark.parametrize("name", ["fit", "predict", "score"])
def test_methods_have_the_defaults_of_the_training_functions(name: str) -> None:
    theirs = inspect.signature(getattr(training, name)).parameters
    for argument in list(inspect.signature(getattr(Module, name)).parameters.values())[1:]:
        if argument.kind is not inspect.Parameter.VAR_KEYWORD:
            assert theirs[argument.name].default == argument.default
            assert list(theirs).index(argument.name) > 0


def test_fit_predict_score() -> None:
    model = MLP(1, [1])
    x = [[-1.0], [0.0], [1.0], [2.0]]
    y = [-1.5, 0.5, 2.5, 4.5]
    model.fit(x, y, epochs=100, verbose=0, optimizer=SGD(model.parameters(), lr=0.1))
    assert model.predict(x) == pytest.approx(y, abs=1e-3)
    assert model.score(x, y) > 0.999
