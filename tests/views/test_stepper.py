"""The Stepper's page as text: complete in itself, deterministic, safe whatever it holds; errors that help."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import chainrule as cr
from chainrule.errors import NumberError, WriteError
from chainrule.nn import MLP
from chainrule.views.stepper import stepper
from chainrule.views.stepper.stepper import FOLDER, SCRIPTS, json_in_script, page_trace, show, to_html
from chainrule.views.tracing.trace import trace_of
from tests.faults import full_disk


def small() -> cr.Value:
    a, b = cr.Value(2.0, label="a"), cr.Value(-3.0, label="b")
    root: cr.Value = a * b
    root.label = "L"
    return root


class Elements(HTMLParser):
    """Collects every start tag with its attributes, and the text of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def test_a_page_holds_its_trace_and_asks_for_nothing() -> None:
    root = small()
    root.backward()
    page = to_html(root)
    elements = Elements(page)
    assert json.loads(elements.scripts[0]) == trace_of(root).to_json()
    assert len(elements.scripts) == 2
    for tag, attributes in elements.tags:
        addresses = [value or "" for name, value in attributes.items() if name in {"src", "href", "action", "data"}]
        assert all(address.startswith("data:") for address in addresses), (tag, addresses)
    policy = next(a["content"] or "" for tag, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert not re.search(r"https?:|connect-src|\*", policy)


def test_ids_are_there_once_and_labels_lead_to_them() -> None:
    tags = Elements(to_html(small())).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["for"] for tag, attributes in tags if tag == "label" and "for" in attributes} <= set(ids)


def test_every_part_of_the_page_exists_where_the_scripts_look_for_it() -> None:
    scripts = "".join((FOLDER / f"{name}.js").read_text("utf-8") for name in SCRIPTS)
    page = (FOLDER / "page.html").read_text("utf-8")
    made_by_scripts = set(re.findall(r'id: "([\w-]+)"', scripts))
    looked_for = set(re.findall(r'byId\("([\w-]+)"\)', scripts))
    assert looked_for - made_by_scripts <= set(re.findall(r'id="([\w-]+)"', page))


def test_every_file_is_used_and_short() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*(f"{name}.js" for name in SCRIPTS), "page.html", "page.css"}
    for path in FOLDER.iterdir():
        assert len(path.read_text("utf-8").splitlines()) <= 400, path.name
        assert "http://" not in path.read_text("utf-8").replace("http://www.w3.org/2000/svg", ""), path.name
        assert "https://" not in path.read_text("utf-8"), path.name


def test_equal_graphs_give_equal_pages() -> None:
    assert to_html(small()) == to_html(small())


def test_before_backward_the_page_says_so() -> None:
    root = small()
    assert "backward() not yet" in to_html(root)
    assert json.loads(Elements(to_html(root)).scripts[0])["backward"] is False
    root.backward()
    assert "backward() not yet" not in to_html(root)


def test_a_page_is_written_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    text = to_html(small(), path)
    assert path.read_text("utf-8") == text
    assert to_html(small(), str(path)) == text
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]


def test_a_full_disk_leaves_the_old_page(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    with full_disk(), pytest.raises(WriteError):
        to_html(small(), path)
    assert path.read_text() == "old"


@pytest.mark.parametrize("function", [to_html, show])
@pytest.mark.parametrize("wrong", [3.0, None, "L", [1.0], MLP(2, [1])])
def test_what_is_no_value(function: object, wrong: object) -> None:
    with pytest.raises(NumberError, match="walks the graph of one Value"):
        function(wrong)  # type: ignore[operator]


def test_a_list_of_values_gets_advice() -> None:
    with pytest.raises(NumberError, match="choose one of them"):
        to_html([small()])  # type: ignore[arg-type]


def test_a_model_names_and_groups() -> None:
    model = MLP(2, [2, 1])
    root = model([1.0, -1.0])
    trace = json.loads(Elements(to_html(root, model=model)).scripts[0])
    assert "layers.0.neurons.1.w.1" in {node["name"] for node in trace["nodes"]}
    assert [group["path"] for group in trace["groups"]][:2] == ["layers.0", "layers.0.neurons.0"]


def test_the_callers_variables_name_nodes() -> None:
    weight = cr.Value(2.0)
    root = weight * 3.0
    names = {node["name"] for node in json.loads(Elements(to_html(root)).scripts[0])["nodes"]}
    assert names == {"weight", "3", "root"}


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--",
    "]]>",
    "\u2028\u2029",
    "\ud800",
    "&quot;",
    "$title ${x} $$",
    "\x00",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_json_in_a_script_ends_nothing_and_says_the_same(text: str) -> None:
    written = json_in_script({"label": text})
    assert not set("<>&\u2028\u2029") & set(written)
    assert written.encode().decode() == written
    assert json.loads(written) == {"label": text}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_adds_no_element(text: str) -> None:
    root = small()
    plain = [tag for tag, _ in Elements(to_html(root)).tags]
    root.label = text
    page = to_html(root)
    assert [tag for tag, _ in Elements(page).tags] == plain
    assert page.encode()


def test_numbers_that_json_has_not() -> None:
    root = cr.Value(float("inf")) * 0.0
    root.backward()
    data = Elements(to_html(root)).scripts[0]
    assert json.loads(data, parse_constant=pytest.fail)["nodes"][-1]["data"] == "nan"


def test_wide_dot_products_do_not_make_an_excerpt() -> None:
    xs = [cr.Value(float(i)) for i in range(300)]
    root = cr.sum([cr.dot(xs, xs) for _ in range(100)])
    assert page_trace(root, None, ()).left_out is None


def test_a_huge_graph_gives_an_excerpt_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepper, "MOST_NODES", 1000)
    monkeypatch.setattr(stepper, "EXCERPT", 500)
    x = cr.Value(0.1)
    y = x
    for _ in range(5000):
        y = y + x
    page = to_html(y)
    trace = json.loads(Elements(page).scripts[0])
    assert len(trace["nodes"]) <= 501
    left = trace["truncated"]["nodes_left_out"]
    assert left >= 4500
    assert f"{left:,} nodes are left out" in page


def test_show_writes_a_page_and_opens_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = show(small())
    assert opened == [path.as_uri()]
    assert "<!doctype html>" in path.read_text("utf-8")
    assert tmp_path in path.parents
