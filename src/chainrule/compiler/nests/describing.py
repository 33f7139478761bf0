"""Nests for people: loops, addresses, and what a run costs, one line a store."""

from __future__ import annotations

from math import prod

from chainrule.compiler.nests.nest import (
    Add,
    Address,
    Apply,
    Expression,
    Load,
    Nest,
    NestProgram,
    Number,
    loads,
    operations,
)
from chainrule.ops.row import BY_CODE


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


def _lines_of(number: int, nest: Nest, program: NestProgram) -> list[str]:
    steps = prod(nest.extents)
    flops = steps * sum({id(store.value): operations(store.value) for store in nest.stores}.values())
    reads = steps * sum({id(store.value): _reads(store.value) for store in nest.stores}.values())
    ragged = " ragged" if nest.counts is not None else ""
    extents = "×".join(map(str, nest.extents)) or "1"
    lines = [f"{number}: {extents}{ragged}, classes {nest.classes}, {flops} operations, {reads} loads"]
    return lines + [f"    {_address(s.address, program)} = {_text(s.value, program)}" for s in nest.stores]


def _reads(expression: Expression) -> int:
    return sum(prod(extent for each in around for extent in each.extents) for _, around in loads(expression))


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
