"""Stand-ins: what a traced function is given for the numbers among its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.kinds import as_kind, kind_after
from chainrule.core.making import apply, binary, number_and_value, operator, unary, value_and_number
from chainrule.core.node import new_node
from chainrule.core.numbers import number_or_none, to_float
from chainrule.core.recording import record
from chainrule.core.tracing import (
    Traced,
    identity_seen,
    listener,
    node_of,
    nodes_of,
    refuse,
    tracing_here,
    tracing_somewhere,
)
from chainrule.core.value import Value
from chainrule.ops.dispatch import Code, binary_value
from chainrule.ops.row import BY_CODE, TABLE, Op

LARGEST_FLOAT = cython.declare(cython.double, 1.7976931348623157e308)


@cython.final
@cython.no_gc
@cython.cclass
class StandIn(Traced):
    """A number that is not known yet: arithmetic gives stand-ins, or Values, and is recorded.

    It says that its class is the number's. A comparison gives a stand-in of a truth. What needs the number itself
    is answered with that of the trace, and the listener is told.
    """

    __array_priority__ = 1000  # numpy's scalars and arrays leave mixed arithmetic to it

    @property
    def __class__(self) -> Any:
        """The number's class."""
        if tracing_here():
            listener().kind(self.node)
        return self.kind

    def __add__(self, other: Any) -> Any:
        return arithmetic(Code.ADD, self, other, False)

    def __radd__(self, other: Any) -> Any:
        return arithmetic(Code.ADD, self, other, True)

    def __sub__(self, other: Any) -> Any:
        return arithmetic(Code.SUBTRACT, self, other, False)

    def __rsub__(self, other: Any) -> Any:
        return arithmetic(Code.SUBTRACT, self, other, True)

    def __mul__(self, other: Any) -> Any:
        return arithmetic(Code.MULTIPLY, self, other, False)

    def __rmul__(self, other: Any) -> Any:
        return arithmetic(Code.MULTIPLY, self, other, True)

    def __truediv__(self, other: Any) -> Any:
        return arithmetic(Code.DIVIDE, self, other, False)

    def __rtruediv__(self, other: Any) -> Any:
        return arithmetic(Code.DIVIDE, self, other, True)

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        if modulo is not None:
            return pow(looked_at(self, "pow()"), _plain(other), _plain(modulo))
        return arithmetic(Code.POWER, self, other, False)

    def __rpow__(self, other: Any, modulo: Any = None) -> Any:
        if modulo is not None:
            return pow(_plain(other), looked_at(self, "pow()"), _plain(modulo))
        return arithmetic(Code.POWER, self, other, True)

    def __neg__(self) -> Any:
        return _sign(Code.NEGATIVE, self)

    def __abs__(self) -> Any:
        return _sign(Code.ABSOLUTE, self)

    def __pos__(self) -> Any:
        return stand_in(self.node, int) if self.kind is bool else self

    def __lt__(self, other: Any) -> Any:
        return compare_number(Code.LESS, self, other, False)

    def __le__(self, other: Any) -> Any:
        return compare_number(Code.LESS_EQUAL, self, other, False)

    def __gt__(self, other: Any) -> Any:
        return compare_number(Code.LESS, self, other, True)

    def __ge__(self, other: Any) -> Any:
        return compare_number(Code.LESS_EQUAL, self, other, True)

    def __eq__(self, other: object) -> Any:
        return compare_number(Code.EQUAL, self, other, False)

    def __ne__(self, other: object) -> Any:
        same = compare_number(Code.EQUAL, self, other, False)
        return same if same is NotImplemented else negation(same)

    def __bool__(self) -> bool:
        return truth_of(self)

    # From here on Python sees the number.

    def __hash__(self) -> int:
        return hash(looked_at(self, "a hash"))

    def __float__(self) -> float:
        return float(looked_at_float(self, "float()"))

    def __int__(self) -> int:
        return int(looked_at(self, "int()"))

    def __index__(self) -> int:
        return looked_at(self, "an index").__index__()

    def __complex__(self) -> complex:
        return complex(looked_at(self, "complex()"))

    def __trunc__(self) -> int:
        return int(looked_at(self, "int()"))

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(looked_at(self, "round()"), ndigits)

    def __floordiv__(self, other: Any) -> Any:
        return looked_at(self, "//") // _plain(other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _plain(other) // looked_at(self, "//")

    def __mod__(self, other: Any) -> Any:
        return looked_at(self, "%") % _plain(other)

    def __rmod__(self, other: Any) -> Any:
        return _plain(other) % looked_at(self, "%")

    def __divmod__(self, other: Any) -> Any:
        return divmod(looked_at(self, "divmod()"), _plain(other))

    def __rdivmod__(self, other: Any) -> Any:
        return divmod(_plain(other), looked_at(self, "divmod()"))

    def __and__(self, other: Any) -> Any:
        return _both_or_either(Code.MULTIPLY, self, other)

    def __rand__(self, other: Any) -> Any:
        return _both_or_either(Code.MULTIPLY, self, other)

    def __or__(self, other: Any) -> Any:
        return _both_or_either(Code.MAXIMUM, self, other)

    def __ror__(self, other: Any) -> Any:
        return _both_or_either(Code.MAXIMUM, self, other)

    def __xor__(self, other: Any) -> Any:
        return looked_at(self, "^") ^ _plain(other)

    def __rxor__(self, other: Any) -> Any:
        return _plain(other) ^ looked_at(self, "^")

    def __lshift__(self, other: Any) -> Any:
        return looked_at(self, "<<") << _plain(other)

    def __rlshift__(self, other: Any) -> Any:
        return _plain(other) << looked_at(self, "<<")

    def __rshift__(self, other: Any) -> Any:
        return looked_at(self, ">>") >> _plain(other)

    def __rrshift__(self, other: Any) -> Any:
        return _plain(other) >> looked_at(self, ">>")

    def __invert__(self) -> Any:
        return ~looked_at(self, "~")

    def __str__(self) -> str:
        return str(looked_at(self, "its text"))

    def __repr__(self) -> str:
        return repr(looked_at(self, "its text"))

    def __format__(self, specification: str) -> str:
        return format(looked_at(self, "its text"), specification)

    def __copy__(self) -> StandIn:
        return self

    def __deepcopy__(self, _memo: Any) -> StandIn:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        return looked_at(self, "a pickle of it").__reduce_ex__(protocol)

    def __chainrule_apply__(self, op: Op, operands: Sequence[Any]) -> Any:
        """Apply a row to operands of which this is one: a Value among them gives a Value, else a stand-in."""
        originals = list(operands)
        return of_numbers(apply(op, nodes_of(originals)), originals)

    def __getattr__(self, name: str) -> Any:
        op = TABLE.get(name)
        if op is not None and op.public:  # numpy calls them: np.exp(x) is x.exp()
            return lambda *others: op(self, *others)
        if not hasattr(self.kind, name):
            raise AttributeError(f"'{self.kind.__name__}' object has no attribute '{name}'")
        if name == "real" or name == "conjugate":
            return self if name == "real" else self.__pos__
        if name == "item" or name == "tolist":
            return lambda: stand_in(self.node, float if issubclass(self.kind, float) else int)
        if name == "ndim" or name == "size" or name == "shape":
            return () if name == "shape" else int(name == "size")
        return getattr(looked_at(self, f"its attribute '{name}'"), name)


