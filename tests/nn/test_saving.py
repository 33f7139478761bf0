"""Model files: what goes in comes back bit for bit, and other programs can read it."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file

from chainrule.engine import Value
from chainrule.errors import ArgumentError, ModelFileError, WriteError
from chainrule.nn import MLP, Layer, Module, Neuron, load, read_extra
from chainrule.nn.layers import activations
from chainrule.nn.saving import layout
from tests.faults import full_disk


def bits(model: Module) -> list[bytes]:
    """The parameters as bytes, which tell -0.0 from 0.0 and nan from nan."""
    return [struct.pack("<d", p.data) for p in model.parameters()]


class Ragged(Module):
    """A class that the file cannot rebuild, with every kind of container."""

    def __init__(self) -> None:
        self.scale = Value(random.random())
        self.box = [[Value(random.random()) for _ in range(3)] for _ in range(2)]
        self.ragged = [[Value(random.random())], [Value(random.random()), Value(random.random())]]
        self.table = {"a": Value(random.random()), "b.c": [Value(random.random())], 3: Value(random.random())}
        self.mlp = MLP(2, [2, 1])


class InMicrogradStyle(Module):
    """Overrides `parameters` alone."""

    def __init__(self) -> None:
        self.neurons = [Neuron(2), Neuron(2)]
        self.extra = {Value(random.random())}

    def parameters(self) -> list[Value]:
        return [p for neuron in self.neurons for p in neuron.parameters()] + list(self.extra)


# There and back

MODELS: list[Any] = [
    lambda: Neuron(3, activation="tanh"),
    lambda: Neuron(1, nonlin=False),
    lambda: Layer(3, 2, activation="gelu", bias="uniform"),
    lambda: MLP(3, [1]),
    lambda: MLP(3, [4, 4, 1], activation="tanh", output_activation="tanh", bias="uniform"),
    lambda: MLP(2, [1, 3]),
]


@pytest.mark.parametrize("make", MODELS)
def test_load_rebuilds_the_model(make: Any, tmp_path: Path) -> None:
    model = make()
    model.save(tmp_path / "model.safetensors")
    random.seed(1)
    loaded: Any = load(tmp_path / "model.safetensors")
    after = random.random()
    random.seed(1)
    assert random.random() == after, "loading draws no random number"
    assert type(loaded) is type(model)
    assert repr(loaded) == repr(model)
    assert bits(loaded) == bits(model)
    x = [0.5] * len(_weights(model))
    assert repr(loaded(x)) == repr(model(x))
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "model.safetensors").read_bytes()


def _weights(model: Any) -> list[Value]:
    """The weights of a model's first neuron."""
    while not isinstance(model, Neuron):
        model = (model.layers if isinstance(model, MLP) else model.neurons)[0]
    return model.w


@pytest.mark.parametrize("name", activations())
def test_every_activation(name: str, tmp_path: Path) -> None:
    model = MLP(2, [2, 2], activation=name, output_activation=name)
    model.save(tmp_path / "m")
    loaded: Any = load(tmp_path / "m")
    assert repr(loaded) == repr(model)
    assert [repr(out) for out in loaded([0.3, 0.2])] == [repr(out) for out in model([0.3, 0.2])]


