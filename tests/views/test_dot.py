"""What is drawn: the graph read back from its DOT text, number by number and edge by edge."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

import chainrule as cr
from chainrule.engine import Value, is_constant, topological_order
from chainrule.errors import ArgumentError, NumberError
from chainrule.views.drawing import picture
from chainrule.views.drawing.dot import LIMIT, draw_dot
from tests.programs import run_python
from tests.views.pictures import HOSTILE, Read, lesson, neuron, random_graphs, read_dot, weighted


def drawn(root: Value, *, expand: bool = True) -> Read:
    """Return what the drawing of `root` says."""
    return read_dot(draw_dot(root, expand=expand).source)


def boxes(read: Read) -> list[list[str]]:
    """Return the cells of the boxes, in their order."""
    return [cells for name, cells in read.cells.items() if not name.endswith("_op")]


def test_the_lesson() -> None:
    read = drawn(lesson())
    assert boxes(read) == [
        ["a", "data 2.0000", "grad 0.0000"],
        ["b", "data -3.0000", "grad 0.0000"],
        ["e", "data -6.0000", "grad 0.0000"],
        ["c", "data 10.0000", "grad 0.0000"],
        ["d", "data 4.0000", "grad 0.0000"],
        ["f", "data -2.0000", "grad 0.0000"],
        ["L", "data -8.0000", "grad 0.0000"],
    ]
    assert read.rankdir == "LR"
    for result, symbol, operands in [("e", "*", "ab"), ("d", "+", "ec"), ("L", "*", "df")]:
        [operation] = read.operands(read.with_label(result))
        assert read.cells[operation] == [symbol]
        assert [read.cells[name][0] for name in read.operands(operation)] == list(operands)


def test_the_neuron_before_and_after_backward() -> None:
    root = neuron()
    before = drawn(root)
    assert {cells[2] for cells in boxes(before)} == {"grad 0.0000"}
    assert before.cells[before.with_label("o")][1] == "data 0.7071"
    root.backward()
    after = {cells[0]: cells[1:] for cells in boxes(drawn(root))}
    assert after == {
        "x1": ["data 2.0000", "grad -1.5000"],
        "w1": ["data -3.0000", "grad 1.0000"],
        "x1*w1": ["data -6.0000", "grad 0.5000"],
        "x2": ["data 0.0000", "grad 0.5000"],
        "w2": ["data 1.0000", "grad 0.0000"],
        "x2*w2": ["data 0.0000", "grad 0.5000"],
        "x1*w1 + x2*w2": ["data -6.0000", "grad 0.5000"],
        "b": ["data 6.8814", "grad 0.5000"],
        "n": ["data 0.8814", "grad 0.5000"],
        "o": ["data 0.7071", "grad 1.0000"],
    }


def test_a_plus_a_has_two_edges_from_one_box() -> None:
    a = Value(3.0, label="a")
    root = a + a
    root.label = "b"
    root.backward()
    read = drawn(root)
    assert boxes(read) == [["a", "data 3.0000", "grad 2.0000"], ["b", "data 6.0000", "grad 1.0000"]]
    assert read.edges == [("v0", "v1_op"), ("v0", "v1_op"), ("v1_op", "v1")]


def test_a_root_without_a_graph_is_one_box() -> None:
    read = drawn(Value(4.0, label="alone"))
    assert read.cells == {"v0": ["alone", "data 4.0000", "grad 0.0000"]}
    assert read.edges == []


def test_a_constant_says_so_and_has_no_gradient() -> None:
    read = drawn(2.0 * Value(3.0, label="x"))
    assert ["constant", "data 2.0000"] in boxes(read)
    assert read.attributes["v0"]["style"] == "dashed"


def test_a_power_has_one_operand_and_no_constant() -> None:
    read = drawn(Value(3.0, label="x") ** 2)
    assert read.cells["v1_op"] == ["**2"]
    assert read.operands("v1_op") == ["v0"]


def test_an_op_of_the_users_is_drawn_by_its_name() -> None:
    a = Value(1.0, label="a")
    read = drawn(Value(2.0, (a, a), "twice"))
    assert read.cells["v1_op"] == ["twice"]
    assert read.operands("v1_op") == ["v0", "v0"]


def test_operands_without_an_op_lead_into_the_box() -> None:
    assert drawn(Value(2.0, (Value(1.0),))).edges == [("v0", "v1")]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_not_finite_numbers_print(number: float) -> None:
    leaf = Value(number)
    leaf.grad = number
    assert boxes(drawn(leaf)) == [["", f"data {number}", f"grad {number}"]]


def test_a_huge_number_has_an_exponent_and_not_300_digits() -> None:
    assert boxes(drawn(Value(-1e300)))[0][1] == "data -1.0000e+300"
    assert boxes(drawn(Value(123456789.5)))[0][1] == "data 123456789.5000"


def evaluated(read: Read, name: str) -> float:
    """Compute a box's data from the boxes before it, by the drawn products and sums alone."""
    cells = read.cells[name]
    entry = read.operands(name)
    if not entry:
        return float(cells[1].removeprefix("data "))
    numbers = [evaluated(read, operand) for operand in read.operands(entry[0])]
    symbol = read.cells[entry[0]][0]
    assert symbol in {"+", "*"}
    return sum(numbers) if symbol == "+" else numbers[0] * numbers[1]


