"""Loops over a list of parameters, for optimizers and models."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.numbers import set_data, set_grad
from chainrule.core.value import Value
from chainrule.errors import ArityError


def read_data(parameters: list[Value]) -> Any:
    """Return the parameters' data as a new float64 array of shape (n,)."""
    import numpy as np

    numbers = np.empty(len(parameters))
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        parameter: Value = parameters[i]
        view[i] = parameter._data
    return numbers


def read_grad(parameters: list[Value]) -> Any:
    """Return the parameters' gradients as a new float64 array of shape (n,)."""
    import numpy as np

    numbers = np.empty(len(parameters))
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        parameter: Value = parameters[i]
        view[i] = parameter._grad
    return numbers


def write_data(parameters: list[Value], numbers: Any) -> None:
    """Set the parameters' data from a float64 array of shape (n,)."""
    _check_length(parameters, numbers)
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        parameter: Value = parameters[i]
        set_data(parameter, float(view[i]))


def write_grad(parameters: list[Value], numbers: Any) -> None:
    """Set the parameters' gradients from a float64 array of shape (n,)."""
    _check_length(parameters, numbers)
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        parameter: Value = parameters[i]
        set_grad(parameter, float(view[i]))


def zero_grad(parameters: list[Value]) -> None:
    """Set the parameters' gradients to 0."""
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        parameter: Value = parameters[i]
        set_grad(parameter, 0.0)


def _check_length(parameters: list[Value], numbers: Any) -> None:
    if len(parameters) != len(numbers):
        raise ArityError(f"{len(parameters)} parameters cannot take {len(numbers)} numbers")