@cython.cfunc
def stand_in(node: Value, kind: type) -> StandIn:
    """Return the stand-in for a node's number."""
    made: StandIn = StandIn.__new__(StandIn)
    made.node = node
    made.kind = kind
    return made


@cython.cfunc
def of_numbers(result: object, originals: list) -> object:
    """Return what was computed of the nodes of these operands: without a Value among them, a number."""
    if not isinstance(result, Value):
        return result
    found: cython.bint = False
    for each in originals:
        if isinstance(each, Value):
            return result
        found = found or type(each) is StandIn
    return stand_in(cython.cast(Value, result), float) if found else result


@cython.cfunc
def arithmetic(code: cython.int, number: StandIn, other: object, reflected: cython.bint) -> object:
    """Apply a binary operator to a stand-in and whatever stands on its other side."""
    node: Value = node_of(number)
    kind: type
    second: object
    if isinstance(other, Value):
        return operator(code, node, other, reflected)
    if type(other) is StandIn:
        kind = cython.cast(StandIn, other).kind
        second = node_of(cython.cast(StandIn, other))
    elif getattr(other, "ndim", 0):
        return _with_array(code, number, other, reflected)
    else:
        second = other if isinstance(other, (float, int)) else number_or_none(other)
        if second is None:
            return NotImplemented
        kind = type(other)
    if number.kind is float and kind is float:
        pass
    else:
        kind = kind_after(code, kind if reflected else number.kind, number.kind if reflected else kind, other)
        if kind is None:
            return _unlike_python(code, number, other, reflected)
    if code == Code.DIVIDE and (reflected or isinstance(second, Value) or not second):
        _guard_division(number if reflected else other, kind)
    result: Value = operator(code, node, second, reflected)
    if code == Code.POWER and kind is not int:
        _guard_power(result)
    return stand_in(result, kind)


