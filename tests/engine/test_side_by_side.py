"""The engine against the naive Value: whatever a program does, both give the same numbers; faults are found."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.engine.side_by_side import SideBySide
from tests.reference import RULES, Naive, Rule

THOROUGH = settings(
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
# Finding a planted fault is enough; making the example small would only take time.
UNTIL_FOUND = settings(THOROUGH, max_examples=300, phases=[Phase.generate])


def test_engine_equals_the_naive_value() -> None:
    run_state_machine_as_test(SideBySide, settings=THOROUGH)


class WrongProduct(SideBySide):
    """The derivative of a·b by a taken for a."""

    rules_of_naive: ClassVar[dict[str, Rule]] = {**RULES, "*": lambda a, b: (a * b, [a, b])}


class WrongInTheTail(SideBySide):
    """tanh' written so that it is wrong only a little, and only away from 0."""

    rules_of_naive: ClassVar[dict[str, Rule]] = {
        **RULES,
        "tanh": lambda a: (RULES["tanh"](a)[0], [RULES["tanh"](a)[1][0] + 1e-11 * (abs(a) > 0.5)]),
    }


class WrongValue(SideBySide):
    """A sum whose last digits are gone."""

    rules_of_naive: ClassVar[dict[str, Rule]] = {**RULES, "+": lambda a, b: ((a + b) * (1 + 1e-11), [1.0, 1.0])}


class Unordered(Naive):
    """Gives shares in the order of discovery, before all users of a node have given theirs."""

    def order(self, _seen: list[Naive] | None = None) -> list[Naive]:
        found: list[Naive] = [self]
        for node in found:
            found += [each for each in node.operands if not any(each is other for other in found)]
        return found[::-1]


class WrongOrder(SideBySide):
    kind = Unordered


class Forgetful(Naive):
    """Overwrites a gradient instead of adding to it: the lecture's bug with a + a."""

    def backward(self) -> int:
        for node in self.order():
            node.grad = 0.0
        return super().backward()


class NoAccumulation(SideBySide):
    kind = Forgetful


class Unfresh(Naive):
    """micrograd's interior gradients, which the next backward() adds to."""

    def backward(self) -> int:
        kept = {id(node): node.grad for node in self.order() if node.operands and node is not self}
        stale = super().backward()
        for node in self.order():
            node.grad += kept.get(id(node), 0.0)
        return stale


class InteriorAccumulates(SideBySide):
    kind = Unfresh


class Silent(Naive):
    """Never tells of a forgotten zero_grad()."""

    def backward(self) -> int:
        super().backward()
        return 0


class NoWarning(SideBySide):
    kind = Silent


@pytest.mark.parametrize(
    "planted",
    [WrongProduct, WrongInTheTail, WrongValue, WrongOrder, NoAccumulation, InteriorAccumulates, NoWarning],
)
def test_planted_fault_is_found(planted: type[SideBySide]) -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(planted, settings=UNTIL_FOUND)
