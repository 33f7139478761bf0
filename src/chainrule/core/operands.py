"""The operands of a node, however many, and its label and attributes."""

from __future__ import annotations

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import Py_INCREF, PyObject, memcpy, memset, tuple_items

    from chainrule.core.memory import make_known, take_block

from chainrule.core.flags import Flag
from chainrule.core.node import new_node
from chainrule.core.value import Value
from chainrule.ops.dispatch import Code
from chainrule.ops.row import BY_CODE


@cython.final
@cython.cclass
class Shared:
    """Operands that many nodes have in common."""

    operands: tuple
    leaves_at: cython.longlong  # the surprises so far when they were seen to be leaves without any, or -1


@cython.final
@cython.cclass
class Operands:
    """What a node of more than two operands, or of an op outside the table, keeps of them.

    `items[i]` is the i-th operand, NULL where it is a plain number; `slopes[i]` is the local derivative by it,
    or that number. Compiled, they are C arrays in one block of memory; else lists. `attributes` is what
    `Value._extra` holds otherwise. `shared` is None, or the first of the operands, which it keeps
    alive for many nodes at once.
    """

    items: cython.pointer[cython.pointer[PyObject]]
    slopes: cython.p_double
    count: cython.Py_ssize_t
    attributes: dict
    shared: Shared | None


@cython.cfunc
def new_operands(node: Value, count: cython.Py_ssize_t) -> Operands:
    """Give a node room for any number of operands, for now plain numbers 0."""
    inner: Operands = Operands.__new__(Operands)
    inner.attributes = node._extra  # type: ignore[assignment]  # the same
    inner.count = count
    if cython.compiled:
        inner.slopes = take_block(count)
        inner.items = cython.cast(cython.pointer[cython.pointer[PyObject]], inner.slopes + count)
        # the block may have been another node's
        memset(inner.slopes, 0, count * (cython.sizeof(cython.double) + cython.sizeof(cython.p_void)))
        if node._flags & Flag.TRACKED:  # a subclass: its cycles may close through the operands
            make_known(inner)
    else:
        inner.slopes = [0.0] * count
        inner.items = [cython.NULL] * count
        inner.shared = None  # compiled, what nobody has set is None
    node._extra = inner
    node._flags |= Flag.NARY
    return inner


@cython.cfunc
def shared_operands(operands: list) -> Shared:
    """Return what many nodes may have in common."""
    shared: Shared = Shared()
    shared.operands = tuple(operands)
    shared.leaves_at = -1
    return shared


@cython.cfunc
def share_operands(inner: Operands, shared: Shared) -> object:
    """Make these the first operands, with one reference to all of them together."""
    operands: tuple = shared.operands
    inner.shared = shared
    if cython.compiled:
        memcpy(inner.items, tuple_items(operands, 0), len(operands) * cython.sizeof(cython.p_void))
    else:
        inner.items[: len(operands)] = operands
    return None


@cython.cfunc
@cython.inline
def keep(inner: Operands, place: cython.Py_ssize_t, operand: object) -> cython.void:
    """Make a Value one of the operands."""
    if cython.compiled:
        Py_INCREF(operand)
        inner.items[place] = cython.cast(cython.pointer[PyObject], operand)
    else:
        inner.items[place] = operand


@cython.cfunc
def operands_of(node: Value) -> list:
    """Return the operands in order, as Values."""
    return [operand_at(node, place, True) for place in range(operand_count(node))]


@cython.cfunc
@cython.exceptval(-1)
def operand_count(node: Value) -> cython.Py_ssize_t:
    """Return how many operands a node shows: the constant exponent of a power is part of its op."""
    if node._code == Code.RESULT:
        open_result(node)
    if node._flags & Flag.NARY:
        return cython.cast(Operands, node._extra).count
    if node._code == Code.LEAF:
        return 0
    return 1 if BY_CODE[node._code].arity == 1 or has_constant_exponent(node) else 2


@cython.cfunc
def operand_at(node: Value, place: cython.Py_ssize_t, constants: cython.bint) -> Value | None:
    """Return one operand; for a plain number None, or the Value that stands for it, made when first asked for."""
    operand: Value | None = _kept_operand(node, place)
    if operand is not None and (constants or not operand._flags & Flag.CONSTANT):
        return operand
    if not constants:
        return None
    operand = new_node(Code.LEAF, slope_at(node, place))
    operand._flags = operand._flags & Flag.PAGED | Flag.CONSTANT  # and no node of a trace
    # Uncompiled, another thread may have asked meanwhile: the first one's Value is the one.
    if _kept_operand(node, place) is None:
        if node._flags & Flag.NARY:
            keep(cython.cast(Operands, node._extra), place, operand)
        elif place == 0:
            node._left = operand
        else:
            node._right = operand
    return _kept_operand(node, place)


@cython.cfunc
def _kept_operand(node: Value, place: cython.Py_ssize_t) -> Value | None:
    """Return one operand, None for a plain number that nobody has asked for yet."""
    if not node._flags & Flag.NARY:
        return node._left if place == 0 else node._right
    inner: Operands = cython.cast(Operands, node._extra)
    return None if inner.items[place] is cython.NULL else cython.cast(Value, inner.items[place])


@cython.cfunc
@cython.exceptval(check=False)
def slope_at(node: Value, place: cython.Py_ssize_t) -> cython.double:
    """Return the local derivative by one operand, or the plain number that it is."""
    if node._flags & Flag.NARY:
        return cython.cast(Operands, node._extra).slopes[place]
    return node._left_slope if place == 0 else node._right_slope


@cython.cfunc
@cython.exceptval(check=False)
def has_constant_exponent(node: Value) -> cython.bint:
    """Tell whether a node is a power whose exponent is a plain number, which belongs to the op."""
    return node._code == Code.POWER and node._right is None


@cython.cfunc
def attributes_or_none(node: Value) -> dict:
    """Return the dictionary of a node's label, `_backward` and user attributes, None where there is none."""
    if node._flags & Flag.NARY:
        return cython.cast(Operands, node._extra).attributes
    return node._extra  # type: ignore[return-value]  # the dictionary or None, when it is not Operands


@cython.cfunc
def own_attributes(node: Value) -> dict:
    """Return the dictionary of a node's label, `_backward` and user attributes, made when first asked for."""
    attributes = attributes_or_none(node)
    if attributes is None:
        attributes = {}
        if node._flags & Flag.NARY:
            cython.cast(Operands, node._extra).attributes = attributes
        else:
            node._extra = attributes
    return attributes


# A result of a compiled call has operands only once it is asked for them; that is written with Operands.
from chainrule.core.outcomes import open_result  # noqa: E402
