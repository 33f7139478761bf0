"""Arguments in containers and arrays of every kind: read rightly, or left to eager code, never misread."""

from __future__ import annotations

import array
import collections
import dataclasses
import types
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value
from tests.compiler.exactness.compiling import agree, agree_to_the_bit

w = [Value(0.5), Value(-1.25), Value(2.0)]
pytestmark = pytest.mark.filterwarnings("ignore::chainrule.CompileWarning")


def weighted(xs: Any) -> Any:
    return cr.sum([a * x for a, x in zip(w, xs, strict=True)]) + len(xs)


def of_matrix(X: Any) -> Any:
    return cr.sum([a * x * (i + 1) for i, row in enumerate(X) for a, x in zip(w, row, strict=True)])


class Numbers(list[float]):
    """A list with a say in what it holds."""

    def __getitem__(self, place: Any) -> Any:
        return 2.0 * super().__getitem__(place)

    def __iter__(self) -> Any:
        return (3.0 * x for x in super().__iter__())


class Point(NamedTuple):
    x: float
    y: float
    z: float


class OwnArray(np.ndarray[Any, Any]):
    """An array with a say in what it holds."""

    def __getitem__(self, place: Any) -> Any:
        return 2.0 * np.asarray(self)[place]


def unaligned(numbers: list[float]) -> Any:
    """Numbers that begin one byte beside where a float may."""
    raw = b"\0" + np.array(numbers).tobytes()
    return np.frombuffer(raw, dtype=np.uint8)[1:].view(np.float64)


CONTAINERS: dict[str, Any] = {
    "a list of its own kind": lambda k: Numbers([1.0 + k, 2.0, 3.0]),
    "a named tuple": lambda k: Point(1.0 + k, 2.0, 3.0),
    "a deque": lambda k: collections.deque([1.0 + k, 2.0, 3.0]),
    "an array of Python's": lambda k: array.array("d", [1.0 + k, 2.0, 3.0]),
    "whole numbers of Python's": lambda k: array.array("i", [1 + k, 2, 3]),
    "a memoryview": lambda k: memoryview(array.array("d", [1.0 + k, 2.0, 3.0])),
    "a range": lambda k: range(k, k + 3),
    "a tuple of numpy's numbers": lambda k: (np.float64(1.0 + k), np.float32(0.1), np.int64(3)),
    "an ordered dict's values": lambda k: collections.OrderedDict(a=1.0 + k, b=2.0, c=3.0).values(),
    "keys that are numbers": lambda k: {1.0 + k: "a", 20.0: "b", 30.0: "c"},
    "a set": lambda k: {1.0 + k, 20.0, 30.0},
    "a frozen set": lambda k: frozenset({1.0 + k, 20.0, 30.0}),
    "bytes": lambda k: bytes([1 + k, 2, 3]),
    "single precision": lambda k: np.array([0.1 + k, 0.2, 0.3], dtype=np.float32),
    "half precision": lambda k: np.array([0.1 + k, 0.2, 0.3], dtype=np.float16),
    "extended precision": lambda k: np.array([0.1 + k, 0.2, 0.3], dtype=np.longdouble),
    "the other byte order": lambda k: np.array([1.0 + k, 2.0, 3.0]).astype(">f8"),
    "whole numbers in the other byte order": lambda k: np.array([1 + k, 2, 3]).astype(">i4"),
    "unsigned bytes": lambda k: np.array([200 + k, 250, 3], dtype=np.uint8),
    "large whole numbers": lambda k: np.array([2**62 + k, -(2**53) - 1, 3], dtype=np.int64),
    "truth values": lambda k: np.array([k > 0, True, False]),
    "a read-only array": lambda k: _read_only(np.array([1.0 + k, 2.0, 3.0])),
    "an unaligned array": lambda k: unaligned([1.0 + k, 2.0, 3.0]),
    "a reversed array": lambda k: np.array([3.0, 2.0, 1.0 + k])[::-1],
    "every second number": lambda k: np.array([1.0 + k, 9.0, 2.0, 9.0, 3.0])[::2],
    "a broadcast array": lambda k: np.broadcast_to(np.array(1.5 + k), (3,)),
    "a column": lambda k: (np.arange(9.0).reshape(3, 3) + k)[:, 1],
    "an array of objects": lambda k: np.array([1.0 + k, Value(2.0), 3], dtype=object),
    "an array of its own kind": lambda k: np.array([1.0 + k, 2.0, 3.0]).view(OwnArray),
    "a masked array": lambda k: np.ma.array([1.0 + k, 2.0, 3.0], mask=[False, False, False]),
    "a view of a mapping": lambda k: types.MappingProxyType({1.0 + k: 0, 20.0: 0, 30.0: 0}),
}


def _read_only(numbers: Any) -> Any:
    numbers.flags.writeable = False
    return numbers


@pytest.mark.parametrize("options", [{"executor": "native"}, {"strict": True}], ids=["native", "strict"])
@pytest.mark.parametrize("name", CONTAINERS)
def test_three_numbers_in(name: str, options: dict[str, Any]) -> None:
    make = CONTAINERS[name]
    compiled = cr.compile(weighted, **options)
    for numbers in (make(0), make(1), [1.0, 2.0, 3.0], make(2), (1.0, 2.0, 3.0), make(1)):
        agree(compiled, weighted, (numbers,), w)


