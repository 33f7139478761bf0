"""The object that `draw_dot` returns: files, formats, engines, and notebooks."""

from __future__ import annotations

import base64
import re
import shutil
import stat
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given

from chainrule.engine import Value
from chainrule.errors import ArgumentError, MissingLibraryError, WriteError
from chainrule.views.drawing import engines
from chainrule.views.drawing.dot import draw_dot
from tests.faults import full_disk
from tests.views.pictures import HOSTILE, lesson, neuron, random_graphs, read_dot

needs_pygraphviz = pytest.mark.skipif(
    find_spec("pygraphviz") is None, reason="pygraphviz, which the draw extra installs, is missing"
)


def put_dot_program(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Make a program called `dot` the only Graphviz there is."""
    program = folder / "dot"
    program.write_text(f"#!{sys.executable}\nimport os, sys\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(engines, "find_spec", lambda _: None)


@pytest.mark.usefixtures("no_graphviz")
class TestBase:
    """Without any Graphviz."""

    def test_pipe_gives_svg(self) -> None:
        drawing = draw_dot(lesson())
        assert ElementTree.fromstring(drawing.pipe()).tag.endswith("svg")
        assert drawing.pipe(encoding="utf-8") == drawing.pipe().decode()
        assert drawing.pipe("dot").decode() == drawing.source == str(drawing)

    @pytest.mark.parametrize("file_format", ["png", "pdf"])
    def test_other_formats_say_what_is_missing(self, file_format: str, tmp_path: Path) -> None:
        drawing = draw_dot(lesson(), format=file_format)
        with pytest.raises(MissingLibraryError, match=r"pip install 'chainrule\[draw\]'"):
            drawing.pipe()
        with pytest.raises(MissingLibraryError, match=file_format):
            drawing.render(tmp_path / "graph")
        assert list(tmp_path.iterdir()) == []

    def test_render_writes_what_graphviz_would(self, tmp_path: Path) -> None:
        drawing = draw_dot(lesson())
        path = drawing.render("graph", directory=tmp_path / "new" / "folder")
        assert path == str(tmp_path / "new" / "folder" / "graph.svg")
        assert Path(path).read_bytes() == drawing.pipe()
        assert (tmp_path / "new" / "folder" / "graph").read_text() == drawing.source
        assert len(list((tmp_path / "new" / "folder").iterdir())) == 2

    def test_render_into_a_named_picture(self, tmp_path: Path) -> None:
        assert draw_dot(lesson()).render(tmp_path / "graph.svg") == str(tmp_path / "graph.svg")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["graph.gv", "graph.svg"]

    def test_cleanup_leaves_the_picture_alone(self, tmp_path: Path) -> None:
        draw_dot(lesson()).render(tmp_path / "graph", cleanup=True)
        assert [path.name for path in tmp_path.iterdir()] == ["graph.svg"]

    def test_the_default_name_is_graphvizs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert draw_dot(lesson()).render() == "Digraph.gv.svg"
        assert draw_dot(lesson()).save() == "Digraph.gv"

    def test_save_writes_the_source(self, tmp_path: Path) -> None:
        drawing = draw_dot(lesson())
        path = Path(drawing.save("graph.gv", directory=tmp_path))
        assert path.read_text() == drawing.source
        plain = tmp_path / "plain"
        plain.touch()
        assert path.stat().st_mode == plain.stat().st_mode

    @pytest.mark.parametrize("name", ["", "."])
    def test_a_name_that_is_no_file_is_refused(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for write in (draw_dot(lesson()).save, draw_dot(lesson()).render):
            with pytest.raises(ArgumentError, match="name of a file"):
                write(name)
        assert list(tmp_path.iterdir()) == []

    def test_a_failed_write_leaves_the_old_file(self, tmp_path: Path) -> None:
        (tmp_path / "graph.gv").write_text("old")
        with full_disk(), pytest.raises(WriteError, match="No space left on device"):
            draw_dot(lesson()).save(tmp_path / "graph.gv")
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("graph.gv", "old")]

    def test_the_format_can_be_changed(self) -> None:
        drawing = draw_dot(lesson())
        assert drawing.format == "svg"
        drawing.format = "dot"
        assert drawing.pipe().decode() == drawing.source
        drawing.format = "tiff"
        with pytest.raises(ArgumentError, match="'tiff'"):
            drawing.pipe()

    @pytest.mark.parametrize("label", HOSTILE)
    def test_hostile_labels_reach_no_markup(self, label: str) -> None:
        html = draw_dot(Value(1.0, label=label))._repr_html_()
        assert re.sub(r'"[^"]*"', '""', html) == ('<div style=""><img src="" alt="" style=""></div>')

    def test_a_notebook_gets_an_image_that_untrusted_pages_keep(self) -> None:
        drawing = draw_dot(lesson())
        bundle = drawing._repr_mimebundle_(include=None, exclude=None)
        assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
        assert bundle["text/html"] == drawing._repr_html_()
        [address] = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', bundle["text/html"])
        assert base64.b64decode(address) == drawing.pipe()
        assert 'alt="Graph of L = -8.0000: 7 values"' in bundle["text/html"]
        assert repr(drawing) == bundle["text/plain"] == "<Drawing: Graph of L = -8.0000: 7 values>"

    def test_it_shows_what_was_there_when_drawn(self) -> None:
        root = neuron()
        drawing = draw_dot(root)
        before = drawing.pipe()
        root.backward()
        assert drawing.pipe() == before != draw_dot(root).pipe()


class TestGraphviz:
    """With a program called `dot`, whatever it does, and with the draw extra."""

    def test_an_installed_dot_paints(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        body = "print('%PDF', sys.argv[1:], '/CreationDate (D:20261231235959Z)', sys.stdin.read())"
        put_dot_program(tmp_path, monkeypatch, body)
        painted = draw_dot(lesson(), format="pdf").pipe(encoding="utf-8")
        first, *source = painted.splitlines()
        assert first == "%PDF ['-Knop2', '-Tpdf'] /CreationDate (D:20000101000000Z) digraph {"
        assert re.search(r'v6 \[label="{ L \| .* pos="[\d.]+,[\d.]+" width=[\d.]+ height', "\n".join(source))

    @pytest.mark.parametrize(
        "body",
        ["sys.exit(1)", "print('no picture')", "os.kill(os.getpid(), 9)", "import time; time.sleep(9)"],
    )
    def test_a_broken_dot_is_passed_over(self, body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put_dot_program(tmp_path, monkeypatch, body)
        monkeypatch.setattr(engines, "TIMEOUT", 0.5)
        with pytest.raises(MissingLibraryError, match="the one found here failed"):
            draw_dot(lesson()).pipe("png")

    @needs_pygraphviz
    @pytest.mark.parametrize("rankdir", ["LR", "TB"])
    @pytest.mark.parametrize("file_format", ["png", "pdf"])
    def test_the_draw_extra_paints_the_same_bytes_each_time(
        self, file_format: str, rankdir: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutil, "which", lambda _: None)
        drawing = draw_dot(neuron(), format=file_format, rankdir=rankdir)
        first = drawing.pipe()
        if file_format == "pdf":  # into the next second, whose date would differ
            time.sleep(1.1)
        assert drawing.pipe() == first

    @needs_pygraphviz
    def test_a_png_is_as_large_as_the_svg(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda _: None)
        drawing = draw_dot(neuron())
        size = [int.from_bytes(drawing.pipe("png")[k : k + 4], "big") for k in (16, 20)]
        svg = ElementTree.fromstring(drawing.pipe())
        assert size == pytest.approx([float(svg.get(name, "")) for name in ("width", "height")], abs=16)

    @needs_pygraphviz
    @given(root=random_graphs())
    def test_graphviz_reads_the_source_as_we_do(self, root: Value) -> None:
        pygraphviz = pytest.importorskip("pygraphviz")
        source = draw_dot(root).source
        read, graph = read_dot(source), pygraphviz.AGraph(string=source)
        assert sorted(graph.nodes()) == sorted(read.cells)
        assert sorted(tuple(edge) for edge in graph.edges()) == sorted(read.edges)
        assert {name: graph.get_node(name).attr["label"] for name in read.cells} == {
            name: attributes["label"][1:-1].replace('\\"', '"') for name, attributes in read.attributes.items()
        }

    @needs_pygraphviz
    @pytest.mark.parametrize("label", HOSTILE)
    def test_graphviz_shows_hostile_labels_as_we_do(self, label: str) -> None:
        pygraphviz = pytest.importorskip("pygraphviz")
        source = draw_dot(Value(1.0, (Value(2.0, label=label),), label)).source
        svg = ElementTree.fromstring(pygraphviz.AGraph(string=source).draw(format="svg", prog="dot"))
        texts = ["".join(e.itertext()) for e in svg.iter("{http://www.w3.org/2000/svg}text")]
        cells = [cell for cells in read_dot(source).cells.values() for cell in cells]
        assert sorted(filter(None, map(squeezed, texts))) == sorted(filter(None, map(squeezed, cells)))


def squeezed(text: str) -> str:
    """Return `text` with the blanks that Graphviz drops or makes unbreakable left out."""
    return "".join(text.split())
