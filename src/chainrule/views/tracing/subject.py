"""What an explanation is about: a graph with its flow of gradients, its names, and what Python holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.graph import Excerpt, Value, excerpt, is_constant, is_leaf, op_of, topological_order
from chainrule.views.explaining.flow import Flow, flow_of_order, flow_of_trace, same
from chainrule.views.explaining.formulas import formula
from chainrule.views.tracing.groups import parameter_names
from chainrule.views.tracing.names import LONGEST_EXPRESSION, Scope, names_of, variables
from chainrule.views.tracing.numbers import number_text
from chainrule.views.tracing.trace import LIMIT, Trace, trace_of_part

# A gradient that differs is told of a few nodes only; the reason is the same for all.
MOST_REMARKS = 3
# A formula longer than a line explains nothing.
LONGEST_MADE = 80


class Subject:
    """A graph to explain.

    Attributes:
        values: its nodes, operands first; the output is the last.
        flow: their operands and slopes, by place in `values`.
        gradients: the output's derivative by each, None where it is unknown.
        trace: the same as data, None of a graph too large for that.
    """

    def __init__(self, output: Value, model: Any, scope: Scope) -> None:
        part = excerpt(output, LIMIT)
        self.trace: Trace | None = None
        self.name: Callable[[int], str]
        if not sum(part.missing):
            self.trace = trace = trace_of_part(part, model, scope)
            self.values: Sequence[Value] = part.nodes
            self.flow: Flow = flow_of_trace(trace)
            self.name = [node.name for node in trace.nodes].__getitem__
        else:
            self.values = topological_order(output, constants=False)
            self.flow = flow_of_order(self.values)
            self.name = _names_on_demand(self.values, model, scope)
        self.place = {id(value): place for place, value in enumerate(self.values)}
        self.output = output
        # backward() sets 1 at its root: other numbers there are of another output, or not computed yet
        self.held = [value.grad for value in self.values] if output.grad == 1.0 else None
        self.gradients = self.flow.gradients(self.held)

    def is_constant(self, place: int) -> bool:
        """Tell whether a node stands for a plain number."""
        return is_constant(self.values[place])

    def made(self, place: int) -> str:
        """Return what a node was made from, e.g. `a*b`; "" for a leaf and where that is long."""
        value = self.values[place]
        row = op_of(value)
        op = row.name if row is not None else "" if is_leaf(value) else "custom"
        operands = self.flow.operands[place]
        if self.trace is None and len(operands) < len(value._prev):  # constants have no place in a large graph
            return ""
        text = formula(op, value._op, [self.name(operand) for operand in operands[:LONGEST_EXPRESSION]])
        return text if len(operands) <= LONGEST_EXPRESSION and len(text) <= LONGEST_MADE else ""

    def legend(self, places: Sequence[int], most: int = 12) -> tuple[tuple[str, str], ...]:
        """Return the formulas of those nodes whose names are only numbers."""
        numbered = [place for place in dict.fromkeys(places) if self.name(place) == f"v{place}"]
        formulas = [(self.name(place), self.made(place)) for place in numbered[:most]]
        return tuple((name, made) for name, made in formulas if made)

    def remarks(self, places: Sequence[int]) -> tuple[str, ...]:
        """Return sentences on where Python's `grad` is not what is explained, and why."""
        output = self.name(len(self.values) - 1)
        if self.output.grad == 0.0:
            return (f"In Python these are not computed yet: {output}.backward() puts them into grad.",)
        if self.held is None:
            return (f"What Python holds in grad is of another output: its gradient by {output} is not 1.",)
        differing = []
        for place in places:
            held, explained = self.held[place], self.gradients[place]
            if explained is not None and not same(held, explained, abs(explained)):
                differing.append(self._difference(place, held, explained))
        more = len(differing) - MOST_REMARKS
        return tuple(differing[:MOST_REMARKS] + ([f"So it is with {more:,} more."] if more > 0 else []))

    def _difference(self, place: int, held: float, explained: float) -> str:
        name, digits = self.name(place), 10
        why = (
            "gradients add up over calls of backward() until zero_grad()"
            if is_leaf(self.values[place])
            else "something else than backward() changed it"
        )
        return f"Python holds {name}.grad = {number_text(held, digits)}, not {number_text(explained, digits)}: {why}."


def _names_on_demand(values: Sequence[Value], model: Any, scope: Scope) -> Callable[[int], str]:
    """Return what names a node of a graph that is too large to name all of them."""
    wanted = {id(value) for value in values}
    found = variables(scope, wanted)
    found.names.update(parameter_names(found.model if model is None else model, wanted))
    given: dict[int, str] = {}

    def name(place: int) -> str:
        if place not in given:
            [given[place]] = names_of(Excerpt([values[place]], [()], [1], 0), found, {}, [place])
        return given[place]

    return name