@pytest.mark.parametrize("name", ["single precision", "the other byte order", "an unaligned array", "unsigned bytes"])
def test_numbers_of_an_array_are_read_to_the_bit(name: str) -> None:
    make = CONTAINERS[name]
    compiled = cr.compile(weighted, strict=True)
    for k in (0, 1, 2):
        agree_to_the_bit(compiled, weighted, (make(k),), w)


MATRICES: dict[str, Any] = {
    "rows": lambda X: X,
    "columns first": np.asfortranarray,
    "transposed": lambda X: np.ascontiguousarray(X.T).T,
    "every second row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "from the last row on": lambda X: np.ascontiguousarray(X[::-1])[::-1],
    "a part of a larger one": lambda X: np.pad(X, 2)[2:-2, 2:-2],
    "one row for all": lambda X: np.broadcast_to(X[0], X.shape),
    "single precision": lambda X: X.astype(np.float32),
    "lists": lambda X: X.tolist(),
    "a list of rows": list,
    "a tuple of lists": lambda X: tuple(X.tolist()),
}


@pytest.mark.parametrize("name", MATRICES)
def test_a_matrix(name: str) -> None:
    """Also after another layout of the same shape, which shares its trace."""
    compiled = cr.compile(of_matrix, executor="native")
    for k in range(3):
        X = np.arange(12.0).reshape(4, 3) * 0.25 + k
        agree(compiled, of_matrix, (MATRICES[name](X),), w)
        agree(compiled, of_matrix, (X * 0.5,), w)
    assert compiled.report().eager_calls == 0


@dataclasses.dataclass
class Sample:
    features: list[float]
    target: float


def test_samples_in_dataclasses() -> None:
    """What is inside an object of a person's own is no argument: each object is traced by itself, or eager."""

    def f(samples: Any) -> Any:
        return sum((cr.dot(w, each.features) - each.target) ** 2 for each in samples)

    compiled = cr.compile(f)
    for k in range(3):
        agree(compiled, f, ([Sample([1.0 + k, 2.0, 3.0], 0.5), Sample([0.0, 1.0 * k, 1.0], -0.5)],), w)


def test_dictionaries_in_another_order() -> None:
    def f(x: Any) -> Any:
        first = next(iter(x.values()))
        return w[0] * first + w[1] * x["b"]

    compiled = cr.compile(f)
    for x in ({"a": 1.0, "b": 2.0}, {"b": 3.0, "a": 4.0}, {"a": 5.0, "b": 6.0}, {"b": 1.0}):
        agree(compiled, f, (x,), w)
    g = cr.compile(lambda x: w[0] * x["missing"])
    sevens: Any = collections.defaultdict(lambda: 7.0)
    eights: Any = collections.defaultdict(lambda: 8.0)
    assert [g(each).data for each in (sevens, eights, sevens)] == [3.5, 4.0, 3.5]


def test_keys_of_dictionaries() -> None:
    def f(x: Any) -> Any:
        return cr.sum([w[0] * key + w[1] * number for key, number in x.items()])

    compiled = cr.compile(f)
    for x in ({1: 2.0, 2: 3.0}, {1: 4.0, 3: 3.0}, {1.0: 2.0, 2: 5.0}, {True: 2.0}, {0.5: 1.0}):
        agree(compiled, f, (x,), w)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 0), (1, 1, 1), (2, 1, 2)])
def test_shapes(shape: tuple[int, ...]) -> None:
    def f(X: Any) -> Any:
        return cr.sum([w[0] * x for x in np.ravel(X)]) + w[1] * np.ndim(X) + w[2] * np.size(X)

    compiled = cr.compile(f)
    for k in (0.0, 1.0, 2.0):
        agree(compiled, f, (np.full(shape, 0.5 + k),), w)


def test_values_in_arrays_and_nested_lists() -> None:
    def f(vs: Any) -> Any:
        return cr.sum([v * v * a for v, a in zip(np.ravel(vs), w, strict=False)])

    compiled = cr.compile(f)
    for k in range(3):
        vs = [Value(1.0 + k), Value(2.0), Value(3.0)]
        agree(compiled, f, (np.array(vs, dtype=object),), [*vs, *w])
        agree(compiled, f, ([vs[:2], vs[1:]],), [*vs, *w])
        agree(compiled, f, ((vs[0], vs[0], w[0]),), [*vs, *w])


def test_long_lists() -> None:
    """Forty thousand numbers, in lists, rows and an array; later calls read them anew."""
    chance = np.random.default_rng(1)
    X = chance.normal(size=(10_000, 4))
    a = [Value(x) for x in (0.5, -1.0, 2.0, 0.25)]

    def f(X: Any) -> Any:
        return cr.mean([cr.dot(a, row if isinstance(row, list) else list(row)) ** 2 for row in X])

    compiled = cr.compile(f, executor="native")
    rows = X.tolist()
    agree(compiled, f, (rows,), a)
    rows[17][2] = 40.0
    rows[-1] = [9.0] * 4
    agree(compiled, f, (rows,), a)
    assert compiled.report().native_calls == 2
