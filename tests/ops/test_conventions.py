"""PyTorch's conventions at kinks, ±0, ±inf, nan and the edges of domains, for values and gradients."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import chainrule as cr
from chainrule import Value
from chainrule.ops import TABLE, Op
from tests.ops.accuracy import Evaluate, by_rule, by_value

torch = pytest.importorskip("torch", reason="needs torch 2.13.0: `make test` installs it")
functional = pytest.importorskip("torch.nn.functional", reason="needs torch 2.13.0: `make test` installs it")

INF, NAN = math.inf, math.nan
WAYS = [pytest.param(by_rule, id="rule"), pytest.param(by_value, id="node")]
SPECIAL = (0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 1.5, -1.5, 2.0, -2.0, 3.0, -3.0, 0.5, 1000.0, -1000.0)

# PyTorch's functions whose names are not the rows'.
NAMES: dict[str, Callable[..., Any]] = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": torch.div,
    "power": torch.pow,
    "negative": torch.neg,
    "where": lambda a, b, c: torch.where(a != 0, b, c),
    "less": lambda a, b: (a < b).double(),
    "less_equal": lambda a, b: (a <= b).double(),
    "equal": lambda a, b: (a == b).double(),
    "detached": torch.detach,
    "normal_cdf": torch.special.ndtr,
    "leaky_relu": functional.leaky_relu,
    "softplus": functional.softplus,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "exp_difference": lambda a, b: torch.exp(a - b),
    "bell": lambda a, b, c: torch.exp(c - b * a * a),
    "sum": lambda *terms: torch.stack(terms).sum(),
    "logsumexp": lambda *terms: torch.logsumexp(torch.stack(terms), 0),
    "dot": lambda *x: torch.stack(x[: len(x) // 2]) @ torch.stack(x[len(x) // 2 :]),
}

# Where we deviate on purpose: (row, operands, reason).
DEVIATIONS: dict[str, tuple[Callable[..., bool], str]] = {
    "softplus": (
        lambda a: a > 20.0 and math.isfinite(a),
        "PyTorch returns a itself above its threshold of 20, 2e-9 off; the contract has no threshold",
    ),
    "bell": (
        lambda a, b, c: math.isinf(a) or b != 1.0 or math.isinf(c),
        "private, and only for b a power of 2; PyTorch, which composes it, has 0 · inf where it is 0",
    ),
}


def torch_function(row: Op) -> Callable[..., Any]:
    """Return PyTorch's function for a row.

    Raises:
        LookupError: neither NAMES nor torch has one.
    """
    function = NAMES.get(row.name) or getattr(torch, row.name, None)
    if function is None:
        raise LookupError(
            f"torch has no function '{row.name}': add the one that the row's conventions follow to NAMES in "
            "tests/ops/test_conventions.py, or a composition of torch's functions"
        )
    return function


def by_torch(row: Op, operands: Sequence[float]) -> list[float]:
    """Return PyTorch's value and gradients in float64."""
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in operands]
    y = torch_function(row)(*tensors)
    if y.requires_grad:  # comparisons and detached numbers have no gradients
        y.backward()
    return [y.item(), *(0.0 if x.grad is None else x.grad.item() for x in tensors)]


def same(ours: float, theirs: float) -> bool:
    """Tell whether two numbers are one for the conventions: nan, infinities with sign, else to 1e-12."""
    if math.isfinite(ours) and math.isfinite(theirs):
        return abs(ours - theirs) <= 1e-12 * abs(theirs) + 1e-300
    return ours == theirs or (ours != ours and theirs != theirs)


def special_operands(row: Op) -> list[tuple[float, ...]]:
    if row.arity is None:
        few = (0.0, 1.0, -1000.0, INF, -INF, NAN)
        counts = (2,) if row.name == "dot" else (1, 2, 3)
        return [each for count in counts for each in itertools.product(few, repeat=count)]
    if row.arity == 3:
        return list(itertools.product((0.0, -0.0, 1.0, INF, NAN), (1.0, -0.0, NAN), (2.0, INF)))
    special = list(SPECIAL)
    for kink in row.kinks:
        special += kink if isinstance(kink, tuple) else (kink,)
    for low, high in row.domain:
        ends = [end for end in (low, high) if math.isfinite(end)]
        special += [low, high, *(math.nextafter(end, way) for end in ends for way in (-INF, INF))]
    special = [x for k, x in enumerate(special) if repr(x) not in map(repr, special[:k])]
    return list(itertools.product(special, repeat=row.arity))


