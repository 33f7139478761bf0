"""What a model of our own classes is, in JSON, and back: sizes and activations, never a class to import.

The forms are {"type": "Neuron", "nin": 2, "activation": "tanh"}, {"type": "Layer", "nin": 2, "nout": 16,
"activation": "relu"} and {"type": "MLP", "layers": [a Layer, …]}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from chainrule.nn.layers import MLP, Layer, Neuron, activations, layer_of, mlp_of, neuron_of
from chainrule.nn.module import Module

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    # Gives the tensor of a name, checked to have the shape.
    Take: TypeAlias = Callable[[str, tuple[int, ...]], NDArray[np.float64]]

Architecture: TypeAlias = dict[str, Any]


class Misfit(Exception):  # noqa: N818 - it never leaves the package: saving makes it a ModelFileError
    """Why an architecture cannot be built; the file's name is not known here."""


def describe(model: Module) -> Architecture | None:
    """Return what `build` needs to make the model again, or None where that would not be the same model.

    None stands for a class that is not ours, and for ours when a program has changed more than numbers:
    neurons that differ within a layer, shared parameters, parameters added as attributes.
    """
    made = _DESCRIBE[type(model)](model) if type(model) in _DESCRIBE else None
    if made is None or [name for name, _ in model.named_parameters()] != list(_names(made)):
        return None
    return made


def build(architecture: object, take: Take) -> Module:
    """Make a model from its architecture and tensors; draws no random number.

    Every size is checked against a tensor before anything of that size is made.

    Raises:
        Misfit: the architecture is not one of ours, or the tensors do not fit it.
    """
    kind = architecture.get("type") if isinstance(architecture, dict) else None
    if not isinstance(architecture, dict) or not isinstance(kind, str) or kind not in _BUILD:
        raise Misfit(f"its architecture {architecture!r:.60} is none of {', '.join(_BUILD)}")
    return _BUILD[kind](architecture, take, "")


def _describe_neuron(neuron: Any) -> Architecture | None:
    return {"type": "Neuron", "nin": len(neuron.w), "activation": neuron.effective_activation()}


def _describe_layer(layer: Any) -> Architecture | None:
    neurons = [_describe_neuron(neuron) for neuron in layer.neurons if type(neuron) is Neuron]
    first = neurons[0] if neurons else None
    if first is None or len(neurons) != len(layer.neurons) or any(each != first for each in neurons):
        return None
    return {**first, "type": "Layer", "nout": len(neurons)}


def _describe_mlp(mlp: Any) -> Architecture | None:
    layers = [_describe_layer(layer) if type(layer) is Layer else None for layer in mlp.layers]
    return None if None in layers else {"type": "MLP", "layers": layers}


_DESCRIBE: dict[type, Callable[[Any], Architecture | None]] = {
    Neuron: _describe_neuron,
    Layer: _describe_layer,
    MLP: _describe_mlp,
}


def _names(architecture: Architecture, prefix: str = "") -> Iterator[str]:
    """Give the parameter names of a model of this architecture that nobody has changed."""
    if architecture["type"] == "Neuron":
        yield from (f"{prefix}w.{i}" for i in range(architecture["nin"]))
        yield f"{prefix}b"
    elif architecture["type"] == "Layer":
        for i in range(architecture["nout"]):
            yield from _names({**architecture, "type": "Neuron"}, f"{prefix}neurons.{i}.")
    else:
        for i, layer in enumerate(architecture["layers"]):
            yield from _names(layer, f"{prefix}layers.{i}.")


def _build_neuron(spec: Architecture, take: Take, prefix: str) -> Neuron:
    weights = take(f"{prefix}w", (_size(spec, "nin"),))
    return neuron_of(weights.tolist(), float(take(f"{prefix}b", ())), _activation(spec))


def _build_layer(spec: Architecture, take: Take, prefix: str) -> Layer:
    nin, nout, activation = _size(spec, "nin"), _size(spec, "nout"), _activation(spec)
    weights = take(f"{prefix}w", (nout, nin)).tolist()
    biases = take(f"{prefix}b", (nout,)).tolist()
    return layer_of([neuron_of(w, b, activation) for w, b in zip(weights, biases, strict=True)])


def _build_mlp(spec: Architecture, take: Take, prefix: str) -> MLP:
    layers = spec.get("layers")
    if not isinstance(layers, list) or not layers:
        raise Misfit("its architecture is an MLP without a list of layers")
    made: list[Layer] = []
    for i, layer in enumerate(layers):
        if not isinstance(layer, dict) or layer.get("type") != "Layer":
            raise Misfit(f"its architecture has {layer!r:.60} as layer {i}, where a Layer belongs")
        made.append(_build_layer(layer, take, f"{prefix}layers.{i}."))
        width = len(made[i - 1].neurons)
        if i and len(made[i].neurons[0].w) != width:
            raise Misfit(f"its layer {i} does not take the {width} outputs of layer {i - 1}")
    return mlp_of(made)


_BUILD: dict[str, Callable[[Architecture, Take, str], Module]] = {
    "Neuron": _build_neuron,
    "Layer": _build_layer,
    "MLP": _build_mlp,
}


def _size(spec: Architecture, key: str) -> int:
    size = spec.get(key)
    if type(size) is not int or size < 1:
        raise Misfit(f"its architecture has {key} = {size!r:.60}, which is no size")
    return size


def _activation(spec: Architecture) -> str:
    name = spec.get("activation")
    if not isinstance(name, str) or name not in activations():
        raise Misfit(f"its architecture has the activation {name!r:.60}, which is not known here")
    return name
