"""An optimizer's update as one native loop over all parameters, made from the optimizer's own rule."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.compiler.native.elementary import FUNCTIONS
from chainrule.compiler.native.lanes import Lanes
from chainrule.compiler.native.loading import key_of, machine_code, ready
from chainrule.compiler.native.machine import Machine
from chainrule.compiler.native.symbols import Graph, Node, Symbol, UndecidedError, float_of
from chainrule.compiler.native.text import Writer, constant, vector_type
from chainrule.errors import NotCompilableError

ARGUMENTS = "ptr %values, ptr %gradients, ptr %state, ptr %hyper, i64 %n"
PER_PARAMETER = 1  # the only 'dimension': nodes without it depend on hyperparameters alone


@dataclass(frozen=True)
class NativeUpdate:
    """A compiled update; its address is good as long as this object lives.

    Attributes:
        address: of `void f(double *values, double *gradients, double *state, double *hyper, int64 n)`; the arrays of
            the state lie one after another, each n long; hyper holds the numbers that the rule takes by name, in order.
        source: the LLVM text.
        seconds: how long compiling took.
    """

    address: int
    source: str = field(repr=False)
    seconds: float
    _code: Any = field(repr=False)


def compile_update(
    rule: Callable[..., tuple[Any, ...]],
    state_names: Sequence[str],
    operand_names: Sequence[str],
    *,
    width: int | None = None,
    cache: bool = True,
) -> NativeUpdate:
    """Return the machine code of an update rule, see `chainrule.optim`.

    Raises:
        NotCompilableError: there is no llvmlite, or the rule does more than apply ops.
    """
    began = time.perf_counter()
    machine = ready()
    text, name = update_text(rule, state_names, operand_names, machine, width or machine.width)
    code, _ = machine_code(text, machine, (name,), key_of(text, machine) if cache else None)
    return NativeUpdate(code.addresses[name], text, time.perf_counter() - began, code)


def update_text(
    rule: Callable[..., tuple[Any, ...]],
    state_names: Sequence[str],
    operand_names: Sequence[str],
    machine: Machine,
    width: int,
) -> tuple[str, str]:
    """Return the LLVM text of an update, and its function's name."""
    results = _results(rule, len(state_names), operand_names)
    writer = Writer("entry", ARGUMENTS, scale_width=machine.scale_width, fuses=machine.fuses)
    body = _Update(writer, results, width).write()
    stamp = hashlib.blake2b(body.encode(), digest_size=8).hexdigest()
    name = f"chainrule.{stamp}.update"
    return body.replace("@entry(", f"@{name}(", 1), name


def _results(rule: Callable[..., tuple[Any, ...]], states: int, names: Sequence[str]) -> list[Node]:
    """Run the rule on symbols and return the nodes of the new parameter and the new state."""
    graph = Graph()

    def symbol(array: str, number: int, dims: int) -> Symbol:
        return Symbol(graph, graph.node("load", (), (array, number), dims))

    own = [symbol("values", 0, PER_PARAMETER), symbol("gradients", 0, PER_PARAMETER)]
    own += [symbol("state", i, PER_PARAMETER) for i in range(states)]
    try:
        results = rule(*own, **{name: symbol("hyper", i, 0) for i, name in enumerate(names)})
    except UndecidedError as error:
        raise NotCompilableError(
            f"the optimizer's rule {getattr(rule, '__name__', rule)} looks at numbers: {error}"
        ) from error
    return [graph.lift(each) for each in results]


class _Update:
    """Writes the function of one update."""

    def __init__(self, writer: Writer, results: list[Node], width: int) -> None:
        self.writer = writer
        self.results = results
        self.width = width
        self.known: dict[int, Lanes] = {}
        self.reciprocals: dict[int, Lanes] = {}
        self.index = ""
        self.mask: Lanes | None = None

    def write(self) -> str:
        """Return the function's text."""
        writer, width = self.writer, self.width
        for node in _nodes(self.results):
            if not node.dims:
                self.known[node.number] = self._compute(node, 1)
            elif node.op == "divide" and not node.operands[1].dims:
                divisor = node.operands[1].number
                self.reciprocals[divisor] = 1.0 / self.known[divisor]
        outside = dict(self.known)
        full = writer.value(f"and i64 %n, {-width}")
        with writer.loop(full, width, may_be_empty=True) as loop:
            self.index = loop.index
            self._step(width)
        left = writer.value(f"sub i64 %n, {full}")
        with writer.loop(left, 1, may_be_empty=True) as loop:
            self.known = outside
            self.index = writer.value(f"add i64 {loop.index}, {full}")
            self._step(1)
        return "\n".join([writer.finish(), *sorted(writer.declarations), ""])

    def _step(self, lanes: int) -> None:
        self.known = dict(self.known)
        for node in _nodes(self.results):
            if node.number not in self.known:
                self.known[node.number] = self._compute(node, lanes)
        for i, node in enumerate(self.results):
            array, number = ("state", i - 1) if i else ("values", 0)
            value = self.known[node.number].as_number().spread(lanes)
            place = self._address(array, number)
            self.writer.line(f"store {value.type} {value.text}, ptr {place}, align 8")

    def _compute(self, node: Node, lanes: int) -> Lanes:
        writer = self.writer
        if node.op == "number":
            return Lanes(writer, constant(float_of(node), 1), 1, "double", float_of(node))
        if node.op == "load":
            array, number = node.detail
            place = self._address(array, number)
            count = lanes if node.dims else 1
            return Lanes(writer, writer.value(f"load {vector_type(count)}, ptr {place}, align 8"), count)
        operands = [self.known[each.number] for each in node.operands]
        if node.op == "divide" and node.dims and not node.operands[1].dims:  # one division before the loop
            return operands[0] * self.reciprocals[node.operands[1].number]
        if node.op == "call":
            return self._call(node.detail, operands)
        if node.op == "sum":
            total = operands[0]
            for each in operands[1:]:
                total = total + each
            return total
        if node.op != "where":
            operands = [each.as_number() for each in operands]
        return FUNCTIONS[node.op](*operands)

    def _call(self, name: str, operands: list[Lanes]) -> Lanes:
        if any(each.lanes > 1 for each in operands):
            raise NotCompilableError(f"the optimizer's rule applies '{name}' to parameters, which has no vector code")
        self.writer.declare(f"declare double @{name}({', '.join(['double'] * len(operands))}) nounwind")
        arguments = ", ".join(f"double {each.text}" for each in operands)
        return Lanes(self.writer, self.writer.pure(f"call double @{name}({arguments})"))

    def _address(self, array: str, number: int) -> str:
        pure = self.writer.pure
        if array == "hyper":
            return pure(f"getelementptr double, ptr %hyper, i64 {number}")
        place = f"%{array}"
        if number:
            place = pure(f"getelementptr double, ptr {place}, i64 {pure(f'mul i64 %n, {number}')}")
        return pure(f"getelementptr double, ptr {place}, i64 {self.index}")


def _nodes(results: Sequence[Node]) -> Iterator[Node]:
    """Yield all nodes, operands before users: numbers are given in that order."""
    found = {node.number: node for node in results}
    stack = list(results)
    while stack:
        for each in stack.pop().operands:
            if each.number not in found:
                found[each.number] = each
                stack.append(each)
    for number in sorted(found):
        yield found[number]