def deviates(row: Op, operands: Sequence[float]) -> bool:
    return row.name in DEVIATIONS and DEVIATIONS[row.name][0](*operands)


def disagreements(row: Op, way: Evaluate) -> list[str]:
    """Return where a row does not do as PyTorch does, in words."""
    found = []
    for operands in special_operands(row):
        if not deviates(row, operands):
            ours, theirs = way(row, operands), by_torch(row, operands)
            if not all(map(same, ours, theirs)):
                found.append(f"{row.name}{operands}: {ours}, in PyTorch {theirs}")
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_as_in_torch(row: Op, way: Evaluate) -> None:
    assert disagreements(row, way) == []


@pytest.mark.parametrize(
    ("name", "operands", "wrong"),
    [
        ("relu", (0.0,), [0.0, 1.0]),
        ("relu", (NAN,), [0.0, 0.0]),
        ("absolute", (0.0,), [0.0, 1.0]),
        ("sqrt", (0.0,), [0.0, 0.0]),
        ("log", (-1.0,), [NAN, NAN]),
        ("maximum", (1.0, 1.0), [1.0, 1.0, 0.0]),
        ("power", (0.0, 0.0), [1.0, NAN, 0.0]),
        ("atan2", (0.0, 0.0), [0.0, NAN, NAN]),
    ],
)
def test_a_wrong_convention_is_found(name: str, operands: tuple[float, ...], wrong: list[float]) -> None:
    def faulty(row: Op, at: Sequence[float]) -> list[float]:
        return wrong if repr(tuple(at)) == repr(operands) else by_rule(row, at)

    (found,) = disagreements(TABLE[name], faulty)
    assert found.startswith(f"{name}{operands}: {wrong}, in PyTorch ")


def test_every_deviation_has_its_reason() -> None:
    assert all(reason for _, reason in DEVIATIONS.values())


@pytest.mark.parametrize("way", WAYS)
def test_each_deviation_is_one(way: Evaluate) -> None:
    ours, theirs = way(TABLE["softplus"], [21.0]), by_torch(TABLE["softplus"], [21.0])
    assert ours[0] == pytest.approx(math.log1p(math.exp(21.0)), rel=1e-15)
    assert ours[0] - theirs[0] == pytest.approx(math.exp(-21.0), rel=1e-5)


EXPONENTS = (0, 1, 2, 3, -1, -2, 0.0, 0.5, -0.5, 1.5, 2.5, INF, -INF, NAN, 1000)


# PyTorch takes these by its sqrt, which differs from C's pow and from its own pow of two tensors at −0 and −inf.
BY_SQRT = set(itertools.product((0.5, -0.5, 1.5), ("-0.0", "-inf")))


@pytest.mark.parametrize(
    ("x", "exponent"),
    [each for each in itertools.product(SPECIAL, EXPONENTS) if (each[1], repr(each[0])) not in BY_SQRT],
)
def test_constant_exponents_as_in_torch(x: float, exponent: float) -> None:
    theirs = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    y = theirs**exponent
    y.backward()
    ours = Value(x)
    z = ours**exponent
    z.backward()
    assert same(z.data, y.item())
    assert same(ours.grad, theirs.grad.item())


@pytest.mark.parametrize("base", [0.0, -0.0, 1.0, 2.0, -1.0, 0.5, INF, -INF, NAN])
@pytest.mark.parametrize("x", SPECIAL)
def test_constant_bases_as_in_torch(x: float, base: float) -> None:
    theirs = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    y = base**theirs
    y.backward()
    ours = Value(x)
    z = base**ours
    z.backward()
    assert same(z.data, y.item())
    assert same(ours.grad, theirs.grad.item())


@pytest.mark.parametrize("operands", list(itertools.product((0.0, 1.0, -1000.0, INF, -INF, NAN), repeat=2)))
def test_softmax_as_in_torch(operands: tuple[float, ...]) -> None:
    theirs = torch.softmax(torch.tensor(operands, dtype=torch.float64), 0).tolist()
    ours = [each.data for each in cr.softmax([Value(x) for x in operands])]
    assert all(map(same, ours, theirs)), (ours, theirs)
