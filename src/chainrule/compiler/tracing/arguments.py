"""Arguments in: their structure as a pattern, and stand-ins in place of their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from types import GeneratorType
from typing import Any, TypeAlias

from chainrule.compiler.tracing.arrays import array_of_stand_ins
from chainrule.compiler.tracing.refusing import refusal
from chainrule.engine import Value, number_argument, value_argument

# ('number', kind), ('list', patterns) …: see `Flattening.copy`, which makes them, and `Reading`, which reads by them.
Pattern: TypeAlias = tuple[Any, ...]

NUMBER: Pattern = ("number", None)
VALUE: Pattern = ("value",)
LARGEST_INTEGER = 2**53  # integers beyond it are not float64 numbers
# Objects of these types are the same argument when they are equal; all others when they are the same object.
BY_VALUE = (str, bytes, bool, type(None), Fraction, range, complex, type(Ellipsis), frozenset)
DEEPEST = 100


def is_free_kind(kind: type) -> bool:
    """Tell whether numbers of this class compute as float64 does, so that one may take the place of another."""
    if kind is float or kind is int:
        return True
    return kind.__module__ == "numpy" and kind.__name__ in ("float64", "int64")


def is_number_kind(kind: type) -> bool:
    """Tell whether this is the class of a real number that a program may be given."""
    if kind is float or kind is int:
        return True
    if kind.__module__ != "numpy":
        return False
    import numpy as np

    return issubclass(kind, (np.integer, np.floating)) and np.dtype(kind).itemsize <= 8


@dataclass
class Flattening:
    """Replaces numbers and Values among arguments by what stands for them, in one pass.

    Attributes:
        numbers: how many numbers there were so far.
        kinds: the class of each, by its place.
        input_groups: where each group of numbers begins, see `Program.input_groups`.
        values: the Values so far.
        value_groups: where those of each argument begin, from 0.
        copies: the lists, dicts and arrays that were made, each with what it held.
    """

    numbers: int = 0
    kinds: list[type] = field(default_factory=list)
    input_groups: list[int] = field(default_factory=lambda: [0])
    values: list[Value] = field(default_factory=list)
    value_groups: list[int] = field(default_factory=lambda: [0])
    copies: list[tuple[Any, Any]] = field(default_factory=list)

    def argument(self, given: Any) -> tuple[Any, Pattern]:
        """Return what the function is given for one of the arguments, and its pattern."""
        copied = self.copy(given, DEEPEST)
        self._end_group()
        if len(self.values) > self.value_groups[-1]:
            self.value_groups.append(len(self.values))
        return copied

    def copy(self, given: Any, depth: int) -> tuple[Any, Pattern]:
        """Return what stands for a part of an argument, and its pattern."""
        kind = type(given)
        if kind is Value:
            self.values.append(given)
            return value_argument(given, len(self.values) - 1), VALUE
        if is_number_kind(kind):
            return self._number(given, kind)
        if depth == 0:
            raise refusal("an argument is nested too deep, or contains itself", "give it flatter lists")
        if kind.__module__ == "numpy" and kind.__name__ == "ndarray":
            return self._array(given, depth)
        if kind in (list, tuple, dict) or (isinstance(given, tuple) and hasattr(kind, "_fields")):
            return self._container(given, kind, depth)
        return given, ("static", _static(given))

    def _container(self, given: Any, kind: Any, depth: int) -> tuple[Any, Pattern]:
        made, patterns = self._all(given.values() if kind is dict else given, depth)
        copied: Any = made
        if kind is dict:
            copied = dict(zip(given, made, strict=True))
            pattern: Pattern = ("dict", tuple(given), patterns)
        elif kind in (list, tuple):
            copied = made if kind is list else tuple(made)
            pattern = (kind.__name__, patterns)
        else:
            copied = kind(*made)
            pattern = ("namedtuple", kind, patterns)
        if kind in (list, dict):
            self.copies.append((copied, copied.copy()))
        return copied, pattern

    def _all(self, items: Any, depth: int) -> tuple[list[Any], tuple[Pattern, ...]]:
        pairs = [self.copy(item, depth - 1) for item in items]
        return [copied for copied, _ in pairs], tuple([pattern for _, pattern in pairs])

    def _number(self, given: Any, kind: type) -> tuple[Any, Pattern]:
        if kind is int and abs(given) > LARGEST_INTEGER:
            raise refusal(f"an argument is the integer {given}, beyond 2**53", "give a float", depends_on_data=True)
        self.numbers += 1
        self.kinds.append(kind)
        return number_argument(float(given), kind, self.numbers - 1), NUMBER if is_free_kind(kind) else ("number", kind)

    def _array(self, given: Any, depth: int) -> tuple[Any, Pattern]:
        import numpy as np

        if given.dtype.kind == "O":
            made, patterns = self._all(given.ravel().tolist(), depth)
            return self._filled(given.shape, made), ("objects", given.shape, patterns)
        if given.dtype.kind not in "fiu" or given.dtype.itemsize > 8:
            return given, ("static", given.copy())
        self._end_group()
        kind = given.dtype.type
        first = self.numbers
        flat = np.ascontiguousarray(given, dtype=np.float64).ravel().tolist()
        made = [number_argument(number, kind, place) for place, number in enumerate(flat, first)]
        self.numbers += len(flat)
        self.kinds += [kind] * len(flat)
        self._end_group()
        return self._filled(given.shape, made), ("array", given.shape, given.dtype.str)

    def _filled(self, shape: tuple[int, ...], made: list[Any]) -> Any:
        import numpy as np

        array = np.empty(len(made), dtype=object)
        array[:] = made
        array = array_of_stand_ins(array.reshape(shape))
        self.copies.append((array, made))
        return array

    def _end_group(self) -> None:
        if self.numbers > self.input_groups[-1]:
            self.input_groups.append(self.numbers)

    def changed(self) -> bool:
        """Tell whether the function has changed one of the lists, dicts or arrays that it was given."""
        return any(_differs(copied, before) for copied, before in self.copies)


def _differs(copied: Any, before: Any) -> bool:
    if isinstance(copied, dict):
        return list(copied) != list(before) or any(copied[key] is not before[key] for key in before)
    now = copied if isinstance(copied, list) else [*copied.flat]
    return len(now) != len(before) or any(one is not other for one, other in zip(now, before, strict=True))


def _static(given: Any) -> Any:
    """Return an argument that is part of the structure, if it may be."""
    if isinstance(given, Value):
        raise refusal("an argument is of a subclass of Value", "give it Values")
    if isinstance(given, BY_VALUE):
        return given
    kind = type(given).__name__
    contains = isinstance(given, (Sequence, Mapping, GeneratorType)) or hasattr(given, "__array__")
    if contains or hasattr(given, "__iter__") or hasattr(given, "__next__"):
        raise refusal(f"an argument is of type '{kind}'", "give lists, tuples, dicts or numpy arrays of numbers")
    return given


def same_static(expected: Any, given: Any) -> bool:
    """Tell whether an argument that is part of the structure is the same as that of the trace."""
    if expected is given:
        return True
    if type(expected) is not type(given):
        return False
    if hasattr(expected, "dtype"):
        return expected.dtype == given.dtype and expected.shape == given.shape and bool((expected == given).all())
    return isinstance(expected, BY_VALUE) and bool(expected == given)


def with_kinds(pattern: Pattern, kinds: Sequence[type], looked: set[int]) -> Pattern:
    """Return the pattern with the class of every number whose class was looked at."""
    if not looked:
        return pattern
    count = iter(range(len(kinds)))

    def again(part: Pattern) -> Pattern:
        head = part[0]
        if head == "number":
            place = next(count)
            return ("number", kinds[place]) if place in looked else part
        if head == "array":
            for _ in range(prod(part[1])):
                next(count)
        if head == "call":
            return ("call", tuple(map(again, part[1])), part[2], tuple(map(again, part[3])))
        if head in ("list", "tuple"):
            return (head, tuple(map(again, part[1])))
        if head in ("dict", "namedtuple", "objects"):
            return (head, part[1], tuple(map(again, part[2])))
        return part

    return again(pattern)


class _MismatchError(Exception):
    """The arguments do not have the pattern."""


def read_arguments(
    pattern: Pattern, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[list[float], list[Value]] | None:
    """Return the numbers and the Values of a call by their places, None where it does not have the pattern.

    This is the definition; the engine's reader is a faster one.
    """
    numbers: list[float] = []
    values: list[Value] = []
    _, positional, names, keyword = pattern
    if len(args) != len(positional) or tuple(kwargs) != names:
        return None
    try:
        for part, given in zip((*positional, *keyword), (*args, *kwargs.values()), strict=True):
            _read(part, given, numbers, values)
    except _MismatchError:
        return None
    return numbers, values


def _read(pattern: Pattern, given: Any, numbers: list[float], values: list[Value]) -> None:
    head = pattern[0]
    if head == "number":
        _check(is_free_kind(type(given)) if pattern[1] is None else type(given) is pattern[1])
        _check(type(given) is not int or abs(given) <= LARGEST_INTEGER)
        numbers.append(float(given))
    elif head == "value":
        _check(type(given) is Value)
        values.append(given)
    elif head == "static":
        _check(same_static(pattern[1], given))
    elif head == "array":
        _check(_is_array(given) and given.shape == pattern[1] and given.dtype.str == pattern[2])
        numbers.extend(given.astype(float).ravel().tolist())
    else:
        for part, item in zip(pattern[-1], _items(pattern, given), strict=True):
            _read(part, item, numbers, values)


def _items(pattern: Pattern, given: Any) -> list[Any]:
    """Return the parts of a container that has the pattern's type and size."""
    head = pattern[0]
    if head == "objects":
        _check(_is_array(given) and given.dtype.kind == "O" and given.shape == pattern[1])
        return list(given.ravel().tolist())
    if head == "dict":
        _check(type(given) is dict and _same_keys(pattern[1], tuple(given)))
        return list(given.values())
    kind: Any = {"list": list, "tuple": tuple}.get(head, pattern[1])
    _check(type(given) is kind and len(given) == len(pattern[-1]))
    return list(given)


def _same_keys(expected: tuple[Any, ...], given: tuple[Any, ...]) -> bool:
    return len(expected) == len(given) and all(
        type(one) is type(other) and one == other for one, other in zip(expected, given, strict=True)
    )


def _is_array(given: Any) -> bool:
    kind = type(given)
    return bool(kind.__name__ == "ndarray" and kind.__module__ == "numpy")


def _check(holds: bool) -> None:
    if not holds:
        raise _MismatchError
