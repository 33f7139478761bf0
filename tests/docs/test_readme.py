"""The README has its parts in order, its figures from the benchmark, and says of micrograd what micrograd does."""

from __future__ import annotations

import re

import micrograd.engine
import pytest

import chainrule
from chainrule import Value
from chainrule.cli import COMMANDS
from tests.docs.pages import ROOT, blocks

README = (ROOT / "README.md").read_text("utf-8")
PARTS = [
    "chainrule",
    "Two commands",
    "Ten lines",
    "Compiled",
    "Figures",
    "Deliberate differences from micrograd",
    "What does not work yet",
]


def test_parts_stand_in_order() -> None:
    prose = "".join(part for place, part in enumerate(README.split("```")) if place % 2 == 0)
    assert re.findall(r"^##? (.+)$", prose, re.MULTILINE) == PARTS


def test_it_begins_with_three_lines_and_one_picture() -> None:
    title, lines, picture, *_ = README.split("\n\n")
    assert title == "# chainrule"
    assert len(lines.splitlines()) == 3
    assert picture.startswith("![")
    assert README.count("\n![") == 1


def test_two_pictures_of_the_gallery_follow_the_ten_lines() -> None:
    pictures = re.findall(r"^\[!\[.+\]\(docs/pictures/(\w+)\.\w+\)\]\(docs/seeing\.md\)$", README, re.MULTILINE)
    assert pictures == ["stepper", "neuron"]
    assert README.index("## Ten lines") < README.index("docs/pictures/stepper.png") < README.index("## Figures")


def test_ten_lines_are_ten() -> None:
    first = next(block for block in blocks(README) if block.kind == "python")
    assert len([line for line in first.content.splitlines() if line.strip()]) == 10


def test_two_commands_are_two() -> None:
    first = next(block for block in blocks(README) if block.kind == "sh")
    assert [line.partition(" #")[0].strip() for line in first.content.splitlines()] == ["make demo", "make test"]


def test_picture_is_what_the_ten_lines_draw() -> None:
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    d = a * b + c
    d.backward()
    picture = re.findall(r"!\[.*\]\((.+)\)", README)[0]
    assert (ROOT / picture).read_text("utf-8") == chainrule.draw_dot(d).pipe(encoding="utf-8")


def test_what_does_not_work_is_not_there() -> None:
    section = README.partition("## What does not work yet")[2]
    names = re.findall(r"`cr\.(\w+)`", section)
    assert "grad" in names
    assert [name for name in names if hasattr(chainrule, name)] == []
    commands = re.search(r"The command line knows (.+)\.$", section, re.MULTILINE)
    assert commands is not None
    assert re.findall(r"`(\w+)`", commands.group(1)) == [each.__name__.rpartition(".")[2] for each in COMMANDS]


# What the README says of micrograd

Upstream = micrograd.engine.Value


def test_micrograd_keeps_a_set_of_operands() -> None:
    a = Upstream(2.0)
    assert (a * a)._prev == {a}


def test_micrograd_builds_minus_and_divide_from_others() -> None:
    a, b = Upstream(2.0), Upstream(3.0)
    assert [(a - b)._op, (a / b)._op] == ["+", "*"]


def test_micrograd_prints_what_it_was_given() -> None:
    assert repr(Upstream(2)) == "Value(data=2, grad=0)"


def test_second_backward_in_micrograd_adds_inside_too() -> None:
    a, b = Upstream(2.0), Upstream(3.0)
    c = a * b
    d = c + c
    d.backward()
    d.backward()
    assert a.grad == 18


def test_micrograd_leaves_ieee_754() -> None:
    assert isinstance((Upstream(-8.0) ** 0.5).data, complex)
    with pytest.raises(ZeroDivisionError):
        Upstream(0.0) ** -1


def test_every_value_of_micrograd_is_true() -> None:
    assert Upstream(0.0)


def test_constants_of_micrograd_have_gradients() -> None:
    y = Upstream(2.0) * 5
    y.backward()
    assert sorted(operand.grad for operand in y._prev) == [2, 5]


def test_micrograd_reads_data_in_the_backward_pass() -> None:
    p, q = Upstream(2.0), Upstream(3.0)
    y = p * q
    p.data = 100.0
    y.backward()
    assert q.grad == 100