@settings(max_examples=30)
@given(numbers=st.lists(st.floats(), min_size=9, max_size=9))
def test_every_bit_survives(numbers: list[float], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "bits.safetensors"
    model = MLP(2, [2, 1])
    for p, number in zip(model.parameters(), numbers, strict=True):
        p.data = number
    model.save(path)
    assert bits(load(path)) == bits(model)
    other = MLP(2, [2, 1])
    other.load(path)
    assert bits(other) == bits(model)


@pytest.mark.parametrize("make", [Ragged, InMicrogradStyle])
def test_classes_of_ones_own(make: Any, tmp_path: Path) -> None:
    model, other = make(), make()
    model.save(tmp_path / "m")
    other.load(tmp_path / "m")
    assert bits(other) == bits(model)
    with pytest.raises(ModelFileError, match=rf"'{make.__name__}'.*model\.load"):
        load(tmp_path / "m")


def test_an_empty_module(tmp_path: Path) -> None:
    Module().save(tmp_path / "m")
    Module().load(tmp_path / "m")


def _tie(model: MLP) -> None:
    model.layers[0].neurons[1].w = model.layers[0].neurons[0].w


def _mix(model: MLP) -> None:
    model.layers[0].neurons[1].activation = "tanh"


def _add(model: MLP) -> None:
    vars(model)["temperature"] = Value(2.0)


@pytest.mark.parametrize("change", [_tie, _mix, _add])
def test_a_changed_network_is_not_rebuilt_as_another(change: Any, tmp_path: Path) -> None:
    """Where the architecture cannot say what the model is, the file says so instead of losing it."""
    model, other = MLP(2, [2, 1]), MLP(2, [2, 1])
    change(model)
    change(other)
    model.save(tmp_path / "m")
    other.load(tmp_path / "m")
    assert bits(other) == bits(model)
    with pytest.raises(ModelFileError, match="cannot be rebuilt"):
        load(tmp_path / "m")


def test_nonlin_switched_off_is_saved_as_linear(tmp_path: Path) -> None:
    model = Layer(2, 2)
    for neuron in model.neurons:
        neuron.nonlin = False
    model.save(tmp_path / "m")
    assert repr(load(tmp_path / "m")) == repr(model)


# The format


def test_tensors_are_those_of_torch_linear(tmp_path: Path) -> None:
    model = MLP(3, [4, 2])
    model.save(tmp_path / "m.safetensors")
    tensors = load_file(tmp_path / "m.safetensors")
    assert {name: (each.shape, each.dtype) for name, each in tensors.items()} == {
        "layers.0.w": ((4, 3), np.float64),
        "layers.0.b": ((4,), np.float64),
        "layers.1.w": ((2, 4), np.float64),
        "layers.1.b": ((2,), np.float64),
    }
    x = np.array([0.5, -1.0, 2.0])
    hidden = np.maximum(tensors["layers.0.w"] @ x + tensors["layers.0.b"], 0)
    out = tensors["layers.1.w"] @ hidden + tensors["layers.1.b"]
    assert [each.data for each in model(x)] == pytest.approx(out.tolist(), rel=1e-14)


def test_torch_reads_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch reads the file beside us")
    from safetensors.torch import load_file as load_torch

    model = MLP(3, [4, 1], activation="tanh")
    model.save(tmp_path / "m.safetensors")
    tensors = load_torch(tmp_path / "m.safetensors")
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double()
    network.load_state_dict(
        {
            "0.weight": tensors["layers.0.w"],
            "0.bias": tensors["layers.0.b"],
            "2.weight": tensors["layers.1.w"],
            "2.bias": tensors["layers.1.b"],
        }
    )
    out = network(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    assert model([1.0, 2.0, 3.0]).data == pytest.approx(out.item(), rel=1e-14)


def test_a_file_from_elsewhere_can_be_loaded_into_a_model(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"w": np.array([1.0, 2.0]), "b": np.array(3.0)}, tmp_path / "m")
    model = Neuron(2)
    model.load(tmp_path / "m")
    assert [p.data for p in model.parameters()] == [1.0, 2.0, 3.0]
    with pytest.raises(ModelFileError, match="cannot be rebuilt"):
        load(tmp_path / "m")
    with pytest.raises(ModelFileError, match="not written by chainrule"):
        read_extra(tmp_path / "m")


def test_the_metadata_are_one_json_entry(tmp_path: Path) -> None:
    MLP(2, [3, 1]).save(tmp_path / "m", extra={"columns": ["a", "b"]})
    with safe_open(tmp_path / "m", framework="numpy") as file:
        metadata = file.metadata()
    assert list(metadata) == ["chainrule"]
    assert json.loads(metadata["chainrule"]) == {
        "format": 1,
        "class": "MLP",
        "architecture": {
            "type": "MLP",
            "layers": [
                {"type": "Layer", "nin": 2, "nout": 3, "activation": "relu"},
                {"type": "Layer", "nin": 3, "nout": 1, "activation": "linear"},
            ],
        },
        "extra": {"columns": ["a", "b"]},
    }


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], {}),
        (["a"], {"a": ((), ["a"])}),
        (["w.1", "w.0"], {"w": ((2,), ["w.0", "w.1"])}),
        (["w.1"], {"w.1": ((), ["w.1"])}),
        (["w.0", "w.2"], {"w.0": ((), ["w.0"]), "w.2": ((), ["w.2"])}),
        (["w", "w.0"], {"w": ((), ["w"]), "w.0": ((), ["w.0"])}),
        (["neurons.0.w.0", "neurons.1.w.0"], {"w": ((2, 1), ["neurons.0.w.0", "neurons.1.w.0"])}),
        (["neurons.0", "neurons.1"], {"neurons": ((2,), ["neurons.0", "neurons.1"])}),
        (
            ["neurons.0.w.0", "w.0.0"],
            {"neurons.0.w.0": ((), ["neurons.0.w.0"]), "w.0.0": ((), ["w.0.0"])},
        ),
        (["0"], {"0": ((), ["0"])}),
        (["w.00", "w.²"], {"w.00": ((), ["w.00"]), "w.²": ((), ["w.²"])}),
        (["w.99999999999999999999"], {"w.99999999999999999999": ((), ["w.99999999999999999999"])}),
    ],
)
def test_layout(names: list[str], expected: Any) -> None:
    assert layout(names) == expected


