"""Nests of random class programs compute what the classes say."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.compiler.nests.building import build
from chainrule.compiler.nests.running import run_nests
from tests.compiler.nests.drawing import drawn_program
from tests.compiler.nests.handmade import run_classes_plainly


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_nests_compute_what_classes_say(seed: int) -> None:
    draws = np.random.default_rng(seed)
    program = drawn_program(draws)
    values = draws.normal(size=program.value_groups[-1])
    inputs = draws.normal(size=program.input_groups[-1])
    seeds = draws.normal(size=program.results)
    outputs, gradients = run_classes_plainly(program, values, inputs, seeds)
    groups = [inputs[a:b] for a, b in pairwise(program.input_groups)]
    nests = build(program)
    largest = max(1.0, float(np.abs(outputs).max()), float(np.abs(gradients).max()) if gradients is not None else 0.0)
    found, found_gradients = run_nests(nests, values, groups, seeds)
    assert found == pytest.approx(outputs, rel=1e-10, abs=1e-10 * largest)
    if gradients is not None:
        assert found_gradients == pytest.approx(gradients, rel=1e-10, abs=1e-10 * largest)
    forward_only, none = run_nests(nests, values, groups, seeds, gradients=False)
    assert none is None
    np.testing.assert_array_equal(forward_only, found)
