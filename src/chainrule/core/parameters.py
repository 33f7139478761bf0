"""Loops over a list of parameters, for optimizers and models."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.numbers import set_data, set_grad
from chainrule.core.owing import settle_gradients
from chainrule.core.tracing import not_while_tracing
from chainrule.core.value import Value
from chainrule.errors import ArityError, NumberError


def read_data(parameters: list[Value]) -> Any:
    """Return the parameters' data as a new float64 array of shape (n,).

    Raises:
        NumberError: a parameter is not a Value.
    """
    return _read(parameters, False)


def read_grad(parameters: list[Value]) -> Any:
    """Return the parameters' gradients as a new float64 array of shape (n,).

    Raises:
        NumberError: a parameter is not a Value.
    """
    return _read(parameters, True)


def write_data(parameters: list[Value], numbers: Any) -> None:
    """Set the parameters' data from a float64 array of shape (n,), all or, where one is no Value, none.

    Raises:
        ArityError: as many parameters as numbers are needed.
        NumberError: a parameter is not a Value.
    """
    _write(parameters, numbers, False)


def write_grad(parameters: list[Value], numbers: Any) -> None:
    """Set the parameters' gradients from a float64 array of shape (n,), all or, where one is no Value, none.

    Raises:
        ArityError: as many parameters as numbers are needed.
        NumberError: a parameter is not a Value.
    """
    _write(parameters, numbers, True)


@cython.cfunc
def _read(parameters: list, gradients: cython.bint) -> object:
    import numpy as np

    not_while_tracing("it reads many Values at once", "read them outside")
    _check(parameters, len(parameters))
    settle_gradients()
    numbers = np.empty(len(parameters))
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        parameter: Value = cython.cast(Value, parameters[i])
        view[i] = parameter._grad if gradients else parameter._data
    return numbers


@cython.cfunc
def _write(parameters: list, numbers: Any, gradients: cython.bint) -> object:
    _check(parameters, len(numbers))
    view: cython.double[::1] = numbers
    i: cython.Py_ssize_t
    for i in range(len(parameters)):
        if gradients:
            set_grad(cython.cast(Value, parameters[i]), float(view[i]))
        else:
            set_data(cython.cast(Value, parameters[i]), float(view[i]))


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
