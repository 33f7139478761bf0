"""`cr.compile(loss, optimizer=…)`: zero, forward, backward and update as one native step, or many in a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.compiler.compiling import whole_number
from chainrule.compiler.function import CompiledFunction, Options
from chainrule.compiler.report import Report
from chainrule.compiler.specialising import Specialised, Trial
from chainrule.compiler.updating import Fused, fuse, identity
from chainrule.engine import MISS, Step, Steps, Value
from chainrule.errors import ArgumentError

MOST_STEPS = 2**62  # what the counter of the native loop holds


class CompiledStep(Steps):
    """What `cr.compile(loss, optimizer=…)` returns: each call is one step of the training, and gives the loss."""

    def __init__(self, fn: Callable[..., Any], optimizer: Any, options: Options) -> None:
        super().__init__()
        self.function = CompiledFunction(fn, options)
        self.optimizer = optimizer
        self.rules: dict[object, Fused] = {}
        self.running: list[Any] = []
        self.calls = 0

    def run(self, n: int, *arguments: Any, **keywords: Any) -> float:
        """Take n steps without returning to Python, and return the loss of the last one, taken before its update.

        Raises:
            ArgumentError: n is no whole number from 1 up to MOST_STEPS, or the function returns something else than
                one Value.
        """
        steps = whole_number(n)
        if steps is None or not 1 <= steps <= MOST_STEPS:
            raise ArgumentError(f"run({n!r:.40}): give first how many steps to take, a whole number from 1 on")
        return self._repeat(steps, arguments, keywords)

    def missed(self, arguments: tuple[Any, ...], keywords: dict[str, Any] | None) -> float:
        """Take a step for which what is known does not serve: hyperparameters, arguments or guards have changed."""
        return self._repeat(1, arguments, keywords or {})

    def __reduce__(self) -> Any:
        """Copy and pickle what it was made of, not its traces."""
        return type(self), (self.function.fn, self.optimizer, self.function.options)

    def report(self) -> Report:
        """Return the report of the loss function: see `CompiledFunction.report`."""
        return self.function.report()

    def program(self) -> str:
        """Return the program of the loss that served last."""
        return self.function.program()

    def source(self) -> str:
        """Return the code of the loss that served last."""
        return self.function.source()

    def __repr__(self) -> str:
        return f"<compiled step of {self.function.place} with {self.optimizer!r}>"

    def _repeat(self, n: int, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> float:
        """Take n steps, as many at a time as guards and the optimizer allow."""
        self.calls += 1
        every = self.function.options.check_every
        done, loss = 0, float("nan")
        if every is not None and self.calls % every == 0:
            done, loss = self._compared(arguments, keywords)
        while done < n:
            made, loss = self._some(n - done, arguments, keywords)
            done += made
        return loss

    def _compared(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[int, float]:
        """Take one step, and compare its loss with the function's own.

        Raises:
            StaleTraceError: they differ; the step has been taken.
        """
        own = self.function.fn(*arguments, **keywords)
        made, loss = self._some(1, arguments, keywords)
        self.function.require_same(loss, own)
        return made, loss

    def _some(self, n: int, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[int, float]:
        """Take from 1 to n steps; return how many, and the loss of the last."""
        fused = self._fused()
        if fused is None:
            return 1, self._by_hand(self.function(*arguments, **keywords))
        result, refusal = self.function.serve(
            arguments, keywords, lambda each: self._run(each, fused, n, arguments, keywords)
        )
        if result is MISS:
            return 1, self._by_hand(self.function.run_eagerly(arguments, keywords, refusal))
        some: tuple[int, float] = result
        return some

    def _by_hand(self, loss: Any) -> float:
        """Take a step as a loop in Python does."""
        if not isinstance(loss, Value):
            raise self._not_one_value(f"{type(loss).__name__} {loss!r:.60}")
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.data

    def _run(
        self, each: Specialised, fused: Fused, n: int, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        """Take up to n fused steps by one trace; MISS where it does not fit."""
        if each.traced.template != ("output", 0):
            raise self._not_one_value(f"{each.traced.template[0]} of Values")
        step, trial = self._step_of(each, fused), each.entry if isinstance(each.entry, Trial) else None
        most = n if fused.steady else 1
        done, loss = self._take(step, fused, most if trial is None else min(most, trial.remaining), arguments, keywords)
        if step.by_hand:  # what it reads is computed from the parameters, and follows them only in Python
            value = each.entry.call(arguments, keywords)
            return value if value is MISS else (1, self._by_hand(value))
        if not done:
            return MISS
        if trial is not None:
            trial.judge()
        elif fused.steady and self.function.options.check_every is None:
            self.expect(step, vars(self.optimizer))
        return done, loss

    def _take(
        self, step: Any, fused: Fused, n: int, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[int, float]:
        """Take up to n fused steps, and tell the optimizer of those that were taken."""
        inside = step in self.running  # called by a signal's handler, during its own run, which it would count too
        self.running.append(step)
        try:
            taken: tuple[int, float] = step.run(n, arguments, keywords)
        except BaseException:  # Ctrl-C ends between two steps
            if not inside:
                self._take_note(fused, step.done)
            raise
        finally:
            self.running.pop()
        self._take_note(fused, taken[0])
        return taken

    def _step_of(self, each: Specialised, fused: Fused) -> Any:
        """Return the step that runs a trace; the optimizer's state is that of the last step, whichever ran it."""
        step, _ = fused.steps.get(id(each.entry), (None, None))
        if step is None:
            kept = set(map(id, self.function.entries))
            fused.steps = {key: known for key, known in fused.steps.items() if key in kept}
            given = self.optimizer.parameters, fused.update, [*fused.states.values()], fused.hyper, fused.counter
            step = Step(each.entry, *given)
            fused.steps[id(each.entry)] = step, each.entry
        if fused.serving is not step:
            fused.bring_state()
            fused.serving = step
        return step

    def _take_note(self, fused: Fused, done: int) -> None:
        """Tell the optimizer of steps that were taken."""
        if done:
            self.optimizer.steps += done
            self.optimizer.lend_state(fused.states, fused.bring_state)

    def _fused(self) -> Fused | None:
        """Return the optimizer's rule with its present numbers; None where only its own `step` knows what it does."""
        optimizer = self.optimizer
        if not (hasattr(optimizer, "only_updates") and optimizer.only_updates()):
            return None
        rule, names, operands = optimizer.update()
        key = identity(rule), names, tuple(operands), tuple(map(id, optimizer.parameters))
        if key not in self.rules:
            self.rules[key] = fuse(optimizer, self.function.options.executor == "tape")
        fused = self.rules[key]
        fused.hyper[:] = list(operands.values())
        if vars(optimizer)["_state"] is not fused.states:
            fused.take_state(optimizer.state)
        return fused

    def _not_one_value(self, returned: str) -> ArgumentError:
        return ArgumentError(
            f"{self.function.place} returned {returned}, and a step needs the loss alone: return one Value"
        )
