"""Everything that Python does with a number, as expressions of one argument: compiled, each gives what eager gives."""

from __future__ import annotations

import array
import bisect
import collections
import copy
import datetime
import decimal
import fractions
import functools
import heapq
import itertools
import json
import math
import numbers
import operator
import pickle
import re
import statistics
import string
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import Value

EXPRESSIONS = """\
n.bit_length()
n & 1
n << 2
n >> 1
~n
n ^ 3
n | 8
-n // 2
n % 3
pow(n, 2, 7)
divmod(n, 3)[1]
sum(range(0, n, 2))
n in range(5)
len("a" * n)
len([0] * n)
[10,20,30,40,50,60,70][n]
sum([10,20,30,40][:n])
len(bytes(n))
len("%d" % n)
len("{:d}".format(n))
ord(chr(n + 65))
math.comb(n + 3, 2)
math.factorial(n)
np.zeros(n).size
np.arange(n).sum()
np.eye(n).sum()
np.arange(12.0).reshape(2, -1)[0, n % 3]
np.full(3, n).sum()
sorted([n, 3, 1.5])[1]
max([n, 2, 5], key=lambda z: -z)
operator.index(n)
operator.add(n, 2)
n.real + n.imag
n.numerator
n.conjugate()
n.as_integer_ratio()[0]
n.__add__(1)
int.__add__(n, 1)
isinstance(n, numbers.Integral)
isinstance(n, numbers.Real) + isinstance(n, float)
collections.Counter([n, n, 1])[n]
len({n, 1, 2})
{1: 5, 2: 7}.get(n, 9)
hash((n, 1)) == hash((n, 1.0))
n == n
n is n
n * fractions.Fraction(1, 3)
fractions.Fraction(n, 3) + 1
n * np.int64(3)
np.int64(3) * n
n ** 2 + n ** -1 if n else 1
2 ** n
(-1) ** n
n / 3
n // 1
round(n / 7, int(n % 3))
float(n) + int(n)
math.gcd(n, 4)
math.isqrt(n)
list(itertools.accumulate([n, 1, 2]))[-1]
functools.reduce(lambda a, b: a * b, [n, 2, 3])
sum([n] * 3) / 3
statistics.mean([n, 1])
len(struct.pack("i", n))
len(json.dumps([n, 1]))
copy.copy(n) + copy.deepcopy([n])[0]
pickle.loads(pickle.dumps(n))
len(str(n)) + len(repr(n))
bool(n) + (not n)
n and 5 or 3
bisect.bisect([1, 2, 3], n)
heapq.nsmallest(1, [n, 2])[0]
datetime.timedelta(days=n).total_seconds()
array.array("d", [n, 1])[0]
len(f"{n:04d}")
int(str(n)) + 1
n.to_bytes(2, "big")[1]
abs(-n)
+n
n.__class__(3)
next(itertools.islice(itertools.count(), n, None))
all(n > k for k in (-1, 0))
any(n == k for k in (1, 2))
[k for k in range(10) if k > n][0]
min(n, 3) + max(n, 3)
np.minimum(n, 3)
np.clip(n, 1, 2)
np.sqrt(n)
np.array([n, 1]).mean()
np.float32(n)
int(np.int32(n))
np.dot([n, 1], [2, 3])
np.power(n, 2)
np.sum([n, 1.5])
np.where(n > 2, 1, 0)
np.isclose(n, 2)
cr.maximum(n, 2)
cr.tanh(n)
cr.sum([n, 2])
cr.dot([n, 1], [n, 2])
cr.logsumexp([n, 1])
cr.mean([n, 2])
cr.softmax([n, 1])[0]
cr.where(n > 2, n, -n)
cr.hypot(n, 2)
zip(*[[n, 1], [2, 3]]).__next__()[0]
complex(n, 1).real
abs(n * 1j)
n // 0.3
divmod(n, 0.7)[1]
n % -3
-n % 3
math.fmod(n, 3)
math.fsum([n, .1])
math.hypot(n, 1)
math.floor(n / 2) + math.ceil(n / 2) + math.trunc(n / 2)
math.isfinite(n) + math.isnan(n)
math.ldexp(n, 2)
math.pi * n
n * True
n + True
True + n
n - 1 > 0
not n > 1
1 < n <= 3
(n > 1) & (n < 4)
(n > 1) + (n > 2)
(n > 1) * 3.0
(n > 1) == True
float(n > 1)
int(n > 1)
[1, 2][n > 1]
sum(x > 1 for x in [n, 2, 0])
max(n > 1, n > 5)
str(n > 1)
-(n > 1)
~(n > 1) & 1
(n > 1) ^ (n > 2)
(n > 1) | (n > 2)
(n > 1) and 4
hash(n > 1)
n.__bool__()
n.__float__()
n.__eq__(2)
isinstance(n > 1, bool)
bool(n > 1) is True
decimal.Decimal(n) + 1
float(decimal.Decimal(n))
str(decimal.Decimal(str(n)))
n.__repr__()
(lambda *a: a[0])(n)
dict(a=n)["a"]
string.ascii_letters[n]
re.sub("x", str(n), "x")
""".splitlines()

# What the expressions may name.
NAMES: dict[str, Any] = {
    each.__name__: each
    for each in (array, bisect, collections, copy, datetime, decimal, fractions, functools, heapq, itertools, json,
                 math, numbers, operator, pickle, re, statistics, string, struct)
} | {"np": np, "cr": cr}  # fmt: skip

NUMBERS = (2, 3, 2.0, 0, 1.5, -2, 2)
p = Value(0.5)
served: collections.Counter[bool] = collections.Counter()


def outcome(function: Callable[[Any], Any], n: float) -> str:
    """The result in digits, or the class of the error; whole numbers have no zero below zero."""
    try:
        found = function(n)
    except Exception as error:  # noqa: BLE001 - compared
        return type(error).__name__
    if isinstance(found, Value):
        return repr(found.data + 0.0)
    return repr(found)


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.filterwarnings("ignore")
def test_an_expression(expression: str) -> None:
    """Also where it is an error; a number in it is never the one of an earlier call."""
    compute = eval(f"lambda n: {expression}", NAMES)  # the text stands above

    def f(n: Any) -> Any:
        found = compute(n)
        return p * found if isinstance(found, (int, float, np.number, Value)) else (p * 1.0, found)

    compiled = cr.compile(f, strict=True)
    for n in NUMBERS:
        assert outcome(compiled, n) == outcome(f, n), n
    served[compiled.report().interpreted_calls > 0] += 1


def test_nearly_all_of_them_are_compiled() -> None:
    """Rather than left to eager code, which would agree with itself."""
    assert served[False] <= 0.1 * served.total()
