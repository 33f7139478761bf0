"""Running commands inside the tests' process, and small files for them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from chainrule.cli import main
from tests.data.tables import csv_of

RNG = np.random.default_rng(3)
WIDTH = np.round(RNG.normal(3, 1, size=60), 3)
HEIGHT = np.round(RNG.normal(5, 2, size=60), 3)
KIND = ["big" if w + h > 8 else "small" for w, h in zip(WIDTH, HEIGHT, strict=True)]
PRICE = [f"{10 * w - h:.3f}" for w, h in zip(WIDTH, HEIGHT, strict=True)]
SHOP = csv_of({"width": WIDTH.tolist(), "height": HEIGHT.tolist(), "kind": KIND, "price": PRICE})


class Ran(NamedTuple):
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str


class Runner:
    """Runs commands and collects what they write."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *argv: str | Path) -> Ran:
        self.capsys.readouterr()
        code = main([str(arg) for arg in argv])
        out, err = self.capsys.readouterr()
        return Ran(code, out, err)

    def fails(self, *argv: str | Path, code: int = 1) -> str:
        """Run a command that must fail with one sentence; return the sentence."""
        ran = self(*argv)
        assert ran.code == code, ran
        assert ran.out == ""
        assert "Traceback" not in ran.err
        errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, ran.err
        assert ran.err.splitlines()[-1] == errors[0]
        return errors[0]
