"""An optimizer's update rule as something that a compiled step can do to all parameters at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chainrule.errors import ChainruleError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass
class Fused:
    """An update rule with the numbers that it works on.

    Attributes:
        update: the address of machine code, or a Python function of float64 arrays.
        states: an array for each of the rule's states, in the order of the parameters; the optimizer has the same.
        hyper: the numbers that the rule takes by name.
        counter: which of them counts the steps; -1 where none does.
        steady: whether the others stay the same from step to step, so that many can be taken in a row.
        code: keeps the machine code alive.
        steps: the steps that were made of it, by the trace that they run; each with what keeps the trace alive.
        serving: the one that ran last, which may keep the state in an order of its own.
    """

    update: Any
    states: dict[str, NDArray[np.float64]]
    hyper: NDArray[np.float64]
    counter: int
    steady: bool
    code: object = None
    steps: dict[int, tuple[Any, object]] = field(default_factory=dict)
    serving: Any = None

    def bring_state(self) -> None:
        """Have the state in `states`, whatever order the step that serves keeps it in."""
        if self.serving is not None:
            self.serving.export_state()

    def take_state(self, given: Mapping[str, NDArray[np.float64]]) -> None:
        """Go on from the optimizer's state where somebody else has written it, from 0 where there is none."""
        self.bring_state()  # and so the step will read what is written below
        for name, array in self.states.items():
            array[:] = given.get(name, 0.0)


def fuse(optimizer: Any, exact: bool) -> Fused:
    """Return an optimizer's rule, as machine code where that can be had; `exact` keeps to Python's own roundings."""
    import numpy as np

    rule, names, operands = optimizer.update()
    order = tuple(operands)
    counter, steady = _counter(optimizer, operands)
    update, code = _on_arrays(rule, order), None
    if not exact:
        update, code = _native(rule, names, order) or (update, None)
    return Fused(
        update=update,
        states={name: np.zeros(len(optimizer.parameters)) for name in names},
        hyper=np.zeros(len(order)),
        counter=counter,
        steady=steady,
        code=code,
    )


def identity(rule: Any) -> object:
    """Return what tells rules apart: a function that is made anew at each step is known by its code and its cells."""
    code, cells = getattr(rule, "__code__", None), getattr(rule, "__closure__", None)
    if code is None:
        return rule
    return code, tuple(identity(cell.cell_contents) for cell in cells or ())


def _counter(optimizer: Any, operands: dict[str, float]) -> tuple[int, bool]:
    """Return which operand goes up by one in each step, and whether all others stay as they are."""
    optimizer.steps += 1
    try:
        later = optimizer.update().operands
    finally:
        optimizer.steps -= 1
    changed = [i for i, name in enumerate(operands) if later.get(name) != operands[name]]
    if len(changed) == 1 and later.get(list(operands)[changed[0]]) == operands[list(operands)[changed[0]]] + 1.0:
        return changed[0], True
    return -1, not changed and list(later) == list(operands)


def _on_arrays(rule: Callable[..., Any], order: tuple[str, ...]) -> Callable[..., Any]:
    """Return the rule as a step calls it in Python: (p, g, *state, numbers) -> (p, *state)."""
    import numpy as np

    def update(p: Any, g: Any, *rest: Any) -> Any:
        *state, numbers = rest
        with np.errstate(all="ignore"):  # IEEE numbers without warnings, as everywhere
            return rule(p, g, *state, **dict(zip(order, numbers, strict=True)))

    return update


def _native(rule: Callable[..., Any], names: tuple[str, ...], order: tuple[str, ...]) -> tuple[Any, object] | None:
    """Return the address of machine code and what keeps it alive; None where there is none to be had."""
    from chainrule.compiler.native.machine import available
    from chainrule.compiler.native.update import compile_update

    if available() is not None:
        return None
    try:
        code = compile_update(rule, names, order)
    except ChainruleError:  # a rule that uses more than the op vocabulary
        return None
    return code.address, code
