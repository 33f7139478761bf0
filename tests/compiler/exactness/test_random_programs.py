"""Thousands of random programs: eager, tape and machine code agree, also when called again with other numbers.

All of them run on the tape, and with CHAINRULE_SLOW=1 all of them run as machine code, which takes minutes.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.compiler.exactness.agreement import Count
from tests.compiler.exactness.compiling import Calls, nothing_ran_eagerly
from tests.compiler.exactness.random_programs import RandomProgram, random_programs

PROGRAMS = 2_000
NATIVE = PROGRAMS if os.environ.get("CHAINRULE_SLOW") == "1" else 200

count = Count()
served: Counter[str] = Counter()


def thorough(examples: int) -> settings:
    """Without the search for a small example, which would compile a thousand others."""
    return settings(max_examples=examples, suppress_health_check=list(HealthCheck), phases=[Phase.generate])


@pytest.mark.slow
@thorough(PROGRAMS)
@given(random_programs())
def test_the_tape_has_eagers_bits(program: RandomProgram) -> None:
    calls = Calls(program.draw, strict=True)
    for call in (0, 1):
        calls.check_bits(call, gradients=program.adds_in_one_order)
    nothing_ran_eagerly(calls.compiled, native=0, interpreted=2)


@pytest.mark.slow
@thorough(NATIVE)
@given(random_programs())
def test_machine_code_agrees(program: RandomProgram) -> None:
    """Small programs of many kinds of scalars are left to the tape, as too irregular; most are not."""
    calls = Calls(program.draw, executor="native")
    for call in (0, 1):
        calls.check(call, count)
    nothing_ran_eagerly(calls.compiled)
    report = calls.compiled.report()
    assert report.native_calls + report.interpreted_calls == 2
    served.update(native=report.native_calls, interpreted=report.interpreted_calls)


def test_machine_code_ran_and_was_compared() -> None:
    """Of the test above: hardly a draw was excused as ill-conditioned, and the tape has not stood in for it."""
    assert served.total() in (0, 2 * NATIVE)  # 0 where the slow tests were left out
    assert served["native"] >= 0.8 * served.total(), served
    assert count.undecided <= 0.01 * served.total(), count
