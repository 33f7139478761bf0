"""Loops over a list of parameters, for optimizers and models."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.numbers import set_data, set_grad
from chainrule.core.value import Value
from chainrule.errors import ArityError, NumberError


def read_data(parameters: list[Value]) -> Any:
    """Return the parameters' data as a new float64 array of shape (n,)."""
    import numpy as np

    _check(parameters, len(parameters))
    numbers = np.empty(len(parameters))
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        view[i] = cython.cast(Value, parameters[i])._data
    return numbers


def read_grad(parameters: list[Value]) -> Any:
    """Return the parameters' gradients as a new float64 array of shape (n,)."""
    import numpy as np

    _check(parameters, len(parameters))
    numbers = np.empty(len(parameters))
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        view[i] = cython.cast(Value, parameters[i])._grad
    return numbers


def write_data(parameters: list[Value], numbers: Any) -> None:
    """Set the parameters' data from a float64 array of shape (n,), all or, where one is no Value, none.

    Raises:
        ArityError: as many parameters as numbers are needed.
        NumberError: a parameter is not a Value.
    """
    _check(parameters, len(numbers))
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        set_data(cython.cast(Value, parameters[i]), float(view[i]))


def write_grad(parameters: list[Value], numbers: Any) -> None:
    """Set the parameters' gradients from a float64 array of shape (n,), all or, where one is no Value, none.

    Raises:
        ArityError: as many parameters as numbers are needed.
        NumberError: a parameter is not a Value.
    """
    _check(parameters, len(numbers))
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        set_grad(cython.cast(Value, parameters[i]), float(view[i]))


def zero_grad(parameters: list[Value]) -> None:
    """Set the parameters' gradients to 0, all or, where one is no Value, none.

    Raises:
        NumberError: a parameter is not a Value.
    """
    _check(parameters, len(parameters))
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        set_grad(cython.cast(Value, parameters[i]), 0.0)


@cython.cfunc
def _check(parameters: list, count: cython.Py_ssize_t) -> object:
    """Raise unless these are as many Values as `count` says."""
    i: cython.Py_ssize_t
    if len(parameters) != count:
        raise ArityError(f"{len(parameters)} parameters cannot take {count} numbers")
    for i in range(count):
        if not isinstance(parameters[i], Value):
            kind = type(parameters[i]).__name__
            raise NumberError(f"parameters are Values, but number {i + 1} of the list is of type '{kind}'")
