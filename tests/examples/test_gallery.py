"""The gallery: every program, its numbers, its page, and every link on it."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

import chainrule as cr

FOLDER = Path(__file__).parents[2] / "examples" / "gallery"


def builder() -> ModuleType:
    """examples/gallery/build.py as a module."""
    spec = importlib.util.spec_from_file_location("gallery_build", FOLDER / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there for the module of a class
    spec.loader.exec_module(module)
    return module


BUILD = builder()


class Page(HTMLParser):
    """Collects the addresses, the ids, the alternatives of pictures and the texts of links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.alternatives: list[str] = []
        self.links: list[str] = []
        self._in_link = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.addresses += [str(found[name]) for name in ("href", "src") if name in found]
        self.ids += [str(found["id"])] if "id" in found else []
        if tag == "img":
            self.alternatives.append(found.get("alt") or "")
        elif tag == "a":
            self.links.append("")
            self._in_link = True

    def handle_endtag(self, tag: str) -> None:
        self._in_link = self._in_link and tag != "a"

    def handle_data(self, data: str) -> None:
        if self._in_link:
            self.links[-1] += data


def wrong(folder: Path) -> list[str]:
    """What is wrong with the links of the gallery in a folder."""
    page = Page((folder / "index.html").read_text("utf-8"))
    return [
        f"{address} leads nowhere"
        for address in page.addresses
        if re.match(r"\w+:|//|/", address) or not (folder / address).is_file()
    ]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("built") / "gallery"
    BUILD.build(folder)
    return folder


def test_every_program_is_shown() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} - {"build"} == set(BUILD.GRAPHS)


def test_every_link_leads_to_a_file(gallery: Path) -> None:
    assert wrong(gallery) == []


@pytest.mark.parametrize("fault", ["missing.html", "https://example.org/x.js", "//example.org/x.js", "/etc/hostname"])
def test_planted_link_is_found(gallery: Path, tmp_path: Path, fault: str) -> None:
    for path in gallery.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    index = tmp_path / "index.html"
    index.write_text(index.read_text("utf-8").replace('href="neuron.html"', f'href="{fault}"'), "utf-8")
    assert wrong(tmp_path) == [f"{fault} leads nowhere"]


def test_the_page_has_a_card_for_each_graph_in_words_too(gallery: Path) -> None:
    page = Page((gallery / "index.html").read_text("utf-8"))
    assert page.ids == list(BUILD.GRAPHS)
    assert len(set(page.alternatives)) == len(page.alternatives) == len(BUILD.GRAPHS)
    ways = [link for link in page.links if link]
    assert len(set(ways)) == len(ways) == 2 * len(BUILD.GRAPHS)


@pytest.mark.parametrize("name", list(BUILD.GRAPHS))
def test_pictures_and_steppers_show_the_graph(gallery: Path, name: str) -> None:
    graph = BUILD.load(name)
    root = graph.names[graph.root]
    picture = ElementTree.parse(gallery / f"{name}.svg").getroot()
    assert f"{root.data:.4f}" in picture.get("aria-label", "")
    page = (gallery / f"{name}.html").read_text("utf-8")
    [text] = re.findall(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    trace = json.loads(text)
    shown = trace["nodes"][trace["root"]]
    assert (shown["label"], shown["data"], trace["backward"]) == (root.label, root.data, name != "neuron_forward")
    assert bool(trace["groups"]) is ("model" in graph.names)


def test_the_same_twice(gallery: Path, tmp_path: Path) -> None:
    BUILD.build(tmp_path)
    assert {path.name: path.read_bytes() for path in gallery.iterdir()} == {
        path.name: path.read_bytes() for path in tmp_path.iterdir()
    }


# What the lessons found by hand or with micrograd.
GRADIENTS = {
    "expression": {"a": 6.0, "b": -4.0, "c": -2.0, "f": 4.0, "e": -2.0, "d": -2.0, "L": 1.0},
    "doubled": {"a": 2.0, "b": 1.0},
    "two_paths": {"a": -3.0, "b": -8.0, "d": 1.0, "e": -6.0, "f": 1.0},
    "neuron_forward": dict.fromkeys(["x1", "x2", "w1", "w2", "b", "n", "o"], 0.0),
    "neuron": {"x1": -1.5, "x2": 0.5, "w1": 1.0, "w2": 0.0, "b": 0.5, "n": 0.5, "o": 1.0},
    "tanh_in_pieces": {"n": 0.5, "o": 1.0},
}


@pytest.mark.parametrize("name", list(GRADIENTS))
def test_gradients_are_those_of_the_lessons(name: str) -> None:
    names = BUILD.load(name).names
    assert {key: names[key].grad for key in GRADIENTS[name]} == pytest.approx(GRADIENTS[name], abs=1e-12)


def test_the_network_is_that_of_the_lessons() -> None:
    graph = BUILD.load("network")
    model, loss = graph.names["model"], graph.names["loss"]
    assert len(model.parameters()) == 41
    step = 1e-6
    parameter = model.parameters()[7]

    def moved(by: float) -> float:
        parameter.data += by
        outputs: list[float] = [model(sample).data for sample in graph.names["samples"]]
        parameter.data -= by
        targets: list[float] = graph.names["targets"]
        return sum((output - target) ** 2 for output, target in zip(outputs, targets, strict=True))

    assert moved(0.0) == pytest.approx(loss.data)
    assert (moved(step) - moved(-step)) / (2 * step) == pytest.approx(parameter.grad, rel=1e-6)


def test_stories_say_what_the_programs_compute() -> None:
    """The numbers in the stories are those of the graphs."""
    stories = {name: BUILD.load(name).story for name in BUILD.GRAPHS}
    assert "= 6" in stories["expression"]
    assert "= −3" in stories["two_paths"]
    assert "= −8" in stories["two_paths"]
    assert "0.5" in stories["tanh_in_pieces"]
    assert isinstance(BUILD.load("expression").names["L"], cr.Value)