@pytest.mark.parametrize("start", [None, 0.5])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_dot_is_drawn_as_products_and_a_running_sum(count: int, start: float | None) -> None:
    root = weighted(count, start)
    read = drawn(root)
    additions = count - 1 + (start is not None)
    symbols = [cells[0] for name, cells in read.cells.items() if name.endswith("_op")]
    assert (symbols.count("*"), symbols.count("+"), len(symbols)) == (count, additions, count + additions)
    assert all(len(read.operands(name)) == 2 for name in read.cells if name.endswith("_op"))
    name = list(read.cells)[-1]
    assert evaluated(read, name) == root.data
    for inner, cells in read.cells.items():
        if len(cells) == 3 and read.operands(inner):
            assert float(cells[1].removeprefix("data ")) == evaluated(read, inner)
            assert cells[2] == "grad 3.0000"


def test_dot_begins_with_its_start() -> None:
    read = drawn(weighted(2))
    assert read.cells[read.operands("v5_sum0_op")[0]][0] == "b"
    assert read.operands("v5_sum0_op")[1] == "v5_product0"
    assert read.operands("v5_op") == ["v5_sum0", "v5_product1"]


def test_sum_is_drawn_as_a_running_sum() -> None:
    root = cr.sum([Value(float(k), label=f"t{k}") for k in range(4)])
    assert isinstance(root, Value)
    root.backward()
    read = drawn(root)
    assert [read.cells[name][1:] for name in ("v4_sum0", "v4_sum1", "v4")] == [
        ["data 1.0000", "grad 1.0000"],
        ["data 3.0000", "grad 1.0000"],
        ["data 6.0000", "grad 1.0000"],
    ]
    assert read.operands("v4_sum1_op") == ["v4_sum0", "v2"]


@pytest.mark.parametrize(("name", "make"), [("sum", cr.sum), ("dot", lambda xs: cr.dot(xs, xs))])
def test_one_node_when_not_expanded(name: str, make: object) -> None:
    xs = [Value(1.0), Value(2.0)]
    root = make(xs)  # type: ignore[operator]
    read = drawn(root, expand=False)
    assert read.cells["v2_op"] == [name]
    assert read.operands("v2_op") == [f"v{topological_order(root).index(o)}" for o in root._prev]
    assert set(read.cells) == {"v0", "v1", "v2", "v2_op"}


def test_a_sum_of_one_and_a_users_op_called_dot_are_not_expanded() -> None:
    a = Value(1.0)
    assert drawn(cr.sum([a])).edges == [("v0", "v1_op"), ("v1_op", "v1")]
    assert drawn(Value(1.0, (a, a), "dot")).cells["v1_op"] == ["dot"]


@given(random_graphs())
def test_what_is_read_back_is_the_graph(root: Value) -> None:
    read = drawn(root, expand=False)
    order = topological_order(root)
    names = {node: f"v{k}" for k, node in enumerate(order)}
    expected = []
    for node in order:
        name = names[node]
        cells = read.cells[name]
        numbers = [f"data {picture.figure(node.data)}"]
        numbers += [] if is_constant(node) else [f"grad {picture.figure(node.grad)}"]
        assert cells[-len(numbers) :] == numbers
        entry = f"{name}_op" if node._op else name
        expected += [(names[operand], entry) for operand in node._prev]
        expected += [(entry, name)] if node._op else []
        assert (f"{name}_op" in read.cells) == bool(node._op)
    assert read.edges == expected


