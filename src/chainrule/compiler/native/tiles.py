"""A nest made smaller: the steps of one strip of a dimension, or the terms that a strip adds to sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from chainrule.compiler.classes import Rule
from chainrule.compiler.native.accesses import Way
from chainrule.compiler.nests.nest import Add, Address, Apply, Expression, Load, Nest, Number, Reduce, Store
from chainrule.ops.row import TABLE

MULTIPLY, NEGATIVE = Rule(TABLE["multiply"].code), Rule(TABLE["negative"].code)


@dataclass(frozen=True)
class Part:
    """Which steps of a dimension a smaller nest makes.

    Attributes:
        way: the dimension.
        first: the first step.
        length: how many.
        stays: whether the numbers at an address (of the whole nest) serve every strip in turn.
    """

    way: Way
    first: int
    length: int
    stays: Callable[[Address], bool]


def split_sum(value: Expression, length: int) -> tuple[Expression | None, Expression | None] | None:
    """Return what sums over `length` terms contribute to a value, and the rest; None where that is not its sum."""
    if isinstance(value, Reduce) and length in value.extents and not value.largest:
        return value, None
    if not _has_sum(value, length):
        return None, value
    if isinstance(value, Add):
        sums, others = [], []
        for each in value.terms:
            parts = split_sum(each, length)
            if parts is None:
                return None
            sums += [part for part in parts[:1] if part is not None]
            others += [part for part in parts[1:] if part is not None]
        return _added(sums), _added(others)
    if isinstance(value, Apply) and value.rule in {MULTIPLY, NEGATIVE}:
        inside = [each for each in value.operands if _has_sum(each, length)]
        if len(inside) == 1:
            parts = split_sum(inside[0], length)
            if parts is not None:
                around = [
                    None if part is None else _with(value, inside[0], part)  # what is left of it keeps its factor
                    for part in parts
                ]
                return around[0], around[1]
    return None


def _with(value: Apply, old: Expression, new: Expression) -> Expression:
    return replace(value, operands=tuple(new if each is old else each for each in value.operands))


def _added(terms: list[Expression]) -> Expression | None:
    return Add(tuple(terms)) if len(terms) > 1 else terms[0] if terms else None


def _has_sum(value: Expression, length: int) -> bool:
    match value:
        case Reduce():
            return length in value.extents
        case Apply(_, parts) | Add(parts):
            return any(_has_sum(each, length) for each in parts)
    return False


def start_of(nest: Nest, length: int) -> Nest:
    """Return the nest that stores what the sums of all strips are added to."""
    stores = []
    for store in nest.stores:
        parts = split_sum(store.value, length)
        assert parts is not None  # noqa: S101 - the caller has looked
        stores.append(Store(store.address, parts[1] if parts[1] is not None else Number(0.0)))
    return replace(nest, stores=tuple(stores))


def strip_of(nest: Nest, part: Part) -> Nest:
    """Return the nest of one strip.

    It has one more dimension, of extent 1, before its own: the strides there are how far the next strip lies.
    Sums over the strips' dimension are added to what is stored.
    """
    way = part.way
    extents = nest.extents
    if way.dim is not None:
        extents = tuple(part.length if dim == way.dim else extent for dim, extent in enumerate(extents))
    smaller = _Smaller(nest, part)
    stores = []
    for store in nest.stores:
        address, value = smaller.address(store.address, ()), store.value
        if way.dim is None:
            parts = split_sum(value, way.length)
            assert parts is not None  # noqa: S101 - the caller has looked
            value = Number(0.0) if parts[0] is None else parts[0]
        value = smaller.expression(value, ())
        stores.append(Store(address, value if way.dim is not None else Add((Load(address), value))))
    return replace(nest, extents=(1, *extents), stores=tuple(stores))


class _Smaller:
    """Rewrites the expressions of a nest; one that occurs several times is still one afterwards."""

    def __init__(self, nest: Nest, part: Part) -> None:
        self.nest = nest
        self.part = part
        self.known: dict[tuple[int, tuple[int, ...]], Expression] = {}

    def expression(self, expression: Expression, sums: tuple[int, ...]) -> Expression:
        """Return an expression inside reductions of these (whole) extents."""
        key = id(expression), sums
        if key not in self.known:
            self.known[key] = self._expression(expression, sums)
        return self.known[key]

    def _expression(self, expression: Expression, sums: tuple[int, ...]) -> Expression:
        match expression:
            case Load(address):
                return Load(self.address(address, sums))
            case Apply(rule, operands):
                return Apply(rule, tuple(self.expression(each, sums) for each in operands))
            case Add(terms):
                return Add(tuple(self.expression(each, sums) for each in terms))
            case Reduce():
                body = self.expression(expression.body, (*sums, *expression.extents))
                extents = list(expression.extents)
                if self.part.way.dim is None and self.part.way.length in extents:
                    extents[extents.index(self.part.way.length)] = self.part.length
                return replace(expression, extents=tuple(extents), body=body)
        return expression

    def address(self, address: Address, sums: tuple[int, ...]) -> Address:
        """Return an address inside reductions of these extents."""
        at = self.part.way.position(len(self.nest.extents), sums)
        step = 0 if at is None or self.part.stays(address) else address.strides[at]
        return replace(
            address,
            base=address.base + step * self.part.first,
            strides=(step * self.part.length, *address.strides),
            table_strides=(0, *address.table_strides) if address.table is not None else (),
        )
