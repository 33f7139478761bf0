"""One browser for all tests, new pages for each; skipped with a reason where there is no browser."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.opening import Pages, started

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed: pip install playwright")
    with started() as running:
        if running is None:
            pytest.skip("there is no Chromium: apt install chromium, or playwright install chromium, or set CHROMIUM")
        yield running


@pytest.fixture
def pages(browser: Browser, tmp_path: Path) -> Iterator[Pages]:
    """Pages that, when the test ends, must have asked for nothing and complained of nothing."""
    opened = Pages(browser, tmp_path)
    yield opened
    opened.close()
    assert opened.left() == []
    assert opened.complaints == []
