"""Automatic differentiation for scalar code: the public names of the package."""

from chainrule._choose_engine import SlowEngineWarning, choose

choose()

from chainrule import errors, losses, nn, optim
from chainrule.compiler.compiling import compile  # noqa: A004 - people call it cr.compile
from chainrule.compiler.sentences import CompileWarning
from chainrule.engine import StaleGradientWarning, Value, no_grad
from chainrule.functions import dot, logsumexp, mean, softmax, sum
from chainrule.graph import trace
from chainrule.nn import load
from chainrule.ops.activations import gelu, leaky_relu, relu, silu, softplus
from chainrule.ops.elementary import exp, expm1, log, log1p, maximum, minimum, sqrt, where
from chainrule.ops.transcendental import (
    acos,
    asin,
    atan,
    atan2,
    cos,
    cosh,
    erf,
    hypot,
    sigmoid,
    sin,
    sinh,
    tan,
    tanh,
)
from chainrule.views.drawing.dot import draw_dot
from chainrule.views.explaining.explain import explain
from chainrule.views.plotting.curves import plot_function
from chainrule.views.plotting.plots import plot_boundary
from chainrule.views.stepper.stepper import show, to_html

__version__ = "0.1.0"

__all__ = [
    "CompileWarning",
    "SlowEngineWarning",
    "StaleGradientWarning",
    "Value",
    "acos",
    "asin",
    "atan",
    "atan2",
    "compile",
    "cos",
    "cosh",
    "dot",
    "draw_dot",
    "erf",
    "errors",
    "exp",
    "explain",
    "expm1",
    "gelu",
    "hypot",
    "leaky_relu",
    "load",
    "log",
    "log1p",
    "logsumexp",
    "losses",
    "maximum",
    "mean",
    "minimum",
    "nn",
    "no_grad",
    "optim",
    "plot_boundary",
    "plot_function",
    "relu",
    "show",
    "sigmoid",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "sum",
    "tan",
    "tanh",
    "to_html",
    "trace",
    "where",
]
