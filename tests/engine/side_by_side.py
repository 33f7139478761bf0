"""The state machine that drives the naive Value and the engine's side by side, and how it compares them.

After every op the naive node takes over the engine's number once the two agree, so that rounding does not add
up; what is left to compare after a `backward()` is the walk itself.
"""

from __future__ import annotations

import copy
import math
import operator
import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

import chainrule as cr
from chainrule.engine import is_constant, local_derivatives
from chainrule.errors import PickleError
from tests.reference import BINARY, RULES, SEVERAL, UNARY, Naive, Rule, apply, constant

TOLERANCE = 1e-12

# What these give at nan, infinity and poles follows from IEEE 754 alone. What the others give there is a
# convention, which the tests of the op table hold; here the engine's word is taken for it.
PLAIN = {"+", "-", "*", "neg", "exp", "log", "sqrt", "sum", "dot"}

NUMBERS = st.one_of(
    st.floats(-4.0, 4.0),
    st.integers(-3, 3),
    st.sampled_from([0.0, -0.0, 0.5, 1.0, math.inf, -math.inf, math.nan, 1e-300, 1e200, 800.0, -800.0]),
)

REAL: dict[str, Callable[..., Any]] = {
    **{name: getattr(cr, name) for name in RULES if hasattr(cr, name)},
    "neg": operator.neg,
    "abs": abs,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "sum": lambda *terms: cr.sum(list(terms)),
    "dot": lambda *numbers: cr.dot(list(numbers[: len(numbers) // 2]), numbers[len(numbers) // 2 : -1], numbers[-1]),
    "logsumexp": lambda *terms: cr.logsumexp(list(terms)),
}


@dataclass(eq=False)
class Pair:
    """One node in both worlds."""

    naive: Naive
    real: cr.Value


def agree(expected: float, found: float, size: float = 1.0) -> bool:
    """Equal to 1e-12 of the sizes that went into it, nan and infinities included."""
    if math.isnan(expected) or math.isnan(found):
        return math.isnan(expected) and math.isnan(found)
    if math.isinf(expected) or math.isinf(found):
        return expected == found
    return abs(expected - found) <= TOLERANCE * max(size, abs(expected))


class Sizes:
    """How large the terms of each gradient are, which bounds what the order of summation can change.

    A gradient is `doubtful` where that order decides between finite and not: a sum that overflows half-way, or
    a difference that may or may not be exactly 0 times an infinite slope.
    """

    def __init__(self, root: Naive) -> None:
        order = root.order()
        self.sizes = {id(node): 0.0 if node.operands else abs(node.grad) for node in order}
        self.doubtful: set[int] = set()
        self.sizes[id(root)] = 1.0
        for node in reversed(order):
            for operand, slope in zip(node.operands, node.slopes, strict=True):
                self._follow(node, operand, slope)

    def _follow(self, node: Naive, operand: Naive, slope: float) -> None:
        size = self.sizes[id(node)]
        share = abs(slope) * size
        cancelled = size > 0.0 and not abs(node.grad) > 1e-9 * size
        overflow = math.isfinite(slope) and math.isfinite(size) and not share < 1e300
        underflow = 0.0 < abs(node.grad) < 1e-280
        if id(node) in self.doubtful or overflow or underflow or (cancelled and not abs(slope) < 1e100):
            self.doubtful.add(id(operand))
        self.sizes[id(operand)] += share

    def agree(self, naive: Naive, found: float) -> bool:
        """Whether a gradient is what it should be."""
        if id(naive) in self.doubtful:
            return True
        size = self.sizes[id(naive)]
        return agree(naive.grad, found, size if math.isfinite(size) else 1.0)


class SideBySide(RuleBasedStateMachine):
    """Whatever a program may do with Values, done twice."""

    # What a planted fault changes.
    rules_of_naive: ClassVar[dict[str, Rule]] = RULES
    kind: ClassVar[type[Naive]] = Naive

    nodes: Bundle[Pair] = Bundle("nodes")

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[Pair] = []
        self.closures: set[int] = set()

    def keep(self, naive: Naive, real: cr.Value) -> Pair:
        naive.__class__ = self.kind
        pair = Pair(naive, real)
        self.pairs.append(pair)
        return pair

    @initialize(target=nodes, data=NUMBERS)
    def first(self, data: float) -> Pair:
        return self.leaf(data)

    @rule(target=nodes, data=NUMBERS)
    def new_leaf(self, data: float) -> Pair:
        return self.leaf(data)

    def leaf(self, data: float) -> Pair:
        return self.keep(Naive(float(data)), cr.Value(data))

    @rule(target=nodes, name=st.sampled_from(sorted(UNARY)), a=nodes)
    def unary(self, name: str, a: Pair) -> Pair:
        return self.op(name, a)

    @rule(target=nodes, name=st.sampled_from(sorted(BINARY)), a=nodes, b=st.one_of(nodes, NUMBERS))
    def binary(self, name: str, a: Pair, b: Any) -> Pair:
        return self.op(name, a, b)

    @rule(target=nodes, name=st.sampled_from(sorted(BINARY)), a=NUMBERS, b=nodes)
    def number_first(self, name: str, a: float, b: Pair) -> Pair:
        return self.op(name, a, b)

    @rule(
        target=nodes,
        name=st.sampled_from(["+", "*", "-"]),
        a=nodes,
        b=nodes,
    )
    def arithmetic(self, name: str, a: Pair, b: Pair) -> Pair:
        return self.op(name, a, b)

    @rule(
        target=nodes,
        name=st.sampled_from(sorted(SEVERAL)),
        a=nodes,
        others=st.lists(st.one_of(nodes, NUMBERS), min_size=2, max_size=2),
    )
    def several(self, name: str, a: Pair, others: list[Any]) -> Pair:
        operands = [a, *others]
        data = [each.naive.data if isinstance(each, Pair) else each for each in operands]
        if name == "logsumexp" and not all(abs(each) < 1e3 for each in data):
            name = "sum"  # the naive logsumexp keeps no digits there
        return self.op(name, *operands)

    def op(self, name: str, *operands: Any) -> Pair:
        real = REAL[name](*[each.real if isinstance(each, Pair) else each for each in operands])
        naive = self.naive_op(name, operands)
        assert len(real._prev) == len(naive.operands)
        for found, expected in zip(real._prev, naive.operands, strict=True):
            assert agree(expected.data, found.data)
        given = [each.naive.data if isinstance(each, Pair) else each for each in operands]
        smooth = [*given, naive.data, *naive.slopes] if name != "/" else given
        if name in PLAIN or all(math.isfinite(each) for each in smooth):
            self.compare_op(name, naive, real)
        naive.slopes = list(local_derivatives(real))
        naive.data = real.data
        return self.keep(naive, real)

    def compare_op(self, name: str, naive: Naive, real: cr.Value) -> None:
        assert agree(naive.data, real.data), (name, naive.data, real.data)
        # slopes whose terms cancel (gelu's near its minimum) are compared by the size of the terms, below 2
        for found, expected, operand in zip(local_derivatives(real), naive.slopes, naive.operands, strict=True):
            assert operand.constant or agree(expected, found, 2.0), (name, naive.data, expected, found)

    def naive_op(self, name: str, operands: tuple[Any, ...]) -> Naive:
        nodes = [each.naive if isinstance(each, Pair) else constant(float(each)) for each in operands]
        return apply(name, nodes, self.rules_of_naive)

    @rule(target=nodes, a=nodes, b=nodes)
    def user_op(self, a: Pair, b: Pair) -> Pair:
        """a·b as a function of the user's, in the lecture's way."""
        x, y = a.real.data, b.real.data
        out = cr.Value(x * y, (a.real, b.real), "mine")

        def share() -> None:
            a.real.grad += y * out.grad
            b.real.grad += x * out.grad

        out._backward = share
        naive = Naive(x * y, [a.naive, b.naive], [y, x])
        self.closures.add(id(naive))
        return self.keep(naive, out)

    @rule(target=nodes, name=st.sampled_from(sorted(UNARY)), a=nodes)
    def without_graph(self, name: str, a: Pair) -> Pair:
        with cr.no_grad():
            real = REAL[name](a.real)
        assert real._prev == ()
        return self.keep(Naive(real.data), real)

    @rule(target=nodes, a=nodes)
    def detach(self, a: Pair) -> Pair:
        return self.keep(Naive(a.naive.data), a.real.detach())

    @rule(a=nodes, data=NUMBERS)
    def update(self, a: Pair, data: float) -> None:
        a.real.data = data
        a.naive.update(float(data))

    @rule(a=nodes)
    def zero(self, a: Pair) -> None:
        a.real.grad = 0
        a.naive.zero()

    @rule()
    def zero_all(self) -> None:
        for pair in self.pairs:
            self.zero(pair)

    @rule(a=nodes, factor=st.sampled_from([0.5, -1.0, 0.0]))
    def scale_gradient(self, a: Pair, factor: float) -> None:
        a.real.grad *= factor
        a.naive.grad *= factor
        if a.naive.grad == 0.0:
            a.naive.zero()

    @rule(root=nodes)
    def backward(self, root: Pair) -> None:
        """Also called twice in a row: leaves accumulate, interior nodes are fresh."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            root.real.backward()
        before = Sizes(root.naive)
        stale = root.naive.backward()
        told = [str(each.message) for each in caught]
        assert len(told) == (stale > 0)
        assert not told or f" {stale} parameter" in told[0]
        sizes = Sizes(root.naive)
        for key, size in before.sizes.items():
            sizes.sizes[key] = max(size, sizes.sizes[key])
        for pair in self.pairs:
            if id(pair.naive) in sizes.sizes:
                assert sizes.agree(pair.naive, pair.real.grad), (pair.naive.grad, pair.real)
                pair.naive.grad = pair.real.grad

    @rule(root=nodes, data=NUMBERS)
    def forgotten_zero_grad(self, root: Pair, data: float) -> None:
        """Two steps of a training loop that changes every leaf and zeroes no gradient."""
        self.backward(root)
        for pair in self.pairs:
            if not pair.naive.operands:
                self.update(pair, data)
        self.backward(root)

    @rule(target=nodes, root=nodes)
    def shallow_copy(self, root: Pair) -> Pair:
        if id(root.naive) in self.closures:
            with pytest.raises(PickleError):
                copy.copy(root.real)
            return root
        real = copy.copy(root.real)
        naive = Naive(root.naive.data, root.naive.operands, root.naive.slopes)
        naive.grad = root.naive.grad
        assert all(a is b or is_constant(a) for a, b in zip(real._prev, root.real._prev, strict=True))
        return self.keep(naive, real)

    @rule(
        target=nodes,
        root=nodes,
        how=st.sampled_from([copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]),
    )
    def deep_copy(self, root: Pair, how: Callable[[cr.Value], cr.Value]) -> Pair:
        if any(id(node) in self.closures for node in root.naive.order()):
            with pytest.raises(PickleError):
                how(root.real)
            return root
        real = how(root.real)
        naive = copy.deepcopy(root.naive)
        for node in naive.order():
            node.received = node.stale = False
        seen: dict[int, cr.Value] = {}
        self.keep_graph(naive, real, seen)
        return self.pairs[-1]

    def keep_graph(self, naive: Naive, real: cr.Value, seen: dict[int, cr.Value]) -> None:
        """Go through two graphs in parallel, so that sharing and order are compared too."""
        if naive.constant:
            assert agree(naive.data, real.data)
            assert is_constant(real)
            return
        if id(naive) in seen:
            assert seen[id(naive)] is real
            return
        seen[id(naive)] = real
        for a, b in zip(naive.operands, real._prev, strict=True):
            self.keep_graph(a, b, seen)
        assert agree(naive.data, real.data)
        assert agree(naive.grad, real.grad)
        self.keep(naive, real)

    @invariant()
    def same_numbers(self) -> None:
        for pair in self.pairs:
            assert agree(pair.naive.data, pair.real.data)
            assert agree(pair.naive.grad, pair.real.grad), (pair.naive.grad, pair.real.grad)
