"""A headless Chromium over the DevTools protocol, and pages of this package in it, cut off from every network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import chainrule as cr
from chainrule.views.stepper.stepper import to_html

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# What Chromium would otherwise do of its own accord: ask its maker for updates and lists.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def installed() -> str | None:
    """Return the browser that CHROMIUM names, else one that is installed."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Pages:
    """Opens pages, each in a context of its own, and keeps what they asked for and complained of."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.browser = browser
        self.folder = folder
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.contexts: list[Any] = []

    def show(self, root: cr.Value, model: Any = None, **context: Any) -> Page:
        """Write the Stepper of a graph, and open the file."""
        path = self.folder / f"page {len(self.contexts)}.html"
        to_html(root, path, model=model)
        return self.open(path, **context)

    def open(self, path: Path, **context: Any) -> Page:
        """Open a file; any other address that it asks for is refused and noted."""
        own = self.browser.new_context(**{"viewport": WIDE, **context})
        self.contexts.append(own)
        page: Page = own.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("request", lambda request: self.requests.append(request.url))
        own.set_offline(True)
        page.goto(path.as_uri())
        return page

    def close(self) -> None:
        """Close every context."""
        for context in self.contexts:
            context.close()

    def left(self) -> list[str]:
        """Return the requests that were for anything but the pages themselves."""
        return [url for url in self.requests if not url.startswith((self.folder.as_uri(), "data:"))]


@contextmanager
def started() -> Iterator[Browser | None]:
    """Start a browser with a profile of its own, and end it; None where there is none."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = installed() or playwright.chromium.executable_path
        if not Path(path).exists():
            yield None
            return
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
