"""Every command runs in a folder of its own, in a terminal that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import SHOP, Runner


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no wishes about colour."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Runner:
    """Run a command in this process."""
    return Runner(capsys)


@pytest.fixture
def shop(folder: Path) -> Path:
    """A small table: width, height, kind, price."""
    path = folder / "shop.csv"
    path.write_text(SHOP, "utf-8")
    return path
