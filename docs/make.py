"""Makes what the pages take from the program: pictures, the table of ops, the README's figures.

`python docs/make.py` writes all of it anew; the tests compare what is committed with what this file makes.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from math import inf
from pathlib import Path

import chainrule as cr
from chainrule import Value
from chainrule.ops import Op, rows

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
RESULTS = ROOT / "bench" / "RESULTS.md"
README = ROOT / "README.md"


# Pictures that our own drawing makes: the same bytes on every machine


def sum_of_products() -> str:
    """The README's graph: a·b + c with its gradients."""
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    d = a * b + c
    d.backward()
    return cr.draw_dot(d).pipe(encoding="utf-8")


def shared_operand() -> str:
    """The guide's graph in which one number is used twice."""
    a = Value(3.0, label="a")
    b = a + a
    b.label = "b"
    c = a * b
    c.label = "c"
    c.backward()
    return cr.draw_dot(c).pipe(encoding="utf-8")


def two_paths() -> str:
    """The graph of the page on seeing, from top to bottom."""
    a, b = Value(-2.0, label="a"), Value(3.0, label="b")
    f = (a * b) * (a + b)
    f.backward()
    return cr.draw_dot(f, rankdir="TB").pipe(encoding="utf-8")


def neuron() -> str:
    """The lecture's neuron, from top to bottom so that it fits a page."""
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    n = x1 * w1 + x2 * w2 + b
    n.label = "n"
    o = n.tanh()
    o.label = "o"
    o.backward()
    return cr.draw_dot(o, rankdir="TB").pipe(encoding="utf-8")


DRAWINGS: dict[Path, Callable[[], str]] = {
    PICTURES / "sum-of-products.svg": sum_of_products,
    PICTURES / "shared-operand.svg": shared_operand,
    PICTURES / "two-paths.svg": two_paths,
    PICTURES / "neuron.svg": neuron,
}


def plot_moons() -> None:
    """Write the boundary of the network of micrograd's demo; matplotlib's bytes differ between machines."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from chainrule.data import moons
    from chainrule.nn import MLP

    X, classes = moons()
    random.seed(1337)
    model = MLP(2, [16, 16, 1])
    model.fit(X, 2 * classes - 1, epochs=100, verbose=0)
    cr.plot_boundary(model, X, 2 * classes - 1)
    plt.savefig(PICTURES / "moons.png", dpi=110)
    plt.close()


# The page of the op table

FUNCTIONS = """\
## Functions

Each is `cr.name(…)`; those of one operand are methods of `Value` too."""
OPERATORS = """\
## Operators

What `+ - * / **`, `-a` and `abs(a)` make."""
ANY_NUMBER = """\
## Any number of operands

`cr.sum`, `cr.dot` and `cr.logsumexp` make one node each, however many operands they have; a drawing shows it as
the products and sums that it stands for. `cr.mean` and `cr.softmax` are written with these ops."""
RECORDED = {"less", "less_equal", "equal", "detached"}
TRACED = """\
## In compiled functions

No function of the package; what a trace records for a comparison, and for `detach()`. They pass no gradient on."""
PARTS = """\
## Parts of derivatives

No function of the package; the derivatives of other rows need them, and these have derivatives themselves."""


def ops_page() -> str:
    """The table in `chainrule.ops` as a page for people."""
    head = """\
# The op table

*Made by `python docs/make.py` from the rows in [`src/chainrule/ops/`](../src/chainrule/ops/); change the rows,
not this page.*

Every operation that a graph can hold is one row. a, b, c are the operands in order and y is the result; the
local derivatives are ∂y/∂a, ∂y/∂b, ∂y/∂c. Outside its domain an op gives nan, as IEEE 754 says, and never an
exception; at a kink the derivative is PyTorch's. `_op` is what a node of the graph shows.

