"""The scan: which rows become scalars of which class."""

from __future__ import annotations

from collections import Counter

from chainrule import Value, dot, logsumexp, maximum, sum
from chainrule.compiler.classes import Kind
from chainrule.compiler.raising.scan import Irregular, Scan, scan
from chainrule.engine import apply
from chainrule.ops import TABLE
from tests.compiler.raising.eager import program_of


def scanned(results: list[Value], values: list[Value], inputs: list[Value] | None = None) -> Scan:
    found = scan(program_of(results, values, inputs or []), 100)
    assert isinstance(found, Scan)
    return found


def counts(found: Scan) -> Counter[str]:
    """How many scalars there are of each kind, maps by the name of their op."""
    names = []
    for number in found.classes.tolist():
        shape = found.shapes[number]
        names.append(list(TABLE)[shape.code - 1] if shape.kind is Kind.MAP else shape.kind.value)
    return Counter(names)


def leaves(count: int) -> list[Value]:
    return [Value(0.1 + 0.2 * k) for k in range(count)]


def test_additions_used_once_join_their_root() -> None:
    a, b, c, d = leaves(4)
    found = scanned([(a + b) + (c + (d + a))], [a, b, c, d])
    assert counts(found) == {"value": 4, "sum": 1}
    assert found.operands.tolist() == [0, 1, 2, 3, 0]


def test_additions_used_twice_are_scalars_of_their_own() -> None:
    a, b, c = leaves(3)
    both = a + b
    assert counts(scanned([both + c + both], [a, b, c]))["sum"] == 2
    assert counts(scanned([both + c, both], [a, b, c]))["sum"] == 2


def test_a_dot_product_is_products_and_its_start_is_a_term() -> None:
    v = leaves(6)
    found = scanned([dot(v[:2], v[2:4], v[4] + v[5])], v)
    assert counts(found) == {"value": 6, "multiply": 2, "sum": 1}
    assert len(found.operands) == 2 * 2 + 4


def test_sums_in_a_sum_leave_their_terms_to_it_in_order() -> None:
    v = leaves(5)
    found = scanned([sum([v[0], dot([v[1]], [v[2]], v[3]), logsumexp([v[4], v[0]])])], v)
    last = found.operands[found.starts[-2] :].tolist()
    kinds = [found.shapes[found.classes[each]].kind for each in last]
    assert kinds == [Kind.VALUE, Kind.VALUE, Kind.MAP, Kind.MAX, Kind.MAP]
    assert counts(found)["sum"] == 2  # the other one adds the exponentials


def test_many_subtractions_are_a_sum_of_negatives() -> None:
    v = leaves(5)
    found = scanned([(v[0] - v[1] + v[0] - v[2] - v[3]) - v[4]], v)
    assert counts(found) == {"value": 5, "negative": 4, "sum": 1}
    last = found.operands[found.starts[-2] :].tolist()
    kinds = [found.shapes[found.classes[each]].kind for each in last]
    assert kinds == [Kind.VALUE, Kind.MAP, Kind.VALUE, Kind.MAP, Kind.MAP, Kind.MAP]
    assert [int(found.operands[found.starts[each]]) for each in last[3:]] == [each - 1 for each in last[3:]]


def test_few_subtractions_stay() -> None:
    v = leaves(4)
    assert counts(scanned([v[0] - v[1] - v[2] - v[3]], v)) == {"value": 4, "subtract": 3}


def test_losses_that_a_loop_subtracts_are_few_classes() -> None:
    """Also where it adds something in between, and where somebody looks at what it has so far."""
    v = leaves(40)
    total, middle = v[0] * 0.0, v[0]
    for number, each in enumerate(v):
        total = total - each.log() + each * each
        if number == 20:
            middle = total
    found = scanned([total, middle], v)
    assert len(found.shapes) == 8  # one of them a sum with, one without what came before
    assert counts(found)["sum"] == 2
    assert counts(found)["subtract"] == 0


def test_maxima_are_one_maximum_only_where_no_gradient_passes() -> None:
    v = leaves(4)
    largest = maximum(maximum(v[0], v[1]), maximum(v[2], v[3]))
    assert counts(scanned([largest], v)) == {"value": 4, "maximum": 3}
    assert counts(scanned([apply(TABLE["detached"], [largest])], v)) == {"value": 4, "max": 1}


def test_what_has_no_gradient_needs_no_detaching() -> None:
    a, x = leaves(2)
    detached = TABLE["detached"]
    found = scanned([a * apply(detached, [x]) + a * apply(detached, [a * x])], [a], [x])
    assert counts(found) == {"value": 1, "input": 1, "multiply": 3, "max": 1, "sum": 1}


def test_rows_that_no_output_needs_are_left_out() -> None:
    a, b = leaves(2)
    program = program_of([a * b, a.exp()], [a, b])
    program.outputs[0] = program.outputs[1]
    found = scan(program, 100)
    assert isinstance(found, Scan)
    assert counts(found) == {"value": 1, "exp": 1}


def test_sums_with_the_same_set_of_terms_are_of_one_class() -> None:
    v = leaves(4)
    squares = [x * x for x in v]
    found = scanned([sum([v[0], squares[0]]), sum([squares[1], v[1], squares[2]])], v)
    assert [shape.kind for shape in found.shapes].count(Kind.SUM) == 1


def test_products_do_not_depend_on_the_order_of_factors() -> None:
    a, x = leaves(2)
    assert len(scanned([(a * x).exp(), (x * a).exp()], [a], [x]).shapes) == 4


def test_many_classes_do_not_collide() -> None:
    """More keys than the first table of the engine holds."""
    a = y = Value(0.5)
    for _ in range(1500):
        y = (y * a).tanh()
    found = scan(program_of([y], [a]), 5000)
    assert isinstance(found, Scan)
    assert len(found.shapes) == 3001
    assert found.classes.tolist() == list(range(3001))


def test_too_many_classes_end_the_scan() -> None:
    a = y = Value(0.5)
    for _ in range(50):
        y = (y * a).tanh()
    found = scan(program_of([y], [a]), 20)
    assert isinstance(found, Irregular)
    assert found.rows == 101
