"""Neuron, Layer and MLP: micrograd's three classes, with the activation and the bias to choose."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import index
from typing import Any, TypeAlias

from chainrule.engine import Value, dot
from chainrule.errors import ArgumentError, ArityError, NumberError
from chainrule.nn.module import Module
from chainrule.ops import TABLE, Op, rows

# One sample: a sequence of numbers or Values (list, tuple, numpy row), or the only input by itself.
Inputs: TypeAlias = Any

LINEAR = "linear"
BIASES = ("zeros", "uniform")


class Neuron(Module):
    """A weighted sum of its inputs plus a bias, then an activation: act(b + w0·x0 + w1·x1 + …).

    Args:
        nin: number of inputs.
        nonlin: False leaves the activation out (micrograd's way to say 'linear').
        activation: the name of an op of one operand ('relu', 'tanh', …) or the op itself, or 'linear'.
        bias: 'zeros', or 'uniform' to draw it from [-1, 1] like the weights, after them.

    Attributes:
        w: the weights, a list of Values drawn with `random.uniform(-1, 1)`.
        b: the bias, a Value.
        nonlin: whether the activation is applied.
        activation: its name.

    Raises:
        ArgumentError: a size below 1, an unknown activation or bias.
        NumberError: a size that is not an integer.
    """

    def __init__(self, nin: int, nonlin: bool = True, activation: str | Op = "relu", bias: str = "zeros") -> None:
        size = checked_size(nin, "Neuron: the number of inputs")
        name = activation_name(activation)
        if bias not in BIASES:
            raise ArgumentError(f"bias {bias!r} is not known: choose 'zeros' or 'uniform'")
        self.w = [Value(random.uniform(-1, 1)) for _ in range(size)]  # noqa: S311 - weights are no secret
        self.b = Value(random.uniform(-1, 1) if bias == "uniform" else 0.0)  # noqa: S311 - the same
        self.nonlin = bool(nonlin) and name != LINEAR
        self.activation = name

    def __call__(self, x: Inputs) -> Value:
        """Return the output for one sample of `nin` inputs.

        Raises:
            ArityError: another number of inputs than weights.
            NumberError: inputs that are not numbers or Values.
        """
        return self.forward(x if type(x) is list else as_inputs(x))

    def forward(self, inputs: list[Any]) -> Value:
        """Return the output for a list of `nin` inputs; a Layer calls this to spend less on each call."""
        try:
            total: Value = dot(self.w, inputs, self.b)
        except ArityError:  # dot compares the lengths; its message knows nothing of neurons
            raise wrong_width(self, len(self.w), len(inputs)) from None
        return ACTIVATE[self.activation](total) if self.nonlin else total

    def effective_activation(self) -> str:
        """Return the name of the activation that is applied: 'linear' where `nonlin` is off."""
        return activation_name(self.activation) if self.nonlin else LINEAR

    def parameters(self) -> list[Value]:
        """Return the weights, then the bias."""
        if len(vars(self)) > 4:  # a subclass or a program has added attributes, perhaps parameters
            return super().parameters()
        return [*self.w, self.b]

    def __repr__(self) -> str:
        name = self.effective_activation()
        symbol = name if name == LINEAR else TABLE[name].symbol
        return f"{symbol[0].upper()}{symbol[1:]}Neuron({len(self.w)})"


class Layer(Module):
    """Neurons side by side, all with the same inputs.

    Args:
        nin: number of inputs.
        nout: number of neurons.
        kwargs: what Neuron takes: nonlin, activation, bias.
    """

    def __init__(self, nin: int, nout: int, **kwargs: Any) -> None:
        size = checked_size(nout, "Layer: the number of neurons")
        self.neurons = [Neuron(nin, **kwargs) for _ in range(size)]

    def __call__(self, x: Inputs) -> Any:
        """Return the outputs for one sample: a list of Values, or the Value of the only neuron.

        Raises:
            ArityError: another number of inputs than the neurons have weights.
            NumberError: inputs that are not numbers or Values.
        """
        inputs = x if type(x) is list else as_inputs(x)
        outputs = [neuron.forward(inputs) if type(neuron) is Neuron else neuron(inputs) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs

    def parameters(self) -> list[Value]:
        """Return the parameters neuron by neuron, each once."""
        if len(vars(self)) > 1:
            return super().parameters()
        return each_once(self.neurons)

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(repr, self.neurons))}]"


class MLP(Module):
    """A multi-layer perceptron: layers one after another.

    `MLP(3, [4, 4, 1], activation='tanh', output_activation='tanh', bias='uniform')` is the lecture's.

    Args:
        nin: number of inputs.
        nouts: number of neurons of each layer.
        activation: of all layers but the last, see Neuron.
        output_activation: of the last layer.
        bias: 'zeros' or 'uniform', see Neuron.

    Raises:
        ArgumentError: no layer, a size below 1, an unknown activation or bias.
        NumberError: a size that is not an integer.
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        activation: str | Op = "relu",
        output_activation: str | Op = LINEAR,
        bias: str = "zeros",
    ) -> None:
        nouts = checked_layers(nouts)
        # both are looked up before the first random number is drawn
        names = [activation_name(activation)] * (len(nouts) - 1) + [activation_name(output_activation)]
        self.layers = [
            Layer(size, nout, activation=name, bias=bias)
            for size, nout, name in zip([nin, *nouts[:-1]], nouts, names, strict=True)
        ]

    def __call__(self, x: Inputs) -> Any:
        """Return the outputs for one sample: a list of Values, or the Value of a last layer of one neuron.

        Raises:
            ArityError: another number of inputs than the first layer takes.
            NumberError: inputs that are not numbers or Values.
        """
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self) -> list[Value]:
        """Return the parameters layer by layer, neuron by neuron, each once."""
        if len(vars(self)) > 1:
            return super().parameters()
        return each_once(self.layers)

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"


