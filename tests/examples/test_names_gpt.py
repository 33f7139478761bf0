"""The GPT of names: its graph, its data, its training eagerly and compiled, and the program from outside."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule as cr
from examples import names_gpt
from examples.names_gpt import BLOCK, BOUNDARY, LETTERS, Gpt, find_names, one_hot, tokens_of, train

NAMES = ["emma", "olivia", "ava", "bo", "emma", "anna"]
PROGRAM = Path(names_gpt.__file__)


def model_of(seed: int) -> Gpt:
    random.seed(seed)
    return Gpt()


def test_model_has_the_published_number_of_parameters() -> None:
    assert len(model_of(1).parameters()) == 4192


def test_loss_starts_near_chance() -> None:
    [loss] = train(model_of(1), NAMES, 1, compiled=False)
    assert loss == pytest.approx(math.log(27), rel=0.06)


def test_names_become_tokens_between_boundaries() -> None:
    assert tokens_of("abz") == [BOUNDARY, 0, 1, 25, BOUNDARY]
    assert len(tokens_of("a" * 40)) == BLOCK + 1
    assert [row.index(1.0) for row in map(one_hot, range(27))] == list(range(27))


def test_it_learns(capsys: pytest.CaptureFixture[str]) -> None:
    losses = train(model_of(1), ["anna"], 40, compiled=False)
    assert losses[-1] < 0.5 * losses[0]
    assert "step 40: loss" in capsys.readouterr().err


def test_samples_are_words() -> None:
    model = model_of(2)
    samples = [model.sample() for _ in range(5)]
    assert all(set(sample) <= set(LETTERS) and len(sample) <= BLOCK for sample in samples)
    assert any(samples)


def test_compiled_training_is_the_eager_one() -> None:
    eager, compiled = model_of(3), model_of(3)
    expected = train(eager, NAMES, 8, compiled=False)
    assert train(compiled, NAMES, 8) == pytest.approx(expected, rel=1e-9)
    assert [p.data for p in compiled.parameters()] == pytest.approx([p.data for p in eager.parameters()], abs=1e-9)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(Path(cr.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_program_prints_twenty_names(tmp_path: Path) -> None:
    (tmp_path / "few.txt").write_text("\n".join(NAMES), "utf-8")
    done = run(tmp_path, "--steps", "3", "--names", "few.txt", "--eager")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 20
    assert "6 names, 4192 parameters" in done.stderr


def test_published_names_are_found_and_all_fit() -> None:
    path = find_names()
    if path is None:
        pytest.skip("names.txt is not here (makemore's 32,033 names, in shared/data)")
    names = path.read_text("utf-8").split()
    assert len(names) == 32_033
    assert {min(BLOCK, len(name) + 1) for name in names} == set(range(3, 17))


def test_missing_names_are_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(names_gpt, "find_names", lambda: None)
    monkeypatch.setattr(sys, "argv", ["names_gpt.py"])
    with pytest.raises(SystemExit) as ended:
        names_gpt.main()
    assert ended.value.code == 2
    assert "--names FILE" in capsys.readouterr().err
