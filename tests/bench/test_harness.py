"""The harness: processes take turns, a wrong or missing row says so, ratios are what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import harness, peers
from bench.harness import Comparison, Row, Timing


def timing(*seconds: float, losses: tuple[float, ...] = (), gradient: tuple[float, ...] = ()) -> Timing:
    return Timing(Row("a", "a", "a"), list(seconds), list(losses), list(gradient))


def test_each_round_gives_each_row_one_turn() -> None:
    rows = [Row(key, key, "demo.floats", learns=False) for key in ("first", "second")]
    timings = harness.time_rows(rows, rounds=3, seconds=0.0, checked=1)
    assert [len(each.seconds) for each in timings] == [3, 3]
    assert all(each.minimum > 0 and not each.missing for each in timings)


def test_speed_up_and_cost_are_inverse() -> None:
    base, row = timing(8.0, 10.0, 9.0), timing(2.0, 2.0, 3.0)
    assert harness.ratio(Comparison("b", at_least=4), row, base) == (4.0, 4.0)
    assert harness.ratio(Comparison("b", at_most=1), row, base) == (0.25, 0.25)


def test_ratio_is_taken_within_a_round() -> None:
    # The machine slowed down fivefold in the last rounds, which hits both rows.
    base, row = timing(10.0, 50.0, 50.0), timing(1.0, 5.0, 5.0)
    assert harness.ratio(Comparison("b"), row, base)[0] == 10.0


@pytest.mark.parametrize(
    ("comparison", "value", "expected"),
    [
        (Comparison("b", at_least=3), 3.0, True),
        (Comparison("b", at_least=3), 2.9, False),
        (Comparison("b", at_most=2.4), 2.4, True),
        (Comparison("b", at_most=2.4), 2.5, False),
        (Comparison("b"), 7.0, None),
    ],
)
def test_reached(comparison: Comparison, value: float, expected: bool | None) -> None:
    assert harness.reached(comparison, value) is expected


@pytest.mark.parametrize(
    ("losses", "gradient", "said"),
    [
        ((1.0, 2.0), (0.5, -4.0), ""),
        ((1.0, 2.0 + 1e-11), (0.5, -4.0), "loss 2.00000000001 at step 1, expected 2.0"),
        ((float("nan"), 2.0), (0.5, -4.0), "loss nan at step 0, expected 1.0"),
        ((1.0, 2.0), (0.5, -4.0 + 1e-11), "gradient -3.99999999999 at parameter 1, expected -4.0"),
        ((1.0, 2.0), (0.5, float("nan")), "gradient nan at parameter 1, expected -4.0"),
        ((1.0, 2.0), (0.5,), "1 gradients, expected 2"),
    ],
)
def test_wrong_numbers_are_noticed(losses: tuple[float, ...], gradient: tuple[float, ...], said: str) -> None:
    row = timing(losses=losses, gradient=gradient)
    harness.check_against(row, (1.0, 2.0), (0.5, -4.0))
    assert row.wrong == said


def test_missing_peer_says_why(tmp_path: Path) -> None:
    (tmp_path / "xad.py").write_text("raise ImportError('xad is blocked in this test')\n")
    row = Row("demo.xad", "xad", "demo.xad", "xad", environment={"PYTHONPATH": str(tmp_path)})
    [missing] = harness.time_rows([row], rounds=1, seconds=0.0, checked=1)
    assert missing.missing == "xad is blocked in this test"
    assert missing.seconds == []


def test_process_that_fails_says_why() -> None:
    [failed] = harness.time_rows([Row("x", "x", "no such job")], rounds=1, seconds=0.0, checked=1)
    assert "no such job" in failed.missing
    assert "no such job" in harness.measure("no such job", 1)["missing"]


def test_peer_that_cannot_be_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "requirements", lambda: ["no-such-engine-anywhere==1.0"])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    failures = peers.install()
    assert list(failures) == ["no-such-engine-anywhere"]
    assert "no-such-engine-anywhere==1.0" in failures["no-such-engine-anywhere"]


def test_peers_are_pinned() -> None:
    assert all("==" in requirement for requirement in peers.requirements())
    assert {requirement.partition("==")[0] for requirement in peers.requirements()} == {
        "micrograd",
        "scalargrad",
        "xad",
        "torch",
        "jax",
        "casadi",
    }
