"""`explain`: a gradient in words and numbers, as the sum over paths or node by node."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from chainrule.errors import ArgumentError, NumberError
from chainrule.graph import Value, is_constant, require_value
from chainrule.views.drawing.picture import legible
from chainrule.views.explaining.explained import Factor, GraphSum, NodeSum, Order, Path, PathSum, Term
from chainrule.views.explaining.flow import Share, rest
from chainrule.views.explaining.html import html_of
from chainrule.views.explaining.latex import latex_of
from chainrule.views.explaining.paths import Paths, Step, product
from chainrule.views.explaining.text import text_of
from chainrule.views.tracing.names import LONGEST_NAME, Scope, callers_scope, variables
from chainrule.views.tracing.numbers import DIGITS, number_text
from chainrule.views.tracing.subject import Subject

MOST_PATHS = 8
MOST_FACTORS = 12
MOST_NODES = 100
MOST_TERMS = 6


class Explanation:
    """What `explain` gives: its `str()` is the text, a notebook shows the HTML.

    Attributes:
        parts: the same as data, one for each node asked for.
        digits: how many significant digits numbers have.
    """

    def __init__(self, parts: Sequence[PathSum | GraphSum], digits: int) -> None:
        self.parts = tuple(parts)
        self.digits = digits

    def __str__(self) -> str:
        return "\n\n".join(text_of(part, self.digits) for part in self.parts)

    __repr__ = __str__

    @property
    def latex(self) -> str:
        """The formulas for LaTeX's math mode, an `aligned` block each, without the dollars around them."""
        return "\n\n".join(latex_of(part, self.digits) for part in self.parts)

    @property
    def html(self) -> str:
        """A piece of HTML with tables, without scripts or colours, for any page."""
        return "".join(html_of(part, self.digits) for part in self.parts)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the explanation as lists, dicts and plain numbers."""
        return [part.to_json() for part in self.parts]

    def _repr_html_(self) -> str:
        return self.html

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude  # the caller chooses among all of these
        blocks = "\n".join(f"$$\n{latex_of(part, self.digits)}\n$$" for part in self.parts)
        return {"text/html": self.html, "text/latex": blocks, "text/plain": str(self)}


def explain(
    output: Value,
    wrt: Value | Sequence[Value] | None = None,
    *,
    model: Any = None,
    digits: int = DIGITS,
) -> Explanation:
    """Explain the gradient of `output`: by `wrt` as the sum over paths, or every node with what it received.

    The numbers are the local derivatives that the engine uses, multiplied and added up again: they are there
    before `backward()` too, and where Python's `grad` holds something else, the explanation says so.
    Variables of the caller name what has no label.

    Args:
        output: the Value whose gradient is explained.
        wrt: a Value it was computed from, or a list of these.
        model: the Module whose `named_parameters()` name nodes; one in the caller's variables is found.
        digits: significant digits of the numbers in text, LaTeX and HTML.

    Raises:
        NumberError: output or wrt is not a Value.
        ArgumentError: no digits, or wrt is an empty list.
    """
    require_value(output, "explain")
    if not 1 <= digits <= 17:
        raise ArgumentError(f"explain() got digits={digits}: give 1 to 17")
    targets = _targets(wrt)
    scope = callers_scope()
    subject = Subject(output, model, scope)
    if targets is None:
        return Explanation([_graph_sum(subject)], digits)
    return Explanation([_path_sum(subject, target, scope) for target in targets], digits)


def _targets(wrt: Any) -> list[Value] | None:
    if wrt is None or isinstance(wrt, Value):
        return None if wrt is None else [wrt]
    targets = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    if not targets:
        raise ArgumentError("explain() got an empty list as wrt: give the Values to differentiate by, or leave it out")
    for target in targets:
        if not isinstance(target, Value):
            raise NumberError(
                f"explain() differentiates by a Value, and got wrt={target!r:.60} of type "
                f"'{type(target).__name__}': give a Value that the output was computed from, or a list of these"
            )
    return targets


def _path_sum(subject: Subject, target: Value, scope: Scope) -> PathSum:
    """Return the gradient by one node as the sum over the largest paths and the rest."""
    root = subject.flow.root
    output = subject.name(root)
    place = subject.place.get(id(target))
    if place is None or subject.is_constant(place):
        return _independent(target, output, scope)
    gradient = subject.gradients[place]
    paths = Paths(subject.flow, place)
    steps = list(islice(paths.largest_first(), MOST_PATHS))
    products = [product(each) for each in steps]
    others = paths.number - len(steps)
    partial = _ambiguous(subject, place)
    known = gradient is not None and (others or paths.blocked)
    shown = [each for path in steps for each in _shown(path)[0] + _shown(path)[1]]
    return PathSum(
        output=output,
        node=subject.name(place),
        gradient=gradient,
        # the output's own path has no factors
        paths=tuple(_path(subject, each, total, partial) for each, total in zip(steps, products, strict=True) if each),
        others=others,
        rest=rest(gradient, products) if known and gradient is not None else None,
        blocked=tuple(map(subject.name, reversed(paths.blocked))),
        legend=subject.legend([place, *(each for step in shown for each in (step.user, step.node))]),
        remarks=subject.remarks([place]),
    )


def _independent(target: Value, output: str, scope: Scope) -> PathSum:
    """Return that the output does not depend on a node, named as well as can be."""
    found = variables(scope, {id(target)}).names.get(id(target), "")
    name = legible(target.label or found, LONGEST_NAME) or "this value"
    if is_constant(target):
        name = number_text(target.data)
        remark = f"{name} is a constant: a plain number in the formula, by which nothing is differentiated."
    else:
        remark = (
            f"{output} does not depend on {name}: it was not computed from it "
            f"(a variable that was given a new Value since is another one)."
        )
    return PathSum(output, name, 0.0, remarks=(remark,))


def _ambiguous(subject: Subject, target: int) -> set[tuple[int, int]]:
    """Return the steps, as (user, operand), that are not their user's only way to `target`."""
    depends = subject.flow.depends_on(target)
    found = set()
    for user in range(target + 1, len(depends)):
        ways = [index for index, operand in enumerate(subject.flow.operands[user]) if depends[operand]]
        if len(ways) > 1:
            found |= {(user, index) for index in ways}
    return found


