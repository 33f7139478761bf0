"""Value: a number that remembers how it was made. Its fields, operators and methods.

What the methods call comes from the other parts, which need Value first: their imports stand at the end.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

if cython.compiled:
    from cython.cimports.chainrule._kernels import PyObject_GenericSetAttr

from chainrule.core.flags import Flag
from chainrule.errors import GraphError
from chainrule.ops.dispatch import Code
from chainrule.ops.row import BY_CODE, TABLE, Op


@cython.cclass
class Value:
    """A float64 that records the op and the operands it was made from.

    Args:
        data: any real number (int, float, Fraction, numpy scalar, 0-d array), kept as float64.
        _children: the operands, for an op of your own; then assign `_backward`.
        _op: the name of that op.
        label: a name for pictures and messages.

    Raises:
        NumberError: data is not a real number, or a child is not a Value.
    """

    # In this order what backward() touches lies together in one or two cache lines.
    _waiting: cython.int  # during backward(): users of this node that have not given their share yet
    _code: cython.short  # the op's code, Code.LEAF for a leaf, Code.CUSTOM for an op of the user's
    _flags: cython.short
    _grad: cython.double
    _left: Value | None
    _right: Value | None
    # ∂self/∂left and ∂self/∂right at the values of the forward pass; in place of a missing operand of a
    # binary op stands the plain number that it was
    _left_slope: cython.double
    _right_slope: cython.double
    _data: cython.double
    _extra: object  # None, a dict of attributes (label, _backward, the user's own), or Operands

    __array_priority__ = 1000  # numpy's scalars and arrays leave mixed arithmetic to Value

    def __init__(
        self,
        data: Any,
        _children: Iterable[Any] = (),
        _op: Any = "",
        label: Any = "",
    ) -> None:
        if not cython.compiled and "_code" not in vars(self):
            blank(self)
        if self._code != Code.LEAF:
            raise GraphError("this Value has operands already, and others may be made from it; make a new Value")
        settle()
        self._data = to_float(data, "Value") if not tracing_somewhere() else traced_number(self, data)
        if type(self) is not Value:
            self._flags |= Flag.TRACKED
        count_change()
        if _children != () and recording():
            make_custom(self, list(_children))
        if _op:
            set_op(self, str(_op))
        if label:
            self.label = label

    @property
    def data(self) -> float:
        """The number itself. Assigning it changes this node only; what was computed from it stays."""
        return seen(self, ".data of a Value")

    @data.setter
    def data(self, number: Any) -> None:
        set_data(self, to_float(number, "data"))

    @property
    def grad(self) -> float:
        """∂root/∂self of the last backward(); a leaf's accumulates over calls until it is set to 0."""
        not_while_tracing("it reads a gradient", "read it outside")
        settle_gradients()
        return self._grad

    @grad.setter
    def grad(self, number: Any) -> None:
        set_grad(self, to_float(number, "grad"))

    @property
    def label(self) -> str:
        """A name for pictures and messages, '' where none was given."""
        attributes = attributes_or_none(self)
        return "" if attributes is None else attributes.get("label", "")

    @label.setter
    def label(self, text: Any) -> None:
        own_attributes(self)["label"] = str(text)

    @property
    def _prev(self) -> tuple[Value, ...]:
        """The operands in order, with duplicates; a plain number appears as a Value without gradient."""
        return tuple(operands_of(self))

    @property
    def _op(self) -> str:
        """What made this node: '' for a leaf, else the op's symbol."""
        attributes = attributes_or_none(self)
        if attributes is not None and "_op" in attributes:
            return str(attributes["_op"])
        if self._code <= Code.LEAF:
            return "compiled" if self._code < Code.CUSTOM else ""
        symbol = str(BY_CODE[self._code].symbol)
        if not has_constant_exponent(self):
            return symbol
        return symbol + (str(int(self._right_slope)) if self._flags & Flag.INTEGER else repr(self._right_slope))

    @property
    def _backward(self) -> Callable[[], None]:
        """Add this node's share to the grad of each of its operands; assignable."""
        if has_closure(self):
            function: Callable[[], None] = own_attributes(self)["_backward"]
            return function
        return self._give_shares

    @_backward.setter
    def _backward(self, function: Callable[[], None]) -> None:
        set_backward(self, function)

    def _give_shares(self) -> None:
        give_shares(self)

    def backward(self) -> None:
        """Fill `grad` on every node that this one depends on; this one's becomes 1.

        Leaves accumulate over calls; interior nodes are computed afresh. One thread at a time: a `_backward`
        function must not wait for another thread's backward().

        Raises:
            GraphError: called, from inside a `_backward`, on a graph that is being differentiated.
        """
        not_while_tracing("it calls backward()", "return the Value and call backward() outside")
        stale: cython.int = run_backward(self)
        if stale:
            warnings.warn(
                f"backward() added to the gradients of {stale} parameter{'s' if stale > 1 else ''} whose data "
                "has changed since an earlier backward(): call zero_grad(), or set grad = 0, before each "
                "backward()",
                StaleGradientWarning,
                stacklevel=1 if cython.compiled else 2,
            )

    def detach(self) -> Value:
        """Return a leaf with the same data and label, cut off from the graph."""
        return detach(self)

    # Arithmetic: each operator is a row of the table, with a Value or a number on either side.

    def __add__(self, other: Any) -> Any:
        return operator(Code.ADD, self, other, False)

    def __radd__(self, other: Any) -> Any:
        return operator(Code.ADD, self, other, True)

    def __sub__(self, other: Any) -> Any:
        return operator(Code.SUBTRACT, self, other, False)

    def __rsub__(self, other: Any) -> Any:
        return operator(Code.SUBTRACT, self, other, True)

    def __mul__(self, other: Any) -> Any:
        return operator(Code.MULTIPLY, self, other, False)

    def __rmul__(self, other: Any) -> Any:
        return operator(Code.MULTIPLY, self, other, True)

    def __truediv__(self, other: Any) -> Any:
        return operator(Code.DIVIDE, self, other, False)

    def __rtruediv__(self, other: Any) -> Any:
        return operator(Code.DIVIDE, self, other, True)

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        if modulo is not None:
            return NotImplemented
        return operator(Code.POWER, self, other, False)

    def __rpow__(self, other: Any, modulo: Any = None) -> Any:
        if modulo is not None:
            return NotImplemented
        return operator(Code.POWER, self, other, True)

    def __neg__(self) -> Value:
        return unary(Code.NEGATIVE, self)

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return unary(Code.ABSOLUTE, self)

    # One line for each unary row that people call; a test holds them equal to the table. A row added while
    # the program runs is found by __getattr__.

    def exp(self) -> Value:
        return unary(Code.EXP, self)

    def log(self) -> Value:
        return unary(Code.LOG, self)

    def log1p(self) -> Value:
        return unary(Code.LOG1P, self)

    def expm1(self) -> Value:
        return unary(Code.EXPM1, self)

    def sqrt(self) -> Value:
        return unary(Code.SQRT, self)

    def sigmoid(self) -> Value:
        return unary(Code.SIGMOID, self)

    def tanh(self) -> Value:
        return unary(Code.TANH, self)

    def sinh(self) -> Value:
        return unary(Code.SINH, self)

    def cosh(self) -> Value:
        return unary(Code.COSH, self)

    def sin(self) -> Value:
        return unary(Code.SIN, self)

    def cos(self) -> Value:
        return unary(Code.COS, self)

    def tan(self) -> Value:
        return unary(Code.TAN, self)

    def asin(self) -> Value:
        return unary(Code.ASIN, self)

    def acos(self) -> Value:
        return unary(Code.ACOS, self)

    def atan(self) -> Value:
        return unary(Code.ATAN, self)

    def erf(self) -> Value:
        return unary(Code.ERF, self)

    def relu(self) -> Value:
        return unary(Code.RELU, self)

    def leaky_relu(self) -> Value:
        return unary(Code.LEAKY_RELU, self)

    def softplus(self) -> Value:
        return unary(Code.SOFTPLUS, self)

    def silu(self) -> Value:
        return unary(Code.SILU, self)

    def gelu(self) -> Value:
        return unary(Code.GELU, self)

    def __chainrule_apply__(self, op: Op, operands: Sequence[Any]) -> Any:
        """Apply a row to operands of which this Value is one; how the functions of the package reach it."""
        return apply(op, operands)

    def __getattr__(self, name: str) -> Any:
        attributes = attributes_or_none(self)
        if attributes is not None and name in attributes:
            return attributes[name]
        op = TABLE.get(name)
        if op is not None and op.public:
            return lambda *others: apply(op, (self, *others))
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        # Compiled only: a C structure has no dictionary, so what a program sets on a Value
        # (p.velocity = 0.0) is kept beside the label. Ordinary Python has its own dictionary.
        if hasattr(type(self), name) or type(self) is not Value:
            PyObject_GenericSetAttr(self, name, value)
        else:
            own_attributes(self)[name] = value
            track(self)
            track_attached(value)

    def __delattr__(self, name: str) -> None:
        attributes = attributes_or_none(self)
        if attributes is None or name not in attributes or hasattr(type(self), name):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}' to delete")
        del attributes[name]

    # A number among numbers: comparisons and conversions look at `data`; == and hash are identity.

    def __lt__(self, other: Any) -> Any:
        return compare(Code.LESS, self, other, False)

    def __le__(self, other: Any) -> Any:
        return compare(Code.LESS_EQUAL, self, other, False)

    def __gt__(self, other: Any) -> Any:
        return compare(Code.LESS, self, other, True)

    def __ge__(self, other: Any) -> Any:
        return compare(Code.LESS_EQUAL, self, other, True)

    def __eq__(self, other: object) -> Any:
        return same_object(self, other)

    def __hash__(self) -> int:
        if tracing_somewhere():
            identity_seen(self)
        return object.__hash__(self)

    def __bool__(self) -> bool:
        settle()
        return self._data != 0.0 if not tracing_somewhere() else seen_truth(self)

    def __float__(self) -> float:
        return seen(self, "float() of a Value")

    def __int__(self) -> int:
        return int(seen(self, "int() of a Value"))

    def __trunc__(self) -> int:
        return int(seen(self, "int() of a Value"))

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(seen(self, "round() of a Value"), ndigits)

    def __format__(self, specification: str) -> str:
        return format(seen(self, "the text of a Value"), specification) if specification else repr(self)

    def __repr__(self) -> str:
        not_while_tracing("it shows a Value as text, with its gradient", "return the Value and print it outside")
        settle_gradients()
        return f"Value(data={self._data}, grad={self._grad})"

    def _repr_html_(self) -> str:
        from chainrule.views.notebooks.values import value_html

        return value_html(self)

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, str]:
        from chainrule.views.notebooks.values import value_bundle

        return value_bundle(self)

    def __copy__(self) -> Value:
        from chainrule.pickling import copy_node

        return copy_node(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        from chainrule.pickling import reduce_value

        return reduce_value(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, attribute in state.items():
            setattr(self, name, attribute)


if not cython.compiled:
    # Only a C structure needs them; ordinary Python keeps attributes in a dictionary of its own.
    del Value.__setattr__, Value.__delattr__
    Value.__module__ = "chainrule.engine"

# The other parts are written with Value, so it comes first and takes them in afterwards.
from chainrule.core.backward import StaleGradientWarning, run_backward  # noqa: E402
from chainrule.core.deferring import settle  # noqa: E402
from chainrule.core.making import apply, detach, make_custom, operator, set_backward, unary  # noqa: E402
from chainrule.core.node import blank  # noqa: E402
from chainrule.core.numbers import count_change, set_data, set_grad, to_float  # noqa: E402
from chainrule.core.operands import (  # noqa: E402
    attributes_or_none,
    has_constant_exponent,
    operands_of,
    own_attributes,
)
from chainrule.core.owing import settle_gradients  # noqa: E402
from chainrule.core.recording import recording  # noqa: E402
from chainrule.core.standins import seen_truth, traced_number  # noqa: E402
from chainrule.core.symbolic import compare, same_object  # noqa: E402
from chainrule.core.tracing import identity_seen, not_while_tracing, seen, tracing_somewhere  # noqa: E402
from chainrule.core.tracking import track, track_attached  # noqa: E402
from chainrule.core.walking import give_shares, has_closure, set_op  # noqa: E402