def neuron_of(weights: Sequence[float], bias: float, activation: str) -> Neuron:
    """Return a Neuron of given numbers; unlike the constructor, it draws none."""
    neuron = Neuron.__new__(Neuron)
    neuron.w = [Value(weight) for weight in weights]
    neuron.b = Value(bias)
    neuron.nonlin = activation != LINEAR
    neuron.activation = activation
    return neuron


def layer_of(neurons: list[Neuron]) -> Layer:
    """Return a Layer of given neurons."""
    layer = Layer.__new__(Layer)
    layer.neurons = neurons
    return layer


def mlp_of(layers: list[Layer]) -> MLP:
    """Return an MLP of given layers."""
    mlp = MLP.__new__(MLP)
    mlp.layers = layers
    return mlp


def activations() -> list[str]:
    """Return the names of the activations: 'linear' and every public op of one operand."""
    return [LINEAR, *(row.name for row in rows(public=True) if row.arity == 1)]


def activation_name(activation: str | Op) -> str:
    """Return the name of an activation given by its name or as an op.

    Raises:
        ArgumentError: it is unknown; the message lists the known ones.
    """
    name = activation.name if isinstance(activation, Op) else activation
    known = activations()
    if name not in known:
        hint = "; softmax is part of losses.cross_entropy, which takes linear outputs"
        raise ArgumentError(
            f"activation {name!r} is not known: choose one of {', '.join(known)}{hint if name == 'softmax' else ''}"
        )
    return name


class Activate(dict[str, Callable[[Value], Value]]):
    """From an activation's name to what applies it; filled on first use, which checks the name."""

    def __missing__(self, name: str) -> Callable[[Value], Value]:
        known = activation_name(name)
        # a method of the compiled class takes a tenth of the time of the row, which serves arrays too
        apply: Callable[[Value], Value]
        apply = _unchanged if known == LINEAR else getattr(Value, known, None) or TABLE[known]
        self[name] = apply
        return apply


ACTIVATE = Activate()


def _unchanged(total: Value) -> Value:
    return total


def checked_size(size: Any, what: str) -> int:
    """Return a size as an int.

    Raises:
        ArgumentError: it is below 1.
        NumberError: it is no integer.
    """
    try:
        number = index(size)
    except TypeError:
        raise NumberError(f"{what} is {size!r}: give an integer") from None
    if number < 1:
        raise ArgumentError(f"{what} is {number}: give 1 or more")
    return number


def checked_layers(nouts: Any) -> list[int]:
    """Return the sizes of an MLP's layers as ints, refusing a bare number and an empty list."""
    if not isinstance(nouts, Iterable):
        raise NumberError(f"MLP: nouts is {nouts!r}: give a list with the size of each layer, as [{nouts!r}]")
    sizes = [checked_size(size, "MLP: the number of neurons of a layer") for size in nouts]
    if not sizes:
        raise ArgumentError("MLP: nouts is empty: give the size of at least one layer, as [1]")
    return sizes


def as_inputs(x: Inputs) -> list[Any]:
    """Return one sample as a list: a lone number or Value is a sample of one input.

    Raises:
        NumberError: a mapping, set or text, whose order or meaning is not that of inputs.
        ArityError: an array of more than one sample.
    """
    dimensions = getattr(x, "ndim", None)
    if dimensions == 1 and hasattr(x, "tolist"):
        return x.tolist()  # type: ignore[no-any-return]  # numpy rows: Python floats are faster to read
    if dimensions == 0:
        return [x]
    if dimensions is not None and dimensions > 1:
        raise ArityError(
            f"a network takes one sample at a time, but was given an array of shape {x.shape}: "
            f"call it once for each row"
        )
    if isinstance(x, (str, bytes, Mapping, set, frozenset)):
        raise NumberError(f"a network takes a list of numbers, but was given {type(x).__name__} {x!r:.60}")
    return list(x) if isinstance(x, Iterable) else [x]


def wrong_width(neuron: Neuron, expected: int, given: int) -> ArityError:
    """Return the error of a sample of the wrong length."""
    return ArityError(
        f"{neuron!r} has {expected} weights, but was given {given} inputs: "
        f"give one number for each weight, or build the network with nin={given}"
    )


def each_once(modules: Iterable[Module]) -> list[Value]:
    """Return the modules' parameters in order; shared ones must not be counted or updated twice."""
    found: list[Value] = []
    for module in modules:
        found += module.parameters()
    # nearly always all differ, which identities show faster than hashing Values would
    return found if len(set(map(id, found))) == len(found) else list(dict.fromkeys(found))
