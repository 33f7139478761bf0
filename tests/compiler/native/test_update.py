"""Optimizers' updates in machine code against the same rules on arrays."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest

from chainrule import optim
from chainrule.compiler.native.update import compile_update
from chainrule.errors import NotCompilableError

pytest.importorskip("llvmlite")

UPDATE = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4, ctypes.c_int64)
ADAM = {"t": 3.0, "lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}
RULES: dict[str, tuple[optim.Rule, tuple[str, ...], dict[str, float]]] = {
    "sgd": (optim.sgd, (), {"lr": 0.1}),
    "momentum": (optim.momentum_sgd, ("velocity",), {"lr": 0.1, "momentum": 0.9}),
    "adam": (optim.adam, ("m", "v"), ADAM),
    "adamw": (optim.adamw, ("m", "v"), {**ADAM, "weight_decay": 0.1}),
    "decayed": (optim.decayed(optim.adam), ("m", "v"), {**ADAM, "weight_decay": 0.1}),
}


@pytest.mark.parametrize("width", [2, 4, 8])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 100])
@pytest.mark.parametrize("name", RULES)
def test_rules(name: str, n: int, width: int) -> None:
    rule, states, operands = RULES[name]
    draws = np.random.default_rng(n)
    p, g = draws.normal(size=n + 1), draws.normal(size=n + 1)
    state = draws.random(size=len(states) * n + 1)
    before = p[-1], g[-1], state[-1]
    hyper = np.array(list(operands.values()))
    old = [state[i * n : (i + 1) * n].copy() for i in range(len(states))]
    expected = rule(p[:n].copy(), g[:n], *old, **operands)
    update = compile_update(rule, states, list(operands), width=width, cache=False)
    UPDATE(update.address)(p.ctypes.data, g.ctypes.data, state.ctypes.data, hyper.ctypes.data, n)
    for got, each in zip([p[:n], *(state[i * n : (i + 1) * n] for i in range(len(states)))], expected, strict=True):
        np.testing.assert_allclose(got, each, rtol=1e-14, atol=1e-15)
    assert (p[-1], g[-1], state[-1]) == before


def test_a_rule_with_an_op_of_the_table() -> None:
    def signed(p: object, g: object, *, lr: object) -> tuple[object, ...]:
        from chainrule.ops.transcendental import tanh

        return (p - lr * tanh(g),)

    update = compile_update(signed, (), ["lr"], cache=False)
    p, g, hyper = np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, -1000.0]), np.array([0.5])
    UPDATE(update.address)(p.ctypes.data, g.ctypes.data, 0, hyper.ctypes.data, 3)
    np.testing.assert_allclose(p, [1.0, 2.0 - 0.5 * math.tanh(1.0), 3.5], rtol=1e-15)


def test_a_rule_that_looks_is_refused() -> None:
    def looks(p: object, g: object, *, lr: object) -> tuple[object, ...]:  # noqa: ARG001 - what rules are given
        return (p if g > 0 else g,)  # type: ignore[operator]

    with pytest.raises(NotCompilableError, match="looks"):
        compile_update(looks, (), ["lr"], cache=False)
