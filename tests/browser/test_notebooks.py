"""A notebook that was really executed, in a real browser: as nbconvert's page, and in JupyterLab, trusted and not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.notebooks import PICTURES, STEPPERS, TABLES, executed, exported, library, signed
from tests.browser.opening import Pages

for name in ("nbformat", "nbclient", "ipykernel", "nbconvert"):
    pytest.importorskip(name, reason=f"{name}, of the test extra, is missing: no notebook can be executed")
# The libraries of Jupyter warn about each other; what they say is not about us.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def notebook() -> Any:
    return executed()


def outputs(notebook: Any) -> list[dict[str, str]]:
    """The data of each cell that shows something."""
    found = [output for cell in notebook.cells for output in cell.outputs]
    assert [output["output_type"] for output in found] == ["execute_result"] * len(found)
    return [output["data"] for output in found]


def test_every_cell_has_html_and_text_of_bounded_size(notebook: Any) -> None:
    for data in outputs(notebook):
        assert {"text/html", "text/plain"} <= set(data)
        assert len(data["text/html"]) < 250_000
        assert len(data["text/plain"]) < 5_000


def shown(page: Any, within: str = "body") -> dict[str, int]:
    """How many pictures that can be seen, frames and tables there are."""
    sizes = page.eval_on_selector_all(f"{within} img", "images => images.map(i => [i.complete, i.naturalWidth])")
    return {
        "pictures": sum(complete and width > 100 for complete, width in sizes),
        "broken": sum(not (complete and width) for complete, width in sizes),
        "frames": page.locator(f"{within} iframe").count(),
        "tables": page.locator(f"{within} table").count(),
    }


def open_details(page: Any, within: str = "body") -> None:
    page.eval_on_selector_all(f"{within} details", "all => all.forEach(one => { one.open = true })")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_trusted_page_shows_pictures_tables_and_working_steppers(notebook: Any, pages: Pages, scheme: str) -> None:
    path = pages.folder / "notebook.html"
    path.write_text(exported(notebook), "utf-8")
    page = pages.open(path, color_scheme=scheme)
    open_details(page)
    assert shown(page) == {"pictures": PICTURES, "broken": 0, "frames": STEPPERS, "tables": TABLES}
    frames = [steppers_frame(page, k) for k in range(STEPPERS)]
    assert [by_name(frame, "grads") for frame in frames[:2]] == [
        dict.fromkeys(["L", "a", "b", "c", "f"]),
        {"L": 1.0, "a": 6.0, "b": -4.0, "c": -2.0, "f": 4.0},
    ]
    frames[0].evaluate("stepper.go(stepper.length)")
    assert by_name(frames[0], "grads") == by_name(frames[1], "grads")


def steppers_frame(page: Any, place: int) -> Any:
    """The page in the frame of this place, when it has started."""
    frame = page.locator("iframe").nth(place).element_handle().content_frame()
    frame.wait_for_function("window.stepper")
    return frame


def by_name(frame: Any, what: str) -> dict[str, float | None]:
    """What a Stepper says of its labelled nodes."""
    numbers = frame.evaluate(f"stepper.{what}()")
    nodes = frame.evaluate("stepper.trace.nodes")
    return {node["label"]: numbers[node["id"]] for node in sorted(nodes, key=lambda n: n["label"]) if node["label"]}


@pytest.fixture(scope="module")
def lab(notebook: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A JupyterLab with the notebook twice: signed, and not."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed: pip install jupyterlab")
    nbformat = library("nbformat")
    root, data = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter")
    for name in ("trusted", "untrusted"):
        notebook.metadata["name"] = name  # a signature is of the content: the two must differ
        nbformat.write(notebook, root / f"{name}.ipynb")
        if name == "trusted":
            signed(nbformat.read(root / "trusted.ipynb", as_version=4), data)
    port = free_port()
    folders = {f"JUPYTER_{what}_DIR": str(data) for what in ("DATA", "RUNTIME", "CONFIG")}
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"),
            *("--ServerApp.port_retries=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={root}"),
        ],
        env={**os.environ, **folders},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/api", server)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port: int = chosen.getsockname()[1]
        return port


def wait_for(address: str, server: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(address, timeout=5)
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"JupyterLab did not answer at {address}")


@pytest.mark.parametrize(("name", "steppers"), [("trusted", STEPPERS), ("untrusted", 0)])
def test_jupyterlab(lab: str, browser: Any, name: str, steppers: int) -> None:
    # High enough for the whole notebook: JupyterLab draws only the cells that can be seen.
    page = browser.new_page(viewport={"width": 1280, "height": 4000})
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.goto(f"{lab}/doc/tree/{name}.ipynb")
    within = ".jp-OutputArea-output"
    page.locator(f"{within} img").nth(PICTURES - 1).wait_for(timeout=90_000)
    assert shown(page, within) == {"pictures": PICTURES, "broken": 0, "frames": steppers, "tables": TABLES}
    if steppers:
        page.locator(f"{within} summary", has_text="Step through it").nth(1).click()
        frame = steppers_frame(page, 1)
        assert by_name(frame, "grads") == {"L": 1.0, "a": 6.0, "b": -4.0, "c": -2.0, "f": 4.0}
    else:
        page.locator(f"{within} summary", has_text="Step through it").first.click()
        assert "It needs a trusted notebook" in page.locator(within).first.inner_text()
    page.close()
