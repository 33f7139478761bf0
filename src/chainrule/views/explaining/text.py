"""Explanations as plain text, for a terminal, a docstring or a question to a friend."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chainrule.views.explaining.explained import Factor, GraphSum, NodeSum, Order, Path, PathSum, Term
from chainrule.views.tracing.numbers import number_text

_WORD = re.compile(r"[^\W\d]\w*")
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def text_of(part: PathSum | GraphSum, digits: int) -> str:
    """Return an explanation as lines of text."""
    lines = _path_sum(part, digits) if isinstance(part, PathSum) else _graph_sum(part, digits)
    legend = [f"  {name} = {made}" for name, made in part.legend]
    return "\n".join([*lines, *(["where", *legend] if legend else []), *part.remarks])


def derivative(top: str, bottom: str, sign: str = "d") -> str:
    """Return `dL/da`, with brackets around what is more than a word: `dL/d(a*b)`."""
    return f"{sign}{_word(top)}/{sign}{_word(bottom)}"


def _word(name: str) -> str:
    return name if _WORD.fullmatch(name) else f"({name})"


def count_of(number: float, what: str) -> str:
    """Return `1 path`, `12 paths`, `about 1.1e15 paths`."""
    if number >= 1e9:
        how_many = "more than 1e300" if number > 1e300 else f"about {number_text(number, 2)}"
    else:
        how_many = f"{int(number):,}"
    return f"{how_many} {what}{'' if number == 1 else 's'}"


def listing(names: Sequence[str], word: str = "and") -> str:
    """Return `a, b and c`; of many the first few."""
    shown = list(names) if len(names) <= 5 else [*names[:4], f"{len(names) - 4} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {word} {shown[-1]}"


def _path_sum(part: PathSum, digits: int) -> list[str]:
    whole = derivative(part.output, part.node)
    total = "?" if part.gradient is None else number_text(part.gradient, digits)
    lines = []
    if not part.paths and not part.blocked:
        return [f"{whole} = {total}"]
    if len(part.paths) == 1 and not part.others and not part.blocked:
        return [f"{whole} = {_path(part.paths[0], digits, whole)}", *_meaning_of_partial(part)]
    number = len(part.paths) + part.others
    if number:
        bounded = f"; the {len(part.paths)} largest" if part.others else ""
        lines.append(f"{whole} is the sum over {count_of(number, 'path')}{bounded}:")
        lines += [f"  {_path(path, digits, '')}" for path in part.paths]
    if part.blocked:
        lines.append(unknown_slope(part.blocked))
    return [*lines, f"{whole} = {_added(part, total, digits)}", *_meaning_of_partial(part)]


def _added(part: PathSum, total: str, digits: int) -> str:
    """Return `3 + 1 + 0.5 (the other 2 paths) = 4.5`."""
    terms = [number_text(path.product, digits) for path in part.paths]
    if part.rest is not None:
        terms.append(f"{number_text(part.rest, digits)} ({rest_of(part)})")
    return total if part.gradient is None else f"{' + '.join(terms)} = {total}"


def rest_of(part: PathSum) -> str:
    """Return what the rest of a sum over paths comes from."""
    ways = [f"the other {count_of(part.others, 'path')}"] if part.others else []
    ways += [f"what goes through {listing(part.blocked)}"] if part.blocked else []
    return " and ".join(ways)


def unknown_slope(users: Sequence[str]) -> str:
    """Return the sentence on ops of the user's own."""
    several = len(users) > 1
    return (
        f"{listing(users)} {'have a _backward of their' if several else 'has a _backward of its'} own, "
        "whose slopes only it knows."
    )


def _meaning_of_partial(part: PathSum) -> list[str]:
    if any(factor.partial for path in part.paths for factor in path.factors):
        return ["(∂ is the local derivative, by this operand alone)"]
    return []


def _path(path: Path, digits: int, whole: str) -> str:
    """Return `dL/dd · dd/da = -2 · 1 = -2`; a single factor that is `whole` is not said twice."""
    gap = [f"… {path.between:,} more factors …"] if path.between else []
    symbols = " · ".join([*map(factor_text, path.first), *gap, *map(factor_text, path.last)])
    gap = [f"{number_text(path.between_product, digits)} (those {path.between:,})"] if path.between else []
    first = [number_text(factor.slope, digits) for factor in path.first]
    last = [number_text(factor.slope, digits) for factor in path.last]
    numbers = [*first, *gap, *last]
    product = number_text(path.product, digits)
    sides = ([] if symbols == whole else [symbols]) + ([" · ".join(numbers)] if len(numbers) > 1 else [])
    return " = ".join([*sides, product])


def factor_text(factor: Factor) -> str:
    """Return a local derivative's symbol, and which operand it is by where that is not clear."""
    symbol = derivative(factor.user, factor.operand, "∂" if factor.partial else "d")
    return f"{symbol} ({ordinal(factor.which)} operand)" if factor.which else symbol


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th and so on."""
    return f"{number}{'th' if number % 100 in {11, 12, 13} else _ENDINGS.get(number % 10, 'th')}"


def _graph_sum(part: GraphSum, digits: int) -> list[str]:
    made = f" = {part.made}" if part.made and part.made != part.output else ""
    lines = [f"{part.output}{made} = {number_text(part.data, digits)}", ""]
    lines.append(f"Gradients of {part.output}, in the order of backward:")
    lines += [f"  {_node(node, digits)}" for node in part.nodes]
    if part.left_out:
        lines.append(f"  … and {count_of(part.left_out, 'more node')}")
    if part.order is not None:
        lines += ["", order_text(part.order, digits)]
    return lines


def _node(node: NodeSum, digits: int) -> str:
    total = "?" if node.gradient is None else number_text(node.gradient, digits)
    if not node.terms:
        return f"{node.name}: {total}, where backward starts"
    terms = [f"{term_text(term, digits)} through {term.user}" for term in node.terms]
    if node.others:
        terms.append(f"{'?' if node.rest is None else number_text(node.rest, digits)} through {node.others:,} more")
    return f"{node.name}: {total} = {' + '.join(terms)}"


def term_text(term: Term, digits: int) -> str:
    """Return `3·1`, slope times gradient; what only a `_backward` knows is what it gave, or a question mark."""
    if term.slope is not None and term.grad is not None:
        return f"{number_text(term.slope, digits)}·{number_text(term.grad, digits)}"
    if term.slope is not None:
        return f"{number_text(term.slope, digits)}·?"
    return "?" if term.amount is None else number_text(term.amount, digits)


def order_text(order: Order, digits: int) -> str:
    """Return why a node comes after all of its users, told with numbers of this graph."""
    partial, total = (number_text(number, digits) for number in (order.partial, order.total))
    slope = number_text(order.slope, digits)
    passed, right = (number_text(order.slope * number, digits) for number in (order.partial, order.total))
    return (
        "Why this order: a node can pass its gradient on only when it has all of it, so it comes after all of "
        f"its users. {order.node} is used by {listing(order.users)}. Visited before {order.late}, it would hold "
        f"{partial} instead of {total}, and pass {slope}·{partial} = {passed} on to {order.operand} instead of "
        f"{slope}·{total} = {right}."
    )
