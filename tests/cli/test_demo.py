"""chainrule demo: the published numbers, the same every time, and everything is written where it says."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from chainrule.cli.demo import PUBLISHED, plane, train_moons
from chainrule.data import moons
from chainrule.training import predict
from tests.cli.running import Runner


def test_the_story(run: Runner, folder: Path) -> None:
    pytest.importorskip("matplotlib", reason="the plot extra is not installed")
    ran = run("demo")
    assert ran.code == 0
    for words in ("Penguins", "Moons", "0.8958441028683222", "100%", "linear model", "chainrule fit YOUR.csv"):
        assert words in ran.out
    assert "\x1b" not in ran.out + ran.err
    demo = folder / "chainrule-demo"
    assert {path.relative_to(demo).as_posix() for path in demo.rglob("*.*")} == {
        "penguins/model.safetensors",
        "penguins/history.json",
        "penguins/loss.png",
        "penguins/neuron.svg",
        "moons/model.safetensors",
        "moons/history.json",
        "moons/loss.png",
        "moons/boundary.png",
    }


def test_json_is_the_same_every_time_and_holds_the_published_losses(run: Runner) -> None:
    def once() -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = json.loads(run("demo", "--json", "-q", "--out", "d").out)
        for part in found.values():
            assert part.pop("seconds")
        return found

    first = once()
    assert once() == first
    assert first["moons"]["parameters"] == 337
    losses, accuracy = first["moons"]["loss"], first["moons"]["accuracy"]
    assert isinstance(losses, list)
    assert isinstance(accuracy, list)
    assert losses[0] == PUBLISHED[0]
    for step, published in PUBLISHED.items():
        assert math.isclose(losses[step], published, rel_tol=1e-12)
    assert [accuracy[step] for step in PUBLISHED] == [0.5, 0.81, 0.77, 0.95, 1.0]


def test_other_losses_are_a_failed_check(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's own claim, held against a planted fault."""
    monkeypatch.setitem(PUBLISHED, 30, PUBLISHED[30] * (1 + 1e-9))
    ran = run("demo", "-q")
    assert ran.code == 1
    assert "NOT the published ones: the largest relative difference is 1.0e-09" in ran.out
    assert run("demo", "--json", "-q", "--out", "d").code == 1


def test_quiet(run: Runner) -> None:
    assert run("demo", "--json", "-q").err == ""


def test_the_plane_as_text() -> None:
    X, classes = moons()
    y = 2 * classes - 1
    model, _ = train_moons(X, y)
    picture = plane(model, X, y, width=40, height=12)
    assert len(picture.splitlines()) == 12
    assert max(map(len, picture.splitlines())) <= 42
    assert set(picture) == set(" .xo\n")
    assert picture.rstrip()[-1] == "." if predict(model, [[X[:, 0].max() + 0.3, X[:, 1].min() - 0.3]])[0] > 0 else " "
