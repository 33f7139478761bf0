"""Wrong nests are noticed: by the checks, and by running them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from chainrule.compiler.nests.building import build
from chainrule.compiler.nests.nest import Address, Expression, Nest, NestProgram, Reduce
from chainrule.compiler.nests.running import run_nests
from chainrule.compiler.nests.verifying import verify
from chainrule.errors import GraphError
from tests.compiler.nests.handmade import mlp_layer, run_classes_plainly


def with_nest(program: NestProgram, number: int, change: Callable[[Nest], Nest]) -> NestProgram:
    """Return the program with one nest changed."""
    nests = list(program.nests)
    nests[number] = change(nests[number])
    return replace(program, nests=nests)


def with_store(change: Callable[[Address], Address]) -> Callable[[Nest], Nest]:
    """Return what changes where a nest stores."""

    def changed(nest: Nest) -> Nest:
        first = nest.stores[0]
        return replace(nest, stores=(replace(first, address=change(first.address)), *nest.stores[1:]))

    return changed


def test_what_build_makes_passes() -> None:
    program = build(mlp_layer())
    assert verify(program) is program


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (with_store(lambda a: replace(a, base=10**6)), "stores outside"),
        (with_store(lambda a: replace(a, base=-1)), "stores outside"),
        (with_store(lambda a: replace(a, strides=(0,) * len(a.strides))), "two numbers to one place"),
        (lambda nest: replace(nest, extents=(100, *nest.extents[1:])), "outside of its buffer"),
    ],
)
def test_leaving_memory_is_noticed(change: Callable[[Nest], Nest], complaint: str) -> None:
    with pytest.raises(GraphError, match=complaint):
        verify(with_nest(build(mlp_layer()), 0, change))


def test_two_values_at_one_place_are_noticed() -> None:
    program = build(mlp_layer())
    with pytest.raises(GraphError, match="one place"):
        verify(replace(program, value_order=np.zeros_like(program.value_order)))


def shorter(expression: Expression) -> Expression:
    """Return an expression whose first reduction forgets its last term."""
    if isinstance(expression, Reduce):
        return replace(expression, extents=(*expression.extents[:-1], expression.extents[-1] - 1))
    below = getattr(expression, "operands", getattr(expression, "terms", ()))
    for place, each in enumerate(below):
        changed = shorter(each)
        if changed is not each:
            field = "operands" if hasattr(expression, "operands") else "terms"
            return replace(expression, **{field: (*below[:place], changed, *below[place + 1 :])})  # type: ignore[arg-type]
    return expression


@pytest.mark.parametrize("number", range(6))
def test_running_sees_a_term_less_in_any_sum(number: int) -> None:
    classes = mlp_layer()
    values = np.random.default_rng(1).normal(size=20) + 2.0
    inputs = np.random.default_rng(2).random(size=18) + 1.0
    outputs, gradients = run_classes_plainly(classes, values, inputs)
    program = build(classes)
    assert len(program.nests) > number - 1
    found = run_nests(program, values, [inputs])
    assert np.allclose(found[0], outputs)
    assert found[1] is not None
    assert np.allclose(found[1], gradients)
    if number >= len(program.nests):
        return
    nest = program.nests[number]
    wrong = tuple(replace(store, value=shorter(store.value)) for store in nest.stores)
    if wrong == nest.stores:
        return
    broken = run_nests(with_nest(program, number, lambda _: replace(nest, stores=wrong)), values, [inputs])
    assert broken[1] is not None
    assert not (np.allclose(broken[0], outputs) and np.allclose(broken[1], gradients))