@given(random_graphs())
def test_expansion_changes_no_box_of_the_graph(root: Value) -> None:
    expanded, plain = drawn(root), drawn(root, expand=False)
    names = [name for name in plain.cells if not name.endswith("_op")]
    assert {name: expanded.cells[name] for name in names} == {name: plain.cells[name] for name in names}


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_stay_one_cell(label: str) -> None:
    a = Value(1.0, label=label)
    root = Value(2.0, (a, a), label)
    read = drawn(root)
    assert len(read.cells) == 3
    assert len(read.cells["v0"]) == 3
    shown = read.cells["v0"][0]
    assert read.cells["v1_op"] == [shown]
    assert len(shown) <= picture.LONGEST_TEXT
    if label.isprintable() and len(label) < picture.LONGEST_TEXT:
        assert shown == label


def test_what_cannot_be_written_is_replaced() -> None:
    assert picture.legible("a\nb\tc\x00\ud800\ufffe\u202e", 40) == "a↵b\ufffdc\ufffd\ufffd\ufffd\ufffd"
    assert picture.legible("x" * 100, 5) == "xxxx…"


PROGRAM = """
import warnings
warnings.simplefilter("ignore")
from tests.views.pictures import neuron, weighted
from chainrule.views.drawing.dot import draw_dot
for root in (neuron(), weighted(5)):
    print(draw_dot(root).source, draw_dot(root).pipe(encoding="utf-8"))
"""


def test_every_process_draws_the_same_bytes() -> None:
    outputs = set()
    for seed in ("0", "1", "random"):
        done = run_python(PROGRAM, environment={"PYTHONHASHSEED": seed})
        assert done.returncode == 0, done.stderr
        outputs.add(done.stdout)
    assert len(outputs) == 1


def test_a_huge_graph_is_an_excerpt_that_says_so() -> None:
    step = node = Value(1.0, label="step")
    for _ in range(3_000):
        node = node + step
    read = drawn(node)
    [rest] = read.cells["rest"]
    shown = len(boxes(read)) - 1
    assert rest == f"{3_001 - shown:,} more values"
    assert len(read.edges) < 2 * LIMIT
    assert read.cells[list(read.cells)[-1]][1] == "data 3001.0000"


def test_an_nary_node_too_large_to_draw_is_cut_and_says_so() -> None:
    root = cr.sum([Value(1.0) for _ in range(5_000)])
    assert isinstance(root, Value)
    read = drawn(root)
    assert read.cells["rest"] == ["4,000 more values"]
    assert read.cells["v1000_op"] == ["sum and 4,000 more"]
    assert ("rest", "v1000_op") in read.edges


def test_connections_left_out_between_drawn_values_are_said() -> None:
    shared = [Value(1.0) for _ in range(40)]
    root = cr.sum([Value(1.0, shared, "own") for _ in range(40)])
    assert isinstance(root, Value)
    assert drawn(root).cells["rest"] == ["more connections"]


@pytest.mark.parametrize("root", [3.0, None, "x", [1.0], [Value(1.0)]])
def test_what_is_no_value_is_refused(root: object) -> None:
    with pytest.raises(NumberError, match=r"draw_dot\(\)"):
        draw_dot(root)  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [{"format": "tiff"}, {"rankdir": "up"}])
def test_unknown_formats_and_directions_are_refused(arguments: dict[str, str]) -> None:
    [wrong] = arguments.values()
    with pytest.raises(ArgumentError, match=f"'{wrong}'.*give one of"):
        draw_dot(Value(1.0), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("rankdir", ["LR", "RL", "TB", "BT"])
def test_the_direction_is_passed_on(rankdir: str) -> None:
    assert read_dot(draw_dot(lesson(), rankdir=rankdir).source).rankdir == rankdir


def test_view_opens_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    drawing = draw_dot(Value(2.0) * 3.0)
    path = drawing.render("graph", tmp_path, True, True)
    assert opened == [Path(path).as_uri()]
    assert drawing.view("graph", tmp_path, cleanup=True) == path
    assert opened == [Path(path).as_uri()] * 2
    assert [each.name for each in tmp_path.iterdir()] == ["graph.svg"]