@given(st.sets(st.text("w.01", min_size=1, max_size=7), max_size=12))
def test_layout_holds_every_name_once(names: set[str]) -> None:
    made = layout(names)
    held = [name for _, members in made.values() for name in members]
    assert sorted(held) == sorted(names)
    assert all(len(members) == int(np.prod(shape)) for shape, members in made.values())


# Extra metadata


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"columns": ["größe", 'a "quoted" one'], "scale": [0.1, 5e-324, 1.7976931348623157e308]},
        {"classes": ["yes", None, True, 3], "nested": {"a": {"b": []}}},
        {"text": "\ud800 \x00 \n"},
    ],
)
def test_extra_goes_round(extra: dict[str, Any], tmp_path: Path) -> None:
    Neuron(1).save(tmp_path / "m", extra=extra)
    assert read_extra(tmp_path / "m") == extra


@pytest.mark.parametrize(
    "wrong", [float("nan"), float("inf"), {1, 2}, np.float32(1), np.array([1.0]), object(), Value(1.0), b"b"]
)
def test_extra_that_json_cannot_hold(wrong: Any, tmp_path: Path) -> None:
    model = Neuron(1)
    model.save(tmp_path / "m", extra={"kept": 1})
    with pytest.raises(ArgumentError, match="extra cannot be saved"):
        model.save(tmp_path / "m", extra={"a": [wrong]})
    assert read_extra(tmp_path / "m") == {"kept": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_extra_that_refers_to_itself(tmp_path: Path) -> None:
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    with pytest.raises(ArgumentError):
        Neuron(1).save(tmp_path / "m", extra=loop)


# Writing whole or not at all


def test_the_path_may_be_text_or_a_path(tmp_path: Path) -> None:
    Neuron(1).save(str(tmp_path / "m"))
    load(str(tmp_path / "m"))
    load(tmp_path / "m")


def test_a_failed_save_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m"
    model = Neuron(1)
    model.save(path)
    before = path.read_bytes()
    model.b.data = 5.0

    with full_disk(), pytest.raises(WriteError, match=r"No space left on device.*unchanged"):
        model.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    model.save(path)
    assert path.read_bytes() != before


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="folder exists"):
        Neuron(1).save(tmp_path / "missing" / "m")
    with pytest.raises(WriteError, match="regular file"):
        Neuron(1).save(tmp_path)
    assert list(tmp_path.iterdir()) == []
