"""Progress: a bar only on a terminal, plain thinned lines elsewhere, colours as the environment asks."""

from __future__ import annotations

import io
import sys

import pytest

from chainrule.console import animated, coloured, console
from chainrule.training import fit, progress
from chainrule.training.progress import MOST_LINES, duration, figures
from tests.training.models import LINE, PLANE, SIGNS, mlp


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("terminal", "environment", "colour", "motion"),
    [
        (False, {}, False, False),
        (True, {}, True, True),
        (True, {"TERM": "xterm"}, True, True),
        (True, {"NO_COLOR": "1"}, False, True),
        (True, {"NO_COLOR": ""}, True, True),
        (True, {"TERM": "dumb"}, False, False),
        (False, {"FORCE_COLOR": "1"}, True, False),
        (False, {"FORCE_COLOR": ""}, False, False),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        (True, {"FORCE_COLOR": "1", "TERM": "dumb"}, False, False),
    ],
)
def test_colour_and_motion(terminal: bool, environment: dict[str, str], colour: bool, motion: bool) -> None:
    stream = Terminal() if terminal else io.StringIO()
    assert coloured(stream, environment) is colour
    assert animated(stream, environment) is motion


def test_a_closed_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    assert not animated(stream, {})


@pytest.mark.parametrize(
    ("terminal", "environment", "escapes"),
    [(False, {}, False), (False, {"FORCE_COLOR": "1"}, True), (True, {"TERM": "dumb"}, False)],
)
def test_what_the_console_writes(
    terminal: bool, environment: dict[str, str], escapes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    console(stream).print("words", style="red")
    assert ("\x1b[" in stream.getvalue()) is escapes


def test_one_line_per_epoch_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    fit(mlp(2, 1), PLANE, LINE, 3, validation_data=(PLANE, LINE))
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3", lines[3]]
    assert "left" in lines[0]
    assert "left" not in lines[2]
    assert "rmse" in lines[0]
    assert "val_loss" in lines[0]
    assert lines[3].startswith("3 epochs in ")
    assert "\x1b" not in err


@pytest.mark.parametrize("epochs", [19, 25, 100, 1000])
def test_many_epochs_are_thinned(capsys: pytest.CaptureFixture[str], epochs: int) -> None:
    fit(mlp(2, 1), PLANE[:2], LINE[:2], epochs)
    lines = capsys.readouterr().err.splitlines()
    assert MOST_LINES / 2 < len(lines) < 2 * MOST_LINES
    assert lines[0].startswith("epoch ")
    assert f"{epochs}/{epochs}" in lines[-2]


def test_the_last_epoch_is_told_when_the_training_stops_early(capsys: pytest.CaptureFixture[str]) -> None:
    fit(mlp(2, 1), PLANE[:2], LINE[:2], 1000, callbacks=[lambda epoch, _: epoch == 77])
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2].startswith("epoch   77/1000")
    assert "left" not in lines[-2]
    assert "stopped: <lambda> asked to" in lines[-1]


def test_slow_epochs_are_not_thinned(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LONGEST_SILENCE", -1.0)
    fit(mlp(2, 1), PLANE[:2], LINE[:2], 200)
    assert len(capsys.readouterr().err.splitlines()) == 201


def test_silent(capsys: pytest.CaptureFixture[str]) -> None:
    fit(mlp(2, 1), PLANE, LINE, 3, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    fit(mlp(2, 1), PLANE, SIGNS, 3)
    written = terminal.getvalue()
    assert "3/3" in written
    assert "\x1b[?25h" in written.split("\x1b[?25l")[-1]
    assert written.splitlines()[-1].startswith("3 epochs in ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (7500, "2 h 5 min")],
)
def test_times_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_figures_in_one_order() -> None:
    assert figures({"val_loss": 2.0, "accuracy": 0.5, "loss": 1.23456, "rate": 1.0}) == (
        "loss 1.235  accuracy 50.0%  val_loss 2"
    )
