"""Networks: micrograd's Module, Neuron, Layer and MLP, and the files that hold them."""

from chainrule.nn.layers import MLP, Layer, Neuron
from chainrule.nn.module import Module
from chainrule.nn.saving import load, read_extra

__all__ = ["MLP", "Layer", "Module", "Neuron", "load", "read_extra"]
