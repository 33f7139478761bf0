"""Builds the gallery: one offline page of graphs, each with its picture, its program and its Stepper.

`make gallery`, or `python examples/gallery/build.py FOLDER`, and open FOLDER/index.html.
"""

from __future__ import annotations

import ast
import runpy
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import chainrule as cr

HERE = Path(__file__).parent
# The programs in the page's order, and what each calls the root of its graph.
GRAPHS = {
    "expression": "L",
    "doubled": "b",
    "two_paths": "f",
    "neuron_forward": "o",
    "neuron": "o",
    "tanh_in_pieces": "o",
    "network": "loss",
}


@dataclass(frozen=True)
class Graph:
    """One graph of the gallery.

    Attributes:
        name: of its program, without `.py`.
        title, story: the first line and the rest of the program's docstring.
        program: its text below the docstring.
        names: what the program calls things; `names[root]` is where the graph ends.
        root: see `names`.
    """

    name: str
    title: str
    story: str
    program: str
    names: dict[str, Any]
    root: str


def load(name: str) -> Graph:
    """Run a program of this folder and return its graph."""
    path = HERE / f"{name}.py"
    text = path.read_text("utf-8")
    module = ast.parse(text)
    title, _, story = (ast.get_docstring(module) or "").partition("\n\n")
    below = text.splitlines()[module.body[0].end_lineno :]
    program = "\n".join(below).strip()
    return Graph(
        name, title.removesuffix("."), " ".join(story.split()), program, runpy.run_path(str(path)), GRAPHS[name]
    )


def build(folder: Path) -> list[Graph]:
    """Write the page, and for each graph its drawing and its Stepper, into a folder; return the graphs."""
    folder.mkdir(parents=True, exist_ok=True)
    graphs = [load(name) for name in GRAPHS]
    for graph in graphs:
        root, model = graph.names[graph.root], graph.names.get("model")
        # From top to bottom the small ones fit beside their programs.
        drawing = cr.draw_dot(root, rankdir="TB" if model is None else "LR", expand=model is None)
        drawing.render(folder / f"{graph.name}.svg", cleanup=True)
        cr.to_html(root, folder / f"{graph.name}.html", model=model)
    cards = "".join(map(card, graphs))
    page = Template((HERE / "page.html").read_text("utf-8")).substitute(cards=cards)
    (folder / "index.html").write_text(page, "utf-8")
    return graphs


CARD = Template("""
<article id="$name">
<div class="text">
<h2>$title</h2>
<p>$story</p>
<p class="ways"><a class="main" href="$name.html">Step through it<span class="unseen">: $title</span></a>
<a href="$name.svg">The picture alone<span class="unseen">: $title</span></a></p>
<pre tabindex="0" aria-label="The program, $name.py"><code>$program</code></pre>
</div>
<a class="picture" href="$name.svg"><img src="$name.svg" alt="$picture"></a>
</article>
""")


def card(graph: Graph) -> str:
    """Return the part of the page that shows a graph."""
    root = graph.names[graph.root]
    picture = f"{graph.title}: every value from which {graph.root} = {root.data:.4f} was computed"
    texts = {
        "name": graph.name,
        "title": graph.title,
        "story": graph.story,
        "picture": picture,
        "program": graph.program,
    }
    return CARD.substitute({key: escape(text) for key, text in texts.items()})


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "gallery")
    print(f"{target / 'index.html'}: {len(build(target))} graphs")
