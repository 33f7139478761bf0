"""Nests for people: loops, addresses, and what a run costs, one line a store."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from chainrule.compiler.nests.nest import Add, Address, Apply, Expression, Load, Nest, NestProgram, Number, Reduce
from chainrule.ops.row import BY_CODE

if TYPE_CHECKING:
    from collections.abc import Iterator


def describe(program: NestProgram) -> str:
    """Return the whole program as text."""
    tables = sum(map(len, program.tables))
    sizes = f"arena {program.arena}, values {program.values}, constants {len(program.constants)}, tables {tables}"
    lines = [sizes]
    for number, nest in enumerate(program.nests):
        if number == program.forward:
            lines.append("gradients:")
        lines += _lines_of(number, nest, program)
    return "\n".join(lines)


def loads(expression: Expression, steps: int = 1) -> Iterator[tuple[Address, int]]:
    """Yield each address that an expression reads, and how many times it does in one step of the nest."""
    if isinstance(expression, Load):
        yield expression.address, steps
    elif isinstance(expression, Apply):
        for each in expression.operands:
            yield from loads(each, steps)
    elif isinstance(expression, Add):
        for each in expression.terms:
            yield from loads(each, steps)
    elif isinstance(expression, Reduce):
        yield from loads(expression.body, steps * prod(expression.extents))


def operations(expression: Expression) -> int:
    """Return how many operations an expression takes in one step of the nest."""
    if isinstance(expression, Apply):
        return 1 + sum(map(operations, expression.operands))
    if isinstance(expression, Add):
        return len(expression.terms) - 1 + sum(map(operations, expression.terms))
    if isinstance(expression, Reduce):
        return prod(expression.extents) * (1 + operations(expression.body))
    return 0


def _lines_of(number: int, nest: Nest, program: NestProgram) -> list[str]:
    steps = prod(nest.extents)
    flops = steps * sum({id(store.value): operations(store.value) for store in nest.stores}.values())
    reads = steps * sum({id(s.value): sum(n for _, n in loads(s.value)) for s in nest.stores}.values())
    ragged = " ragged" if nest.counts is not None else ""
    extents = "×".join(map(str, nest.extents)) or "1"
    lines = [f"{number}: {extents}{ragged}, classes {nest.classes}, {flops} operations, {reads} loads"]
    return lines + [f"    {_address(s.address, program)} = {_text(s.value, program)}" for s in nest.stores]


def _address(address: Address, program: NestProgram) -> str:
    region = program.buffers[address.buffer].region.value
    table = "" if address.table is None else f" + t{address.table}{_strides(address.table_strides)}"
    return f"{region}{address.buffer}[{address.base} {_strides(address.strides)}{table}]"


def _strides(strides: tuple[int, ...]) -> str:
    return "(" + " ".join(map(str, strides)) + ")"


def _text(expression: Expression, program: NestProgram) -> str:
    if isinstance(expression, Number):
        return f"{expression.number:g}"
    if isinstance(expression, Load):
        return _address(expression.address, program)
    if isinstance(expression, Apply):
        row = BY_CODE[expression.rule.code]
        name = row.name if expression.rule.slope is None else f"{row.name}.slope{expression.rule.slope}"
        return f"{name}({', '.join(_text(each, program) for each in expression.operands)})"
    if isinstance(expression, Add):
        return " + ".join(_text(each, program) for each in expression.terms)
    name = "largest" if expression.largest else "sum"
    ragged = " ragged" if expression.counts is not None else ""
    return f"{name}<{'×'.join(map(str, expression.extents))}{ragged}>({_text(expression.body, program)})"
