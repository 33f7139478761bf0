"""The Stepper: a graph as one self-contained page in which a person plays both passes, asks, and changes numbers.

The page's own code lies in `stepper/`, a story in each file; they are put behind one another in `SCRIPTS`' order,
with the op table as JavaScript between them. Nothing is fetched from anywhere, and a policy in the page forbids it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from chainrule.files import PathLike, write_whole
from chainrule.graph import MOST_COUNTED, Value, excerpt, require_value
from chainrule.ops import TABLE
from chainrule.views.drawing.picture import legible
from chainrule.views.drawing.svg import escape
from chainrule.views.stepper.javascript import op_table_text
from chainrule.views.tracing.names import Scope, callers_scope
from chainrule.views.tracing.numbers import number_text
from chainrule.views.tracing.trace import Trace, trace_of_part

FOLDER = Path(__file__).with_name("assets")
SCRIPTS = (
    "dom",
    "ieee",
    "reductions",
    "graph",
    "words",
    "tree",
    "terms",
    "layers",
    "plan",
    "scene",
    "panel",
    "table",
    "search",
    "quiz",
    "controls",
    "main",
)
LONGEST_TITLE = 60
# No address may be asked for anything. Scripts are not limited to the page's own: people and their tools may
# script it (a label cannot: text only ever goes in as text, and the tests try).
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
# How large a graph a page holds as a whole, and how many connections are followed in a larger one.
MOST_NODES, MOST_CONNECTIONS, EXCERPT = 20_000, 120_000, 20_000


def to_html(root: Value, path: PathLike | None = None, model: Any = None) -> str:
    """Return the Stepper's page for the graph that ends in `root`, and write it to `path` if one is given.

    It opens at the end of what has been computed, forward, or forward and backward, and plays both.
    Of a graph with more than about 20,000 nodes it shows the part nearest to `root`, and says so.

    Args:
        root: where the graph ends.
        path: the file to write; it is replaced as a whole or not at all.
        model: the Module whose parameters name nodes and whose neurons and layers group them; where there is
            just one among the caller's variables, that one is found.

    Raises:
        NumberError: root is not a Value.
        WriteError: the file cannot be written.
    """
    require_value(root, "to_html")
    page = page_text(page_trace(root, model, callers_scope()))
    if path is not None:
        write_page(page, path)
    return page


def show(root: Value, model: Any = None) -> Path:
    """Open the Stepper for the graph that ends in `root` in the web browser; return the page's file.

    Raises:
        NumberError: root is not a Value.
    """
    require_value(root, "show")
    path = temporary_file()
    write_page(page_text(page_trace(root, model, callers_scope())), path)
    open_page(path)
    return path


def temporary_file() -> Path:
    """Return the path of a page in a new temporary folder."""
    import tempfile

    return Path(tempfile.mkdtemp(prefix="chainrule-")) / "stepper.html"


def write_page(page: str, path: PathLike) -> None:
    """Write a page to a file, which is replaced as a whole or not at all.

    Raises:
        WriteError: the file cannot be written.
    """
    write_whole(path, page.encode())


def open_page(path: Path) -> bool:
    """Open a page in the web browser; tell whether there is one."""
    import webbrowser

    return webbrowser.open(path.resolve().as_uri())


def page_trace(root: Value, model: Any, scope: Scope) -> Trace:
    """Return the trace for a page: of the whole graph, if its nodes are few, however many their connections."""
    part = excerpt(root, MOST_CONNECTIONS)
    if len(part.nodes) > MOST_NODES:
        part = excerpt(root, EXCERPT)
    return trace_of_part(part, model, scope)


def page_text(trace: Trace) -> str:
    """Return the page of a trace; equal traces give equal pages."""
    root = trace.nodes[trace.root]
    name = legible(root.name, LONGEST_TITLE)
    return Template((FOLDER / "page.html").read_text(encoding="utf-8")).substitute(
        policy=POLICY,
        title=escape(f"{name}: the chain rule, step by step"),
        name=escape(name),
        result=number_text(root.data).replace("-", "−"),
        about=escape(_about(trace)),
        graph=escape(f"The graph of {name}, {len(trace.nodes)} nodes"),
        truncated=_truncated(trace),
        style=_style(),
        script=_script(trace),
        trace=json_in_script(trace.to_json()),
    )


def json_in_script(data: Any) -> str:
    """Return JSON that may stand inside a `<script>`: nothing in it can end the element or begin a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    # Half of a pair of surrogates, which a Python string may hold, has no UTF-8.
    return text.encode("utf-8", "backslashreplace").decode()


def _script(trace: Trace) -> str:
    used = {node.op: TABLE[node.op] for node in trace.nodes if node.op in TABLE}
    rules = {
        name: {"formula": row.formula, "slopes": row.slopes, "arity": row.arity} for name, row in sorted(used.items())
    }
    return f'"use strict";\n(() => {{\nconst RULES = {json_in_script(rules)};\n{op_table_text()}{_own_script()}}})();\n'


@cache
def _own_script() -> str:
    return "\n".join((FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)


@cache
def _style() -> str:
    return (FOLDER / "page.css").read_text(encoding="utf-8")


def _about(trace: Trace) -> str:
    count = len(trace.nodes)
    nodes = f"{count:,} node{'' if count == 1 else 's'}"
    done = "forward and backward computed" if trace.backward else "forward computed, backward() not yet"
    return f"{nodes} · {done}"


def _truncated(trace: Trace) -> str:
    if trace.left_out is None:
        return ""
    left = "more than 100,000" if trace.left_out > MOST_COUNTED else f"{trace.left_out:,}"
    return (
        f'<p class="notice">This is the part of the graph nearest to its root: {left} nodes '
        "are left out. A gradient here lacks what would come back through those.</p>"
    )
