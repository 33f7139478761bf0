"""A Program as text: one row a line, what `f.program()` prints."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.compiler.program import Leaf, Program
from chainrule.ops.row import BY_CODE

# A row with more operands shows this many, and how many more there are.
MOST_OPERANDS = 12


def program_text(
    program: Program,
    value_names: Sequence[str] | None = None,
    input_names: Sequence[str] | None = None,
    limit: int | None = None,
) -> str:
    """Return a program as text, one row a line: `%5 = multiply %1 %3`.

    Args:
        program: what to print.
        value_names: for each live Value, by place; `value[k]` without.
        input_names: for each number of the arguments, by place; `input[k]` without.
        limit: how many rows at the most, half of them from the beginning and half from the end; None for all.
    """
    head = (
        f"program of {program.size} rows: {program.input_groups[-1]} inputs, {program.value_groups[-1]} values, "
        f"{program.results} results, {len(program.outputs) - program.results} guards"
    )
    names = {Leaf.INPUT: ("input", input_names), Leaf.VALUE: ("value", value_names), Leaf.SEED: ("seed", None)}
    lines = [head]
    shown = list(range(program.size))
    if limit is not None and program.size > limit:
        shown = [*shown[: (limit + 1) // 2], -1, *shown[program.size - limit // 2 :]]
    for row in shown:
        if row < 0:
            lines.append(f"  … {program.size - (limit or 0)} rows more …")
            continue
        code = int(program.codes[row])
        lines.append(f"%{row} = " + (_applied(program, row, code) if code > 0 else _leaf(program, row, code, names)))
    rows = [f"%{row}" for row in program.outputs.tolist()]
    lines.append("return " + ", ".join(rows[: program.results]))
    if len(rows) > program.results:
        lines.append("guards look at " + ", ".join(rows[program.results :]))
    return "\n".join(lines)


def _leaf(program: Program, row: int, code: int, names: dict[Leaf, tuple[str, Sequence[str] | None]]) -> str:
    if code == Leaf.CONSTANT:
        return repr(float(program.numbers[row]))
    kind, known = names[Leaf(code)]
    place = int(program.places[row])
    return f"{kind} {known[place]}" if known is not None and known[place] else f"{kind}[{place}]"


def _applied(program: Program, row: int, code: int) -> str:
    used = program.operands[int(program.starts[row]) : int(program.starts[row + 1])].tolist()
    words = [BY_CODE[code].name, *[f"%{operand}" for operand in used[:MOST_OPERANDS]]]
    if len(used) > MOST_OPERANDS:
        words.append(f"… {len(used) - MOST_OPERANDS} more")
    return " ".join(words)
