"""How a Module shows itself in a notebook: its layers as a table, its weights as a heatmap, bounded."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from chainrule import Value, nn
from chainrule.views.notebooks.weights import BLUE, MOST_WEIGHTS, ORANGE
from tests.views.markup import KEPT, SVG, Reader, images, texts

HEAD = ["layer", "inputs", "neurons", "activation", "parameters"]


@pytest.fixture
def lecture() -> nn.MLP:
    """The network of the lessons."""
    random.seed(0)
    return nn.MLP(3, [4, 4, 1], activation="tanh", output_activation="tanh", bias="uniform")


def test_layers_and_their_sizes(lecture: nn.MLP) -> None:
    html = lecture._repr_html_()
    read = Reader(html)
    assert read.words.startswith("MLP, 41 parameters")
    assert read.rows == [
        HEAD,
        ["0", "3", "4", "tanh", "16"],
        ["1", "4", "4", "tanh", "20"],
        ["2", "4", "1", "tanh", "5"],
    ]
    assert lecture._repr_mimebundle_() == {"text/html": html, "text/plain": repr(lecture)}


def test_heatmap_of_a_small_network_holds_its_numbers(lecture: nn.MLP) -> None:
    for k, parameter in enumerate(lecture.parameters()):
        parameter.data = (k - 20) / 8  # exact in three digits
    [picture] = images(lecture._repr_html_())
    cells = [element.text or "" for element in picture.iter(f"{SVG}text") if element.get("font-size") == "11"][:-1]
    numbers = [float(text.replace("−", "-")) for text in cells]
    assert numbers == pytest.approx([parameter.data for parameter in lecture.parameters()], rel=0.01)
    assert "largest distance from 0: 2.5" in texts(picture)[-1]


def fills(picture: Any) -> dict[str, int]:
    """How many cells each colour has."""
    paths = [path for path in picture.iter(f"{SVG}path") if path.get("fill")]
    return {path.get("fill"): path.get("d").count("M") for path in paths}


def test_colours_follow_sign_and_size() -> None:
    neuron = nn.Neuron(4)
    for parameter, number in zip(neuron.parameters(), [1.0, -1.0, 0.0, 0.1, -0.5], strict=True):
        parameter.data = number
    [picture] = images(neuron._repr_html_())
    assert fills(picture) == {ORANGE[5]: 1, BLUE[5]: 1, ORANGE[0]: 1, ORANGE[1]: 1, BLUE[3]: 1}


def test_cells_without_numbers_have_signs() -> None:
    random.seed(1)
    model = nn.MLP(2, [16, 16, 1])
    html = model._repr_html_()
    [picture] = images(html)
    pens = [path.get("d", "") for path in picture.iter(f"{SVG}path") if path.get("stroke-width")]
    positive = sum(parameter.data > 0 for parameter in model.parameters())
    assert sum(pen.count("v") for pen in pens) == positive
    assert sum(pen.count("h") for pen in pens) == sum(parameter.data != 0 for parameter in model.parameters())
    assert len(html) < 40_000


@pytest.mark.parametrize("number", [0.0, math.nan, math.inf, -math.inf, 1e308, 5e-324])
@pytest.mark.parametrize("nin", [3, 20])
def test_any_number_can_be_shown(number: float, nin: int) -> None:
    layer = nn.Layer(nin, 2)
    for parameter in layer.parameters():
        parameter.data = number
    [picture] = images(layer._repr_html_())
    assert sum(fills(picture).values()) == 2 * (nin + 1)


@pytest.mark.parametrize("model", [nn.MLP(784, [10]), nn.MLP(30, [40]), nn.Neuron(100)])
def test_what_is_too_large_has_no_heatmap(model: nn.Module) -> None:
    html = model._repr_html_()
    assert images(html) == []
    assert len(html) < 1_000


def test_the_largest_heatmap_is_bounded() -> None:
    side = math.isqrt(MOST_WEIGHTS) - 1
    html = nn.MLP(side, [side])._repr_html_()
    assert len(images(html)) == 1
    assert len(html) < 100_000


def test_many_layers_are_counted() -> None:
    read = Reader(nn.MLP(1, [1] * 50)._repr_html_())
    assert len(read.rows) == 21
    assert "30 more layers" in read.words


class Two(nn.Module):
    """A model of another shape."""

    def __init__(self) -> None:
        self.first = nn.MLP(2, [3, 1])
        self.scale = Value(1.0)
        self.table = {"</td><script>": Value(2.0)}


def test_another_shape_shows_its_parts() -> None:
    read = Reader(Two()._repr_html_())
    assert read.tags <= KEPT
    assert read.words == "Two, 15 parameters"
    assert read.rows == [
        ["part", "parameters"],
        ["first.layers.0.neurons.0", "3"],
        ["first.layers.0.neurons.1", "3"],
        ["first.layers.0.neurons.2", "3"],
        ["first.layers.1.neurons.0", "4"],
        ["scale", "1"],
        ["table", "1"],
    ]


class Empty(nn.Module):
    """A module without parameters, and with attributes that only look like layers."""

    def __init__(self, layers: Any = None) -> None:
        self.layers = layers
        self.neurons: list[Any] = []
        self.w = "weights"


@pytest.mark.parametrize("layers", [None, [], [1], "relu", {"a": 1}, [[Value(1.0)]]])
def test_what_only_looks_like_layers(layers: Any) -> None:
    assert Reader(Empty(layers)._repr_html_()).words.startswith("Empty, ")


class Named(nn.Module):
    """Two parameters that get the same name."""

    def __init__(self) -> None:
        self.both = {1: Value(1.0), "1": Value(2.0)}


def test_parameters_of_the_same_name_are_still_counted() -> None:
    read = Reader(Named()._repr_html_())
    assert (read.words, read.rows) == ("Named, 2 parameters", [])


class OwnNeuron:
    """A neuron that a learner wrote, in a network of theirs."""

    def __init__(self) -> None:
        self.w = [Value(0.5), Value(-0.5)]
        self.b = Value(0.25)


class OwnNetwork(nn.Module):
    """Layers of neurons that are no Modules."""

    def __init__(self) -> None:
        self.neurons = [OwnNeuron(), OwnNeuron()]

    def parameters(self) -> list[Value]:
        return [p for neuron in self.neurons for p in (*neuron.w, neuron.b)]


def test_neurons_of_the_users_own() -> None:
    html = OwnNetwork()._repr_html_()
    assert Reader(html).rows[1] == ["0", "2", "2", "", "6"]
    assert len(images(html)) == 1
