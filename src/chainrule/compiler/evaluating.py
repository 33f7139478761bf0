"""What a Program means: checked row by row, and run in plain Python through the table's own text.

Slow on purpose: no cleverness stands between a row and its number, so that every faster way of running a program
can be held against this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from chainrule.compiler.program import Leaf, Program, cuts
from chainrule.errors import ProgramError
from chainrule.ops.row import BY_CODE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def verify(program: Program) -> None:
    """Check that a program keeps to what `Program` promises.

    Raises:
        ProgramError: it does not; the message names the row.
    """
    _verify_columns(program)
    codes, starts = program.codes.tolist(), program.starts.tolist()
    operands, places = program.operands.tolist(), program.places.tolist()
    rooms = {Leaf.INPUT: program.input_groups[-1], Leaf.VALUE: program.value_groups[-1], Leaf.SEED: program.results}
    for row, code in enumerate(codes):
        used = operands[starts[row] : starts[row + 1]]
        if code <= 0:
            if code not in Leaf.__members__.values():
                raise ProgramError(f"row {row} has the code {code}, which is neither an op's nor a leaf's")
            if used:
                raise ProgramError(f"row {row} is a leaf ({Leaf(code).name}) and has operands: {used}")
            if code in rooms and not 0 <= places[row] < rooms[Leaf(code)]:
                raise ProgramError(
                    f"row {row} ({Leaf(code).name}) has the place {places[row]}, but there are {rooms[Leaf(code)]}"
                )
            continue
        if code >= len(BY_CODE):
            raise ProgramError(f"row {row} has the code {code}, but the table ends at {len(BY_CODE) - 1}")
        op = BY_CODE[code]
        if (op.arity is not None and len(used) != op.arity) or not used:
            raise ProgramError(f"row {row} ({op.name}) has {len(used)} operands, not {op.arity or 'at least one'}")
        for operand in used:
            if not 0 <= operand < row:
                raise ProgramError(f"row {row} ({op.name}) uses row {operand}, which does not come before it")


def _verify_columns(program: Program) -> None:
    """Check the lengths of the columns and what does not belong to one row."""
    size = program.size
    for name in ("numbers", "places"):
        if len(getattr(program, name)) != size:
            raise ProgramError(f"{name} has {len(getattr(program, name))} entries for {size} rows")
    starts = program.starts
    if len(starts) != size + 1 or starts[0] != 0 or starts[-1] != len(program.operands):
        raise ProgramError(f"starts does not divide {len(program.operands)} operands among {size} rows")
    if size and (starts[1:] < starts[:-1]).any():
        row = int((starts[1:] < starts[:-1]).argmax())
        raise ProgramError(f"row {row}: its operands end before they start")
    for name in ("input_groups", "value_groups"):
        groups = getattr(program, name)
        if not groups or groups[0] != 0 or list(groups) != sorted(groups):
            raise ProgramError(f"{name} is {groups}, not rising from 0")
    if not 0 <= program.results <= len(program.outputs):
        raise ProgramError(f"{program.results} results of {len(program.outputs)} outputs")
    for number, row in enumerate(program.outputs.tolist()):
        if not 0 <= row < size:
            raise ProgramError(f"output {number} is row {row}, but there are {size} rows")


def evaluate(
    program: Program,
    values: Sequence[float] | NDArray[np.float64],
    inputs: Sequence[float] | NDArray[np.float64],
    seeds: Sequence[float] | NDArray[np.float64] | None = None,
) -> tuple[list[float], list[float] | None]:
    """Run a program: its outputs, and the gradients of its results.

    Args:
        program: what to run.
        values: the numbers of the live Values, by place.
        inputs: the numbers of the arguments, by place.
        seeds: for each result what its derivatives are multiplied by; a single result needs none.

    Returns:
        The outputs, those for guards included; and by each live Value the sum over results of seed times
        derivative, None where there are several results and no seeds.
    """
    numbers = _forward(program, list(map(float, values)), list(map(float, inputs)), seeds)
    outputs = [numbers[row] for row in program.outputs.tolist()]
    if seeds is None and program.results != 1:
        return outputs, None
    gradients = _reverse(program, numbers, [1.0] if seeds is None else list(map(float, seeds)))
    by_place = [0.0] * program.value_groups[-1]
    for row, code in enumerate(program.codes.tolist()):
        if code == Leaf.VALUE:
            by_place[int(program.places[row])] += gradients[row]
    return outputs, by_place


def _rows(program: Program) -> Iterator[tuple[int, int, list[int]]]:
    """Go through a program: row, code, operands."""
    starts, operands = program.starts.tolist(), program.operands.tolist()
    for row, code in enumerate(program.codes.tolist()):
        yield row, code, operands[starts[row] : starts[row + 1]]


def _forward(
    program: Program,
    values: list[float],
    inputs: list[float],
    seeds: Sequence[float] | NDArray[np.float64] | None,
) -> list[float]:
    numbers: list[float] = []
    for row, code, used in _rows(program):
        place = int(program.places[row])
        if code == Leaf.CONSTANT:
            numbers.append(float(program.numbers[row]))
        elif code == Leaf.INPUT:
            numbers.append(inputs[place])
        elif code == Leaf.VALUE:
            numbers.append(values[place])
        elif code == Leaf.SEED:
            numbers.append(1.0 if seeds is None else float(seeds[place]))
        else:
            numbers.append(BY_CODE[code].value(*[numbers[operand] for operand in used]))
    return numbers


def _reverse(program: Program, numbers: list[float], seeds: list[float]) -> list[float]:
    """Return by every row the sum over results of seed times derivative.

    Only rows on a way from a result with a seed to a live Value take part, as in `backward()`: elsewhere a slope
    may be infinite, and 0 times that is nan.
    """
    gradients = [0.0] * program.size
    reached = [False] * program.size
    for row, seed in zip(program.outputs.tolist(), seeds, strict=False):
        if seed != 0.0:
            gradients[row] += seed
            reached[row] = True
    live = _depends_on_values(program)
    for row, code, used in reversed(list(_rows(program))):
        if not reached[row] or not live[row] or code <= 0:
            continue
        operands = tuple([numbers[operand] for operand in used])
        for operand, slope in zip(used, BY_CODE[code].local_derivatives(operands, numbers[row]), strict=True):
            reached[operand] = True
            gradients[operand] += slope * gradients[row]
    return gradients


def _depends_on_values(program: Program) -> list[bool]:
    live: list[bool] = []
    for _row, code, used in _rows(program):
        live.append(code == Leaf.VALUE or (code > 0 and not cuts(code) and any(live[each] for each in used)))
    return live
