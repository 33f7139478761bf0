"""One browser for all tests, new pages for each; skipped with a reason where there is no browser."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.opening import Pages, chromium_path, started

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed: pip install playwright")
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium was found: install one (Debian: apt install chromium) or set CHROMIUM")
    with started(path) as running:
        yield running


@pytest.fixture
def pages(browser: Browser, tmp_path: Path) -> Iterator[Pages]:
    """Pages that, when the test ends, must have asked for nothing and complained of nothing."""
    opened = Pages(browser, tmp_path)
    yield opened
    opened.close()
    assert opened.left() == []
    assert opened.complaints == []
