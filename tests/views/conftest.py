"""What the tests of pictures share."""

from __future__ import annotations

import shutil

import pytest

from chainrule.views.drawing import engines


@pytest.fixture
def no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw as a base installation does, whatever is installed here."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(engines, "find_spec", lambda _: None)
