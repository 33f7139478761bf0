"""The loops over a list of parameters that optimizers and models use: numbers in, numbers out, nothing lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule import Value
from chainrule.engine import read_data, read_grad, write_data, write_grad, zero_grad
from chainrule.errors import ArityError


class Weight(Value):
    pass


@pytest.fixture
def parameters() -> list[Value]:
    made = [Value(1.0), Weight(2.0), Value(3.0)]
    for i, p in enumerate(made):
        p.grad = 10.0 * i
    return made


def test_reading(parameters: list[Value]) -> None:
    data, grad = read_data(parameters), read_grad(parameters)
    assert (data.tolist(), grad.tolist()) == ([1.0, 2.0, 3.0], [0.0, 10.0, 20.0])
    assert (data.dtype, data.shape) == (np.float64, (3,))
    data[0] = 99.0
    grad[0] = 99.0
    assert (parameters[0].data, parameters[0].grad) == (1.0, 0.0)


def test_writing(parameters: list[Value]) -> None:
    write_data(parameters, np.array([4.0, 5.0, 6.0]))
    write_grad(parameters, np.array([7.0, 8.0, 9.0]))
    assert [(p.data, p.grad) for p in parameters] == [(4.0, 7.0), (5.0, 8.0), (6.0, 9.0)]
    assert all(type(p.data) is type(p.grad) is float for p in parameters)
    zero_grad(parameters)
    assert [(p.data, p.grad) for p in parameters] == [(4.0, 0.0), (5.0, 0.0), (6.0, 0.0)]


def test_no_parameters() -> None:
    assert read_data([]).shape == read_grad([]).shape == (0,)
    write_data([], np.empty(0))
    write_grad([], np.empty(0))
    zero_grad([])


@pytest.mark.parametrize("write", [write_data, write_grad])
@pytest.mark.parametrize("count", [0, 2, 4])
def test_another_length_is_refused_and_nothing_is_written(write: Any, count: int, parameters: list[Value]) -> None:
    with pytest.raises(ArityError, match=f"3.*{count}"):
        write(parameters, np.zeros(count))
    assert [(p.data, p.grad) for p in parameters] == [(1.0, 0.0), (2.0, 10.0), (3.0, 20.0)]


def test_what_is_no_parameter_is_refused_before_anything_is_written(parameters: list[Value]) -> None:
    mixed: list[Any] = [*parameters, 5.0]
    for call in (lambda: read_data(mixed), lambda: read_grad(mixed), lambda: zero_grad(mixed)):
        with pytest.raises((TypeError, AttributeError)):
            call()
    for write in (write_data, write_grad):
        with pytest.raises((TypeError, AttributeError)):
            write(mixed, np.zeros(4))
    assert [p.data for p in parameters] == [1.0, 2.0, 3.0]
    assert [p.grad for p in parameters] == [0.0, 10.0, 20.0]