def _shown(steps: list[Step]) -> tuple[list[Step], list[Step]]:
    """Return the first and the last steps of a path, all of a short one."""
    if len(steps) <= MOST_FACTORS:
        return steps, []
    return steps[: MOST_FACTORS // 2], steps[-MOST_FACTORS // 2 :]


def _path(subject: Subject, steps: list[Step], total: float, partial: set[tuple[int, int]]) -> Path:
    first, last = _shown(steps)
    between = steps[len(first) : len(steps) - len(last)]
    return Path(
        tuple(_factor(subject, step, partial) for step in first),
        tuple(_factor(subject, step, partial) for step in last),
        len(between),
        product(between),
        total,
    )


def _factor(subject: Subject, step: Step, partial: set[tuple[int, int]]) -> Factor:
    repeated = subject.flow.operands[step.user].count(step.node) > 1
    return Factor(
        subject.name(step.user),
        subject.name(step.node),
        step.slope,
        step.operand + 1 if repeated else 0,
        # only a node that leads on to the target in another way has more than this derivative
        not repeated and (step.user, step.operand) in partial and _leads_on(subject, step),
    )


def _leads_on(subject: Subject, step: Step) -> bool:
    """Tell whether the user of a step depends on the step's node through another of its operands as well."""
    depends = subject.flow.depends_on(step.node, step.user)
    others = (other for index, other in enumerate(subject.flow.operands[step.user]) if index != step.operand)
    return any(depends[other] for other in others)


def _graph_sum(subject: Subject) -> GraphSum:
    """Return every node with what it received, users first."""
    root = subject.flow.root
    places = [place for place in range(root, -1, -1) if not subject.is_constant(place)]
    shown = places[:MOST_NODES]
    shares = subject.flow.shares(subject.gradients, shown)
    return GraphSum(
        output=subject.name(root),
        made=subject.made(root),
        data=subject.output.data,
        nodes=tuple(_node_sum(subject, place, shares[place]) for place in shown),
        left_out=len(places) - len(shown),
        order=_order(subject, shares, shown),
        legend=subject.legend([*shown, *(share.user for place in shown for share in shares[place][:MOST_TERMS])]),
        remarks=subject.remarks(places),
    )


def _node_sum(subject: Subject, place: int, shares: list[Share]) -> NodeSum:
    gradient = subject.gradients[place]
    amounts = [share.amount for share in shares]
    unknown = [index for index, amount in enumerate(amounts) if amount is None]
    if gradient is not None and len(unknown) == 1:
        # what only one user's _backward knows is what the others leave
        amounts[unknown[0]] = rest(gradient, [amount for amount in amounts if amount is not None])
    shown = len(shares) if len(shares) <= MOST_TERMS else MOST_TERMS - 1
    terms = [
        Term(subject.name(share.user), share.slope, subject.gradients[share.user], amount)
        for share, amount in zip(shares[:shown], amounts[:shown], strict=True)
    ]
    known = [amount for amount in amounts[:shown] if amount is not None]
    others = len(shares) - shown
    left = rest(gradient, known) if others and gradient is not None and len(known) == shown else None
    return NodeSum(subject.name(place), gradient, tuple(terms), others, left)


def _order(subject: Subject, shares: dict[int, list[Share]], places: Sequence[int]) -> Order | None:
    """Return the first node, as backward goes, that would pass on a wrong number if it did not wait."""
    # more convincing than a node that would hold nothing yet is one that would hold a part
    for place in sorted(places[1:], key=lambda place: len({share.user for share in shares[place]}) < 2):
        total, received = subject.gradients[place], shares[place]
        late = received[-1].user
        amounts = [share.amount for share in received if share.user != late]
        passed = _receiver(subject, place)
        if total is None or passed is None or total * 0 != 0 or None in amounts:
            continue
        partial = sum(amount for amount in amounts if amount is not None)
        operand, slope = passed
        if rest(slope * total, [slope * partial]) * 0 == 0 and rest(slope * total, [slope * partial]):
            users = dict.fromkeys(subject.name(share.user) for share in received)
            return Order(
                subject.name(place), tuple(users), subject.name(late), subject.name(operand), slope, partial, total
            )
    return None


def _receiver(subject: Subject, place: int) -> tuple[int, float] | None:
    """Return an operand that a node passes something on to, and the slope by it."""
    for operand, slope in zip(subject.flow.operands[place], subject.flow.slopes[place], strict=True):
        if slope is not None and not subject.is_constant(operand) and slope and slope * 0 == 0:
            return operand, slope
    return None
