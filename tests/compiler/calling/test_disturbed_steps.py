"""Steps that are disturbed: what others do while a run goes on neither gets lost nor changes the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chainrule import Value, optim
from chainrule.errors import GraphError
from tests.compiler.calling.test_stepping import Fused, eagerly
from tests.compiler.calling.traces import entry_of


def disturb(fused: Fused, action: Callable[[], object]) -> Fused:
    """Have something done in the middle of every step."""
    rule = fused.update

    def update(*numbers: Any) -> Any:
        action()
        return rule(*numbers)

    fused.update = update
    return fused


def test_what_changes_during_a_run_counts_in_the_next() -> None:
    weight, scale = Value(1.0), Value(2.0)
    fused = disturb(Fused(optim.SGD([weight], lr=0.0)), lambda: setattr(scale, "data", 5.0))
    step = fused.step(entry_of(lambda x: weight * scale * x, 1.0, live=[weight, scale]))
    assert step.run(2, (1.0,)) == (2, 2.0)
    assert step.run(1, (1.0,)) == (1, 5.0)


def test_the_state_can_be_looked_at_during_a_run() -> None:
    mine, other = Value(1.0), Value(1.0)
    steps: list[Any] = []
    fused = disturb(Fused(optim.Adam([mine], lr=0.1)), lambda: steps[-1].export_state())  # noqa: PLW0108 - made below
    steps.append(fused.step(entry_of(lambda x: (mine * x - 3.0) ** 2, 1.0, live=[mine])))
    for _ in range(3):
        _, loss = steps[0].run(2, (1.0,))
    assert loss == pytest.approx(eagerly(lambda x: (other * x - 3.0) ** 2, optim.Adam([other], lr=0.1), 6, 1.0))
    assert mine.data == pytest.approx(other.data)


def test_a_call_during_a_run_is_refused_and_leaves_the_run_as_it_is() -> None:
    weight = Value(1.0)
    steps: list[Any] = []
    refused = []

    def call_again() -> None:
        with pytest.raises(GraphError, match="while it ran"):
            steps[0].run(5, (1.0,))
        refused.append(steps[0].done)

    fused = disturb(Fused(optim.SGD([weight], lr=0.5)), call_again)
    steps.append(fused.step(entry_of(lambda x: weight * x, 1.0, live=[weight])))
    assert steps[0].run(3, (1.0,)) == (3, 0.0)
    assert refused == [0, 1, 2]
    assert weight.data == -0.5


def test_a_program_without_values_updates_what_it_does_not_use() -> None:
    weight = Value(1.0)
    step = Fused(optim.SGD([weight], lr=0.5, weight_decay=1.0)).step(entry_of(lambda x: x * 2.0, 1.0))
    assert step.run(2, (3.0,)) == (2, 6.0)
    assert weight.data == 0.25