@cython.cfunc
def _unlike_python(code: cython.int, number: StandIn, other: object, reflected: cython.bint) -> object:
    """Compute with the numbers themselves what depends on more than them, as an int to the power of an int."""
    from operator import add, mul, pow, sub, truediv

    if code != Code.POWER:
        refuse(
            f"it computes '{BY_CODE[code].symbol}' of numbers of the types {number.kind.__name__} and "
            f"{type(_plain(other)).__name__}, which round or overflow in their own way",
            "convert them first: X.astype(float)",
        )
    left, right = (_plain(other), number) if reflected else (number, _plain(other))
    functions = {Code.ADD: add, Code.SUBTRACT: sub, Code.MULTIPLY: mul, Code.DIVIDE: truediv, Code.POWER: pow}
    return functions[code](_plain(left), _plain(right))


@cython.cfunc
def _with_array(code: cython.int, number: StandIn, array: Any, reflected: cython.bint) -> object:
    """Apply a binary operator to a stand-in and each element of a numpy array; return an object array."""
    import numpy as np

    alone = np.empty((), dtype=object)
    alone[()] = number
    others = array.astype(object)
    left, right = (others, alone) if reflected else (alone, others)
    return getattr(np, BY_CODE[code].name)(left, right, dtype=object)


@cython.cfunc
def _guard_division(divisor: object, kind: type) -> object:
    """Make sure that later divisors are not 0 either, where Python raises and numpy warns."""
    node: Value
    if type(divisor) is StandIn:
        node = cython.cast(StandIn, divisor).node
        if listener().once(node):
            listener().truth(binary(Code.EQUAL, node, _constant(0.0)), node._data == 0.0, "a divisor, whether it is 0")
        if node._data != 0.0:
            return None
    if kind is float:
        raise ZeroDivisionError("float division by zero")
    refuse("it divides a number by 0", "leave such numbers out", True)


@cython.cfunc
def _guard_power(result: Value) -> object:
    """Make sure that later powers are finite too, where Python raises or gives complex numbers."""
    finite: Value = value_and_number(Code.LESS_EQUAL, unary(Code.ABSOLUTE, result), LARGEST_FLOAT)
    if not finite._data:
        refuse("a power of numbers is not finite, or complex", "leave such numbers out", True)
    listener().truth(finite, True, "a power, whether it is finite")


@cython.cfunc
def _constant(number: cython.double) -> Value:
    return new_node(Code.LEAF, number)


@cython.cfunc
def _sign(code: cython.int, number: StandIn) -> object:
    kind: type = kind_after(code, number.kind, int, 1)
    if kind is None:
        return _unlike_python(code, number, 1, False)
    return stand_in(unary(code, node_of(number)), kind)


@cython.cfunc
def _both_or_either(code: cython.int, number: StandIn, other: object) -> object:
    """Apply `&` or `|`: of truths it is a product or a maximum, of integers Python's business."""
    if number.kind is bool and type(other) is StandIn and cython.cast(StandIn, other).kind is bool:
        return stand_in(binary(code, node_of(number), node_of(cython.cast(StandIn, other))), bool)
    left, right = looked_at(number, "& or |"), _plain(other)
    return left & right if code == Code.MULTIPLY else left | right


