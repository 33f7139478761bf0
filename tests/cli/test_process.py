"""The command as its own process: pipes, signals, a full device, environments, both ways to start it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chainrule import engine

COMMAND = [sys.executable, "-W", "error", "-m", "chainrule"]


@pytest.fixture(autouse=True)
def same_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the compiled engine a new process would warn of it, and warnings are errors here."""
    if not engine.compiled:
        monkeypatch.setenv("CHAINRULE_PURE", "1")


def start(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *argv], capture_output=True, text=True, env=os.environ | environment, check=False, timeout=120
    )


@pytest.fixture
def model(shop: Path) -> str:
    """A model that a process of its own has trained."""
    ran = start("fit", str(shop), "--target", "kind", "--json", "--epochs", "2")
    assert ran.returncode == 0, ran.stderr
    path: str = json.loads(ran.stdout)["model"]
    return path


def test_data_to_stdout_progress_to_stderr_no_escapes(shop: Path, model: str) -> None:
    ran = start("predict", model, str(shop), TERM="xterm-256color")
    assert ran.stdout.splitlines()[0] == "kind"
    assert "note: " in ran.stderr
    assert "\x1b" not in ran.stdout + ran.stderr


def test_force_colour_colours_but_does_not_animate(shop: Path) -> None:
    ran = start(
        "fit", str(shop), "--target", "kind", "--epochs", "2", FORCE_COLOR="1", TERM="xterm-256color", NO_COLOR=""
    )
    assert "\x1b[2mnote:" in ran.stderr
    assert "\r" not in ran.stderr
    assert "\x1b[?25l" not in ran.stderr


def test_a_reader_that_has_seen_enough(shop: Path, model: str) -> None:
    process = subprocess.Popen(
        [*COMMAND, "predict", model, str(shop), "-q"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(60) == 1
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full stands for a full disk and is not here")
def test_a_full_device(shop: Path, model: str) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [*COMMAND, "predict", model, str(shop), "-q"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ran.returncode == 1
    assert ran.stderr == "error: cannot write the output: No space left on device\n"


def test_ctrl_c(shop: Path, folder: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "fit", str(shop), "--target", "kind", "--epochs", "1000000", "--patience", "1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch"):
            break
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == "error: interrupted"
    assert "Traceback" not in err
    assert [path.name for path in folder.iterdir()] == ["shop.csv"]


def test_a_terminal_gets_a_bar_and_is_left_as_it_was(shop: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "fit", str(shop), "--target", "kind", "--epochs", "30"],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "NO_COLOR": "1"},
    )
    os.close(theirs)
    written = b""
    while chunk := read(ours):
        written += chunk
    assert process.wait(60) == 0
    assert b"30/30" in written
    assert b"\x1b[?25l" in written  # the cursor is hidden …
    assert written.rindex(b"\x1b[?25h") > written.rindex(b"\x1b[?25l")  # … and shown again
    assert b"\x1b[3" not in written  # and there is no colour


def read(descriptor: int) -> bytes:
    """Read what is there; at the end Linux answers with an error, others with nothing."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def test_an_output_that_cannot_hold_a_label(folder: Path) -> None:
    text = "x,t\n" + "".join(f"{i % 7},{'é' if i % 7 > 3 else 'a'}\n" for i in range(40))
    (folder / "e.csv").write_text(text, "utf-8")
    assert start("fit", "e.csv", "--target", "t", "--epochs", "2", "--json").returncode == 0
    ran = start("predict", "e/model.safetensors", "e.csv", "-q", PYTHONIOENCODING="ascii")
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: the output's encoding ascii cannot hold '\\xe9'")