"""
    public = [row for row in rows() if row.public]
    inner = [row for row in rows() if not row.public and row.arity is not None]
    sections = {
        FUNCTIONS: public,
        OPERATORS: [row for row in inner if row.symbol != row.name and row.name not in RECORDED],
        ANY_NUMBER: [row for row in rows() if row.arity is None],
        TRACED: [row for row in inner if row.name in RECORDED],
        PARTS: [row for row in inner if row.symbol == row.name and row.name not in RECORDED],
    }
    return head + "\n\n".join(f"{title}\n\n{_table(members)}" for title, members in sections.items()) + "\n"


def _table(members: list[Op]) -> str:
    lines = ["| name | `_op` | y | local derivatives | domain | kinks |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{row.name}` | `{row.symbol}` | {_cell(row.formula)} | {_cell(' ; '.join(row.slopes))} "
        f"| {_domain(row)} | {_cell(', '.join(map(_kink, row.kinks)))} |"
        for row in members
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Return text for a cell of a table: a bar would end it, and a star would begin something."""
    return text.replace("|", "\\|").replace("*", "\\*")


def _kink(kink: object) -> str:
    return f"({', '.join(map(_kink, kink))})" if isinstance(kink, tuple) else f"{kink:g}"


def _domain(row: Op) -> str:
    parts = []
    for name, (low, high) in zip("abc", row.domain, strict=False):
        below = f"{_bound(low)} ≤ " if low != -inf else ""
        above = f" ≤ {_bound(high)}" if high != inf else ""
        if below or above:
            parts.append(f"{below}{name}{above}")
    return ", ".join(parts) or "all"


def _bound(number: float) -> str:
    return f"{number:g}".replace("-", "−")


# The README's figures

MINIMUM = re.compile(r" \((min [^)]*|[\d.]+×?)\)")  # beside a median
# The rows of bench/RESULTS.md that the README shows, by how they begin.
SHOWN = (
    "plain Python floats",
    "micrograd (",
    "micrograd's nn on chainrule's Value",
    "chainrule's MLP in the same loops",
    "chainrule's MLP, hinge, dot and SGD",
    "micrograd's nn on chainrule uncompiled",
    "scalargrad",
    "micrograd's nn on xad's Real",
    "micrograd's nn on torch's 0-d tensors",
    "a plain-Python Value with slots",
    "only Value swapped for chainrule's",
    "chainrule's Value, dot and Adam",
    "bytes a node",
    "a chain of 1,000 nodes",
    "a chain of 10,000,000 nodes",
    "100,000,000 nodes built, differentiated and dropped",
    "compiled step",
    "C by hand",
    "chainrule, eager",
    "JAX jit (",
    "torch (",
    "numpy by hand, BLAS with this processor's",
    "compiling the demo",
    "compiling the GPT",
    "compiling the digits",
    "1,000 demo steps",
    "the same, compiled before",
    "the same with JAX",
    "the same with torch",
)
BEGIN, END = "<!-- figures: made by docs/make.py from bench/RESULTS.md -->\n", "<!-- end of figures -->\n"


def readme_text() -> str:
    """The README with the figures that bench/RESULTS.md holds now."""
    text = README.read_text("utf-8")
    if not RESULTS.exists():
        return text
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{checked_figures(RESULTS.read_text('utf-8'))}{END}{after}"


def checked_figures(results: str) -> str:
    """Return the figures, or raise a ValueError if a row that the README shows is not in RESULTS.md."""
    shown = figures(results)
    for title in SHOWN:
        if f"\n| {title}" not in shown:
            raise ValueError(f"{RESULTS.name} has no row that begins with {title!r}: change SHOWN in {__file__}")
    return shown


def figures(results: str) -> str:
    """Return the rows that the README shows, with their section titles, out of the text of RESULTS.md.

    The columns are what was measured, the median, and the median ratio; minima and goals stay in RESULTS.md.
    """
    lines = ["| | median | ratio |", "|---|---|---|"]
    for line in results.splitlines():
        if line.startswith("|"):
            title, figure, ratio = (MINIMUM.sub("", cell).strip() for cell in line.split("|")[1:4])
            if title.startswith(("**", *SHOWN)):
                lines.append(f"| {title} | {figure} | {ratio} |")
    facts = [line for line in results.splitlines() if line.startswith("- ") and not line.startswith("- command")]
    # the part on compiled code says again what is the same for both
    return "\n".join([*lines, "", *dict.fromkeys(facts)]) + "\n"


def make() -> None:
    """Write everything anew."""
    PICTURES.mkdir(exist_ok=True)
    for path, draw in DRAWINGS.items():
        path.write_text(draw(), "utf-8")
    plot_moons()
    (ROOT / "docs" / "ops.md").write_text(ops_page(), "utf-8")
    README.write_text(readme_text(), "utf-8")


if __name__ == "__main__":
    make()
