"""Class programs written by hand, and the plainest possible way to run one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.classes import Class, ClassProgram, Kind, Members, Rule, Slot
from chainrule.compiler.nests.known import known
from chainrule.ops.row import BY_CODE, TABLE

if TYPE_CHECKING:
    from numpy.typing import NDArray


def run_classes_plainly(program: ClassProgram, values: Any, inputs: Any, seeds: Any = ()) -> tuple[Any, Any]:
    """Compute every member in Python; inputs by place. Returns outputs and gradients (zeros where there are none)."""
    found: list[list[float]] = []
    for each in program.classes:
        source: Any = {Kind.INPUT: inputs, Kind.VALUE: values, Kind.SEED: seeds}.get(each.kind)
        if each.kind is Kind.CONSTANT:
            found.append([float(number) for number in known(each.numbers)])
        elif each.places is not None:
            found.append([float(source[place]) for place in each.places])
        elif each.kind is Kind.MAP:
            how = known(each.rule)
            row = BY_CODE[how.code]
            rule = row.value if how.slope is None else row.derivatives[how.slope]
            columns = [[found[slot.source][member] for member in slot.members] for slot in each.slots]
            found.append([float(rule(*operands)) for operands in zip(*columns, strict=True)])
        else:
            reduce = sum if each.kind is Kind.SUM else max
            members = []
            for i in range(each.size):
                terms = [
                    found[slot.source][member]
                    for slot in each.slots
                    for member in slot.members[known(slot.offsets)[i] : known(slot.offsets)[i + 1]]
                ]
                members.append(reduce(terms))
            found.append(members)

    def given(results: Members | None) -> Any:
        if results is None:
            return None
        return np.array([0.0 if c < 0 else found[c][m] for c, m in zip(results.classes, results.members, strict=True)])

    return given(program.outputs), given(program.gradients)


@dataclass
class Builder:
    """Adds classes one by one; each method returns the number of the new class."""

    classes: list[Class] = field(default_factory=list)

    def _add(self, each: Class) -> int:
        self.classes.append(each)
        return len(self.classes) - 1

    def value(self, places: Any) -> int:
        """Live Values."""
        return self._add(Class(Kind.VALUE, len(places), places=np.asarray(places)))

    def input(self, places: Any, group: int = 0) -> int:
        """Numbers among the arguments."""
        return self._add(Class(Kind.INPUT, len(places), places=np.asarray(places), group=group))

    def seed(self, places: Any) -> int:
        """What the gradients of results start from."""
        return self._add(Class(Kind.SEED, len(places), places=np.asarray(places)))

    def constant(self, numbers: Any) -> int:
        """Constants."""
        return self._add(Class(Kind.CONSTANT, len(numbers), numbers=np.asarray(numbers, dtype=float)))

    def map(self, name: str, *columns: tuple[int, Any], slope: int | None = None) -> int:
        """An op on columns, each a source and the members used (None: all, in order)."""
        slots = tuple(Slot(source, self._members(source, members)) for source, members in columns)
        return self._add(Class(Kind.MAP, len(slots[0].members), slots, Rule(TABLE[name].code, slope)))

    def sum(self, *slots: tuple[int, Any], kind: Kind = Kind.SUM) -> int:
        """Sums of terms, each slot a source and the list of members by row."""
        made = []
        for source, rows in slots:
            offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
            members = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows])
            made.append(Slot(source, members.astype(np.int64), offsets.astype(np.int64)))
        return self._add(Class(kind, len(slots[0][1]), tuple(made)))

    def program(
        self,
        outputs: list[tuple[int, int]],
        gradients: list[tuple[int, int]] | None = None,
        input_groups: tuple[int, ...] = (0,),
    ) -> ClassProgram:
        """The program that gives back these (class, member) pairs."""
        values = sum(each.size for each in self.classes if each.kind is Kind.VALUE)
        return ClassProgram(
            self.classes,
            _members(outputs),
            input_groups,
            (0, values),
            len(outputs),
            _members(gradients) if gradients else None,
        )

    def _members(self, source: int, members: Any) -> NDArray[np.int64]:
        return np.arange(self.classes[source].size) if members is None else np.asarray(members, dtype=np.int64)


def _members(pairs: list[tuple[int, int]]) -> Members:
    return Members(np.array([c for c, _ in pairs], dtype=np.int64), np.array([m for _, m in pairs], dtype=np.int64))


def mlp_layer(samples: int = 6, out: int = 5, nin: int = 3) -> ClassProgram:
    """A layer relu(w x + b) per sample, its sum as the output, and the gradients by w and b."""
    build = Builder()
    s, n, t = np.meshgrid(range(samples), range(out), range(nin), indexing="ij")
    weights = (nin + 1) * n + t
    values = build.value(np.arange(out * (nin + 1)))
    inputs = build.input(np.arange(samples * nin))
    products = build.map("multiply", (values, weights.ravel()), (inputs, (s * nin + t).ravel()))
    rows = np.arange(samples * out)
    biases = (nin + 1) * (rows % out) + nin
    z = build.sum((products, list(np.arange(weights.size).reshape(-1, nin))), (values, biases[:, None]))
    h = build.map("relu", (z, None))
    total = build.sum((h, [rows]))
    slope = build.map("relu", (z, None), (h, None), slope=0)
    by_weight = np.array(
        [[sample * out + neuron for sample in range(samples)] for neuron in range(out) for _ in range(nin)]
    )
    terms = np.array([[sample * nin + i for sample in range(samples)] for _ in range(out) for i in range(nin)])
    parts = build.map("multiply", (slope, by_weight.ravel()), (inputs, terms.ravel()))
    dw = build.sum((parts, list(np.arange(by_weight.size).reshape(-1, samples))))
    db = build.sum((slope, [np.arange(samples) * out + neuron for neuron in range(out)]))
    gradients = []
    for neuron in range(out):
        gradients += [(dw, neuron * nin + i) for i in range(nin)] + [(db, neuron)]
    return build.program([(total, 0)], gradients, (0, samples * nin))