@cython.cfunc
def compare_number(code: cython.int, number: StandIn, other: object, swapped: cython.bint) -> object:
    """Compare a stand-in with a number, a stand-in or a Value: a stand-in of a truth."""
    if code == Code.EQUAL and isinstance(other, Value):
        return NotImplemented  # == of a Value is identity
    if getattr(other, "ndim", 0):
        return _with_array(code, number, other, swapped)
    if type(other) is StandIn and kind_after(code, number.kind, cython.cast(StandIn, other).kind, 1) is None:
        return _unlike_python(code, number, other, False)
    return compare_nodes(code, node_of(number), other, swapped)


@cython.cfunc
def compare(code: cython.int, value: Value, other: object, swapped: cython.bint) -> object:
    """Compare a Value with whatever stands on the other side: a truth, or while tracing a stand-in of one."""
    if tracing_somewhere() and tracing_here():
        return compare_nodes(code, value, other, swapped)
    number = number_or_none(other)
    if number is None:
        return NotImplemented
    a: cython.double = value._data
    b: cython.double = number
    return binary_value(code, b, a) != 0.0 if swapped else binary_value(code, a, b) != 0.0


@cython.cfunc
def same_object(value: Value, other: object) -> object:
    """Answer `==` of a Value, which is identity; the same for all but a trace, whose Values stand for others."""
    if tracing_somewhere() and value is not other and isinstance(other, Value):
        identity_seen()
    return True if value is other else NotImplemented


@cython.cfunc
def compare_nodes(code: cython.int, node: Value, other: object, swapped: cython.bint) -> object:
    """Compare a node's number with whatever stands on the other side: a stand-in of a truth."""
    result: Value
    if isinstance(other, Value):
        second = other
    elif type(other) is StandIn:
        second = node_of(cython.cast(StandIn, other))
    else:
        second = other if isinstance(other, (float, int)) else number_or_none(other)
        if second is None:
            return NotImplemented
    result = operator(code, node, second, swapped)
    return stand_in(result, bool)


@cython.cfunc
def negation(condition: object) -> object:
    """Return the opposite of a truth."""
    if type(condition) is not StandIn:
        return not condition if isinstance(condition, bool) else condition != True  # noqa: E712 - of arrays too
    return stand_in(number_and_value(Code.SUBTRACT, 1.0, node_of(cython.cast(StandIn, condition))), bool)


@cython.cfunc
def truth_of(number: StandIn) -> cython.bint:
    """Return whether a stand-in is true, and have it guarded."""
    node: Value = node_of(number)
    if number.kind is bool:
        listener().truth(node, node._data != 0.0, "the truth of a comparison")
        return node._data != 0.0
    return seen_truth(node)


@cython.cfunc
def traced_number(node: Value, data: object) -> cython.double:
    """Return the number of a new Value; one that is made of a stand-in, while tracing, becomes a node."""
    if type(data) is not StandIn:
        record(node)
        return to_float(data, "Value")
    source: Value = node_of(cython.cast(StandIn, data))
    record(node)
    node._code = Code.DETACHED
    node._left = source
    return source._data


@cython.cfunc
def seen_truth(node: Value) -> cython.bint:
    """Return whether a number is not 0, and have it guarded."""
    if tracing_here():
        zero: Value = value_and_number(Code.EQUAL, node, 0.0)
        listener().truth(zero, zero._data != 0.0, "whether a number is 0")
    return node._data != 0.0


@cython.cfunc
def looked_at(number: StandIn, what: str) -> Any:
    """Return the number itself, of its class, and have both guarded."""
    node: Value = node_of(number)
    listener().kind(node)
    listener().exact(node, node._data, what)
    plain = as_kind(node._data, number.kind)
    if plain is None:
        refuse(f"it looks at an integer beyond 2**53, {node._data:g}", "use smaller numbers", True)
    return plain


@cython.cfunc
def looked_at_float(number: StandIn, what: str) -> cython.double:
    """Return the number as a float, and have it guarded."""
    node: Value = node_of(number)
    listener().exact(node, node._data, what)
    return node._data


@cython.cfunc
def _plain(other: object) -> Any:
    """Return the number itself where this is a stand-in or a Value."""
    if type(other) is StandIn:
        return looked_at(cython.cast(StandIn, other), "an operand of integer arithmetic")
    return other
