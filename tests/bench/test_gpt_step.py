"""The GPT step is the published one: its counts, its start, and the same numbers on every engine."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import pytest

from bench import gpt_step
from bench.plain_value import PlainValue


def plain_model() -> gpt_step.Gpt:
    return gpt_step.Gpt(PlainValue)


@pytest.mark.parametrize("positions", sorted(gpt_step.NODES))
def test_graph_has_the_published_number_of_nodes(positions: int) -> None:
    tokens = gpt_step.tokens_of(gpt_step.DOCUMENTS[positions])
    loss = plain_model().loss(tokens)
    assert gpt_step.count_nodes(loss, lambda node: node.operands) == gpt_step.NODES[positions]


def test_model_has_the_published_number_of_parameters() -> None:
    assert len(plain_model().parameters()) == 4192


@pytest.mark.parametrize("positions", sorted(gpt_step.NODES))
def test_loss_starts_near_chance(positions: int) -> None:
    loss = plain_model().loss(gpt_step.tokens_of(gpt_step.DOCUMENTS[positions]))
    assert loss.data == pytest.approx(math.log(27), rel=0.06)


def test_yardstick_has_the_slopes_of_its_own_loss() -> None:
    model = plain_model()
    tokens = gpt_step.tokens_of(gpt_step.DOCUMENTS[3])
    model.loss(tokens).backward()
    for matrix in model.weights.values():
        p = max((p for row in matrix for p in row), key=lambda p: abs(p.grad))
        start, width = p.data, 1e-5
        p.data = start + width
        above = model.loss(tokens).data
        p.data = start - width
        below = model.loss(tokens).data
        p.data = start
        assert p.grad == pytest.approx((above - below) / (2 * width), rel=1e-6)


def variant(name: str) -> tuple[gpt_step.Gpt, Any]:
    """A model on our engine and its update: only Value swapped, or with our dot and Adam."""
    cr = import_module("chainrule")
    if name == "swapped":
        model = gpt_step.Gpt(cr.Value)
        return model, gpt_step.PythonAdam(model.parameters()).step
    model = gpt_step.Gpt(cr.Value, cr.dot)
    adam = cr.optim.Adam(model.parameters(), lr=0.01, betas=(0.85, 0.99), eps=1e-8)

    def update(rate: float) -> None:
        adam.lr = rate
        adam.step()
        adam.zero_grad()

    return model, update


@pytest.mark.parametrize("name", ["swapped", "dot"])
def test_our_engine_agrees_with_the_yardstick(name: str) -> None:
    plain = plain_model()
    ours, update = variant(name)
    tokens = gpt_step.tokens_of(gpt_step.DOCUMENTS[3])
    for model in (plain, ours):
        model.loss(tokens).backward()
    theirs = [p.grad for p in plain.parameters()]
    tolerance = 1e-12 * max(map(abs, theirs))
    for p, expected in zip(ours.parameters(), theirs, strict=True):
        assert abs(p.grad - expected) <= tolerance
    for model in (plain, ours):
        for p in model.parameters():
            p.grad = 0
    reference = gpt_step.GptStep(plain, gpt_step.PythonAdam(plain.parameters()).step, positions=3)
    step = gpt_step.GptStep(ours, update, positions=3)
    for _ in range(4):
        assert step() == pytest.approx(reference(), rel=1e-12)
