"""The compiled benchmark: its workloads are the published ones, its peers compute the same, its checks find faults."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench import demo_step, gpt_step, report
from bench.compiled import command, data, ours, peer_c, peer_numpy, rows, turns
from bench.compiled.job import Job
from bench.compiled.jobs import JOBS
from bench.compiled.report import compiling_line, timed_line, whole_line
from bench.compiled.turns import Measured
from bench.compiled.worker import FOLLOWED, Turns
from bench.eager import RESULTS
from bench.harness import Comparison, Row
from bench.plain_value import PlainValue


def measured(key: str, *seconds: float, learns: bool = True, first: float = 1.0, later: float = 0.5) -> Measured:
    return Measured(Row(key, key, key, learns=learns), list(seconds), gradient=[0.5, -4.0], first=first, later=later)


@pytest.mark.parametrize(("name", "count"), [("demo", 337), ("tiny", 41), ("digits", 2410)])
def test_layers_and_parameters_are_the_same_numbers(name: str, count: int) -> None:
    problem: data.Problem = getattr(data, name)()
    assert len(problem.parameters) == count
    assert data.flat_of(problem.layers()) == problem.parameters


def test_demo_starts_at_its_published_loss() -> None:
    assert ours.eager("demo").loss == pytest.approx(demo_step.LOSSES[0], rel=1e-14)


def test_gpt_is_the_one_of_the_eager_benchmark() -> None:
    model = gpt_step.Gpt(PlainValue)
    loss = model.loss(data.DOCUMENT)
    loss.backward()
    job = ours.eager("gpt")
    assert job.loss == pytest.approx(loss.data, rel=1e-13)
    assert job.gradient == pytest.approx([p.grad for p in model.parameters()], rel=1e-10, abs=1e-15)


NEED_GCC = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


@pytest.mark.parametrize(
    ("name", "build"),
    [
        pytest.param("demo", peer_c.demo, marks=NEED_GCC),
        pytest.param("tiny", peer_c.tiny, marks=NEED_GCC),
        pytest.param("gpt", peer_c.gpt, marks=NEED_GCC),
        ("demo", peer_numpy.demo),
        ("digits", peer_numpy.digits),
    ],
)
def test_what_is_written_by_hand_agrees_with_eager(name: str, build: Callable[[], Job]) -> None:
    eager, peer = followed(ours.eager(name)), followed(build())
    turns.check(peer, eager)
    assert peer.wrong == ""


def followed(job: Job) -> Measured:
    """What a worker reports of a job."""
    timing = Measured(Row("x", "x", "x"), gradient=job.gradient, first=job.loss)
    timing.later = job.advance(FOLLOWED - job.taken)
    return timing


@NEED_GCC
def test_the_c_leaves_subnormal_numbers_on() -> None:
    peer_c.demo()
    assert math.ulp(0.0) * 1.5 > 0.0


@pytest.mark.parametrize("key", ["tiny.jax_loop", "tiny.torch", "tiny.casadi", "gpt.jax"])
def test_libraries_agree_with_eager(key: str) -> None:
    row = next(row for _, every in rows.SECTIONS.values() for row in every if row.key == key)
    timing = turns.time_rows([row], rounds=1, seconds=0.0)[key]
    if timing.missing:
        pytest.skip(timing.missing)
    turns.check(timing, followed(ours.eager(key.partition(".")[0])))
    assert timing.wrong == ""
    assert timing.seconds[0] > 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({}, ""),
        ({"first": 1.0 + 1e-8}, "loss 1.00000001, eager has 1.0"),
        ({"first": float("nan")}, "loss nan, eager has 1.0"),
        ({"later": 0.5 + 1e-8}, "loss after two updates 0.50000001, eager has 0.5"),
        ({"gradient": [0.5, -4.0 + 1e-8]}, "gradient -3.99999999 at parameter 1, eager has -4.0"),
        ({"gradient": [0.5, float("nan")]}, "gradient nan at parameter 1, eager has -4.0"),
        ({"gradient": [0.5]}, "1 gradients, eager has 2"),
        ({"gradient": [], "later": 7.0}, ""),  # follows another schedule
    ],
)
def test_wrong_numbers_are_noticed(fault: dict[str, object], said: str) -> None:
    timing = replace(measured("x"), **fault)  # type: ignore[arg-type]
    turns.check(timing, measured("eager"))
    assert timing.wrong == said


def test_row_that_learns_nothing_is_not_followed() -> None:
    timing = measured("x", learns=False, later=7.0)
    turns.check(timing, measured("eager"))
    assert timing.wrong == ""


def test_every_row_has_a_job_and_every_ratio_a_row() -> None:
    for _, every in rows.SECTIONS.values():
        keys = {row.key for row in every}
        assert keys <= set(JOBS)
        assert {comparison.base for row in every for comparison in row.comparisons} <= keys
    whole = {each.key for each in rows.WHOLE}
    assert {base for each in rows.WHOLE for base in each.ahead_of} <= whole


def test_figure_without_its_base_is_not_reached() -> None:
    fast = measured("demo.run", 1e-6)
    fast.row = replace(fast.row, comparisons=(Comparison("demo.c", at_least=1.5),))
    assert timed_line(fast, {"demo.c": measured("demo.c", 3e-6)}).reached == "yes"
    assert timed_line(fast, {"demo.c": measured("demo.c", 1e-6)}).reached == "NO"
    missing = measured("demo.c")
    missing.missing = "no gcc"
    assert timed_line(fast, {"demo.c": missing}).reached == "NO"
    assert timed_line(missing, {}).figure == "missing: no gcc"


def test_peer_that_is_ahead_stands_out() -> None:
    timings = {key: measured(key, seconds) for key, seconds in {"demo.run": 2.0, "demo.arrays": 4.0}.items()}
    said = {key: timed_line(measured(key, 3.0), timings).ratios for key in ("demo.c", "demo.jax", "demo.loss")}
    assert said == {
        "demo.c": "1.5 times the run (1.5)",
        "demo.jax": "**ahead**: 0.75 times the arrays (0.75)",
        "demo.loss": "",
    }


def test_fallback_cannot_pass_for_machine_code() -> None:
    row = rows.Compiling("compile.x", "x", (), at_most=1.0)
    found = {"sizes": {"nodes traced": 10}, "cpu": 0.5, "executor": "native", "note": ""}
    assert compiling_line(row, found, {}).reached == "yes"
    assert compiling_line(row, {**found, "cpu": 1.5}, {}).reached == "NO"
    line = compiling_line(row, {**found, "executor": "tape", "note": "no llvmlite"}, {})
    assert (line.reached, "tape (no llvmlite)" in line.ratios) == ("NO", True)
    timing = measured("demo.run", 1e-6)
    timing.facts = {"executor": "tape"}
    command.must_be_native(timing)
    assert timing.row.title == "demo.run, run by: tape"


def test_whole_processes_are_compared_by_their_medians() -> None:
    row = rows.Whole("whole.ours", "ours", (), ahead_of=("whole.jax",))
    ours_three = [{"process": seconds, "process clock": seconds} for seconds in (1.0, 9.0, 2.0)]
    line = whole_line(row, {"whole.ours": ours_three, "whole.jax": [{"process": 3.0}]})
    assert (line.figure, line.ratios, line.reached) == ("2.00 s", "1.5× jax", "yes")
    assert whole_line(row, {"whole.ours": ours_three, "whole.jax": [{"process": 1.5}]}).reached == "NO"
    assert whole_line(row, {"whole.ours": [{"missing": "why"}]}).figure == "missing: why"


def test_turn_takes_as_many_steps_as_fit() -> None:
    taken: list[int] = []

    def advance(steps: int) -> float:
        taken.append(steps)
        time.sleep(steps * 1e-4)
        return 0.0

    turns_taken = Turns(Job(0.0, [], advance))
    found = turns_taken.take(0.02)
    assert taken[:-1] == [10**i for i in range(len(taken) - 1)]  # until one can tell how long a step is
    assert 1 < taken[-1] <= 200
    assert (found["steps"], found["wall"] >= 1e5 > found["cpu"]) == (taken[-1], True)


def test_smoke_run_prints_and_writes_the_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    written = tmp_path / "RESULTS.md"
    written.write_text(f"{report.EAGER}\n\nthe other part\n", "utf-8")
    assert command.main(["--quick", "tiny.c", "whole.numpy", "--output", str(written)]) == 0
    out, page = capsys.readouterr().out, written.read_text("utf-8")
    for title in (rows.C, "chainrule, eager", "with numpy by hand"):
        assert sum(title in line for line in out.splitlines()) == 1
        assert title in page
    assert "WRONG" not in out
    assert page.startswith(f"{report.EAGER}\n\nthe other part\n\n{rows.COMPILED}\n")


def test_json_holds_the_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--quick", "tiny.eager", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)["rows"]
    assert row["numbers"]["seconds"][0] > 0
    assert row["numbers"]["clock"][0] > 0


def test_only_a_full_run_writes_the_results() -> None:
    assert command.parse([]).output == RESULTS
    assert command.parse(["--quick"]).output is None
    assert command.parse(["demo.*"]).output is None


def test_parts_of_a_page_are_replaced_one_by_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    report.write_part(page, "# A\n\na\n")
    report.write_part(page, "# B\n\n## b\n")
    report.write_part(page, "# A\n\nanother\n")
    assert page.read_text("utf-8") == "# A\n\nanother\n\n# B\n\n## b\n"
