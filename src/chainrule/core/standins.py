"""Stand-ins: what a traced function is given for the numbers among its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from chainrule.core.kinds import as_kind
from chainrule.core.making import apply, value_and_number
from chainrule.core.numbers import to_float
from chainrule.core.recording import record
from chainrule.core.tracing import Traced, is_alive, listener, nodes_of, number_of_old, refuse, tracing_here
from chainrule.core.value import Value
from chainrule.ops.dispatch import Code
from chainrule.ops.row import TABLE, Op


@cython.final
@cython.no_gc
@cython.cclass
class StandIn(Traced):
    """A number that is not known yet: arithmetic gives stand-ins, or Values, and is recorded.

    It says that its class is the number's. A comparison gives a stand-in of a truth. What needs the number itself
    is answered with that of the trace, and the listener is told.
    """

    __array_priority__ = 1000  # numpy's scalars and arrays leave mixed arithmetic to it

    @property  # type: ignore[misc]  # nobody assigns it
    def __class__(self) -> Any:
        """The number's class."""
        if is_alive(self):
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
            return pow(looked_at(self, "an operand of pow()"), plain(other), plain(modulo))
        return arithmetic(Code.POWER, self, other, False)

    def __rpow__(self, other: Any, modulo: Any = None) -> Any:
        if modulo is not None:
            return pow(plain(other), looked_at(self, "an operand of pow()"), plain(modulo))
        return arithmetic(Code.POWER, self, other, True)

    def __neg__(self) -> Any:
        return sign(Code.NEGATIVE, self)

    def __abs__(self) -> Any:
        return sign(Code.ABSOLUTE, self)

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
        return looked_at(self, "an operand of //") // plain(other)

    def __rfloordiv__(self, other: Any) -> Any:
        return plain(other) // looked_at(self, "an operand of //")

    def __mod__(self, other: Any) -> Any:
        return looked_at(self, "an operand of %") % plain(other)

    def __rmod__(self, other: Any) -> Any:
        return plain(other) % looked_at(self, "an operand of %")

    def __divmod__(self, other: Any) -> Any:
        return divmod(looked_at(self, "an operand of divmod()"), plain(other))

    def __rdivmod__(self, other: Any) -> Any:
        return divmod(plain(other), looked_at(self, "an operand of divmod()"))

    def __and__(self, other: Any) -> Any:
        return both_or_either(Code.MULTIPLY, self, other)

    def __rand__(self, other: Any) -> Any:
        return both_or_either(Code.MULTIPLY, self, other)

    def __or__(self, other: Any) -> Any:
        return both_or_either(Code.MAXIMUM, self, other)

    def __ror__(self, other: Any) -> Any:
        return both_or_either(Code.MAXIMUM, self, other)

    def __xor__(self, other: Any) -> Any:
        return looked_at(self, "an operand of ^") ^ plain(other)

    def __rxor__(self, other: Any) -> Any:
        return plain(other) ^ looked_at(self, "an operand of ^")

    def __lshift__(self, other: Any) -> Any:
        return looked_at(self, "an operand of <<") << plain(other)

    def __rlshift__(self, other: Any) -> Any:
        return plain(other) << looked_at(self, "an operand of <<")

    def __rshift__(self, other: Any) -> Any:
        return looked_at(self, "an operand of >>") >> plain(other)

    def __rrshift__(self, other: Any) -> Any:
        return plain(other) >> looked_at(self, "an operand of >>")

    def __invert__(self) -> Any:
        return ~looked_at(self, "an operand of ~")

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
        nodes = nodes_of(originals)
        if not any(isinstance(node, Value) for node in nodes):
            return op(*nodes)
        return of_numbers(apply(op, nodes), originals)

    def __getattr__(self, name: str) -> Any:
        op = TABLE.get(name)
        if op is not None and op.public:  # numpy calls them: np.exp(x) is x.exp()
            return lambda *others: op(self, *others)
        if not hasattr(self.kind, name) or name == "dtype" or name.startswith("__"):  # numpy asks for these
            raise AttributeError(f"'{self.kind.__name__}' object has no attribute '{name}'")
        if name == "real" or name == "conjugate":
            return self if name == "real" else self.__pos__
        if name == "item" or name == "tolist":
            return lambda: stand_in(self.node, float if "float" in self.kind.__name__ else int)
        if name == "ndim" or name == "size" or name == "shape":
            return () if name == "shape" else int(name == "size")
        return getattr(looked_at(self, f"its attribute '{name}'"), name)


@cython.cfunc
def stand_in(node: Value, kind: Any) -> StandIn:
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
        if type(each) is StandIn:
            found = True
        elif isinstance(each, Value):
            return result
    return stand_in(cython.cast(Value, result), float) if found else result


@cython.cfunc
def truth_of(number: StandIn) -> cython.bint:
    """Return whether a stand-in is true, and have it guarded."""
    node: Value = number.node
    if not is_alive(number):
        return node._data != 0.0
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
    source: Value = cython.cast(StandIn, data).node
    record(node)
    if not is_alive(cython.cast(StandIn, data)):
        return source._data
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
    node: Value = number.node
    if not is_alive(number):
        return number_of_old(number)
    listener().kind(node)
    listener().exact(node, node._data, what)
    plain = as_kind(node._data, number.kind)
    if plain is None:
        refuse(f"it looks at an integer beyond 2**53, {node._data:g}", "use smaller numbers", True)
    return plain


@cython.cfunc
def looked_at_float(number: StandIn, what: str) -> cython.double:
    """Return the number as a float, and have it guarded."""
    if is_alive(number):
        listener().exact(number.node, number.node._data, what)
    return number.node._data


@cython.cfunc
def plain(other: object) -> Any:
    """Return the number itself where this is a stand-in or a Value."""
    if type(other) is StandIn:
        return looked_at(cython.cast(StandIn, other), "an operand of integer arithmetic")
    return other


# Their arithmetic is written with stand-ins, so the class comes first and takes it in afterwards.
from chainrule.core.symbolic import arithmetic, both_or_either, compare_number, negation, sign  # noqa: E402
