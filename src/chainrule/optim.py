"""Optimizers: SGD, Adam, AdamW; each is one small function of operands, run on all parameters at once.

An update rule takes a parameter's number p, its gradient g, its state and the hyperparameters, and returns
the new p and the new state. It is written in the op vocabulary alone, so that the same text runs on float64
arrays (all parameters at once, as here), on floats, and on any other interpreter of ops. The formulas and
the order of their roundings are PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from operator import index
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from chainrule.engine import Value, read_data, read_grad, write_data, zero_grad
from chainrule.errors import ArgumentError, ChainruleError, NumberError
from chainrule.ops import Operand, real_number
from chainrule.ops.elementary import sqrt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# rule(p, g, *state, hyperparameters by name) -> (p, *state)
Rule: TypeAlias = Callable[..., tuple[Operand, ...]]


def sgd(p: Operand, g: Operand, *, lr: Operand) -> tuple[Operand, ...]:
    """Gradient descent: a step against the gradient."""
    return (p - lr * g,)


def momentum_sgd(p: Operand, g: Operand, velocity: Operand, *, lr: Operand, momentum: Operand) -> tuple[Operand, ...]:
    """Momentum (Polyak 1964, in PyTorch's form): a step along a decaying sum of gradients."""
    velocity = momentum * velocity + g
    return p - lr * velocity, velocity


def adam(
    p: Operand,
    g: Operand,
    m: Operand,
    v: Operand,
    *,
    t: Operand,
    lr: Operand,
    beta1: Operand,
    beta2: Operand,
    eps: Operand,
) -> tuple[Operand, ...]:
    """Adam (Kingma and Ba 2015, algorithm 1): step along the mean gradient over its root mean square.

    m and v are running means that start at 0; at step t, dividing by 1 − betaᵗ takes that start out again.
    """
    m = m + (1.0 - beta1) * (g - m)
    v = beta2 * v + (1.0 - beta2) * g * g
    size = lr / (1.0 - beta1**t)
    spread = sqrt(v) / sqrt(1.0 - beta2**t) + eps
    return p - size * m / spread, m, v


def adamw(
    p: Operand, g: Operand, m: Operand, v: Operand, *, lr: Operand, weight_decay: Operand, **rest: Operand
) -> tuple[Operand, ...]:
    """AdamW (Loshchilov and Hutter 2019): p shrinks by itself, unseen by the running means of Adam."""
    return adam(p * (1.0 - lr * weight_decay), g, m, v, lr=lr, **rest)


def decayed(rule: Rule) -> Rule:
    """Return the rule with the gradient of weight_decay/2 · p² added to the loss's, as in SGD and Adam."""

    def with_decay(
        p: Operand, g: Operand, *state: Operand, weight_decay: Operand, **rest: Operand
    ) -> tuple[Operand, ...]:
        return rule(p, g + weight_decay * p, *state, **rest)

    return with_decay


class Hyperparameter:
    """A float attribute of an optimizer that refuses numbers outside [low, high), nan and inf."""

    def __init__(self, low: float, high: float = inf) -> None:
        self.low = low
        self.high = high

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, optimizer: Optimizer | None, owner: type | None = None) -> Any:
        return self if optimizer is None else vars(optimizer)[self.name]

    def __set__(self, optimizer: Optimizer, value: float) -> None:
        where = f"{type(optimizer).__name__}: {self.name}"
        number = real_number(value, where)
        if not self.low <= number < self.high:
            upper = "" if self.high == inf else f" and below {self.high:g}"
            raise ArgumentError(f"{where} is {number!r}: give a finite number from {self.low:g}{upper}")
        vars(optimizer)[self.name] = number


class Update(NamedTuple):
    """What one step of an optimizer does to every parameter."""

    rule: Rule
    state: tuple[str, ...]
    """The names of the rule's state, in the order of its arguments and results."""
    operands: dict[str, float]
    """The numbers that the rule takes by name."""


class Optimizer:
    """Base: keeps the parameters, the state of their update rule, and the number of steps taken.

    Attributes:
        parameters: the list of Values that `step` updates.
        state: for each name in the rule's state, a float64 array in the order of the parameters.
        steps: how many steps were taken.
        lr: the learning rate, to read and assign, like every hyperparameter.

    Raises:
        ArgumentError: no parameters, one of them twice, one that is computed from others, or a
            hyperparameter out of its range.
        NumberError: a parameter that is not a Value.
    """

    lr = Hyperparameter(0.0)
    hyperparameters: ClassVar[tuple[str, ...]]

    def __init__(self, parameters: Iterable[Value]) -> None:
        self.parameters = checked_parameters(type(self).__name__, parameters)
        self._state: dict[str, NDArray[np.float64]] = {}
        self._bring: Callable[[], None] | None = None
        self.steps = 0

    @property
    def state(self) -> dict[str, NDArray[np.float64]]:
        """The rule's state; a compiled step keeps it in an order of its own and brings it when somebody looks."""
        if self._bring is not None:
            self._bring()
        return self._state

    @state.setter
    def state(self, state: dict[str, NDArray[np.float64]]) -> None:
        self.lend_state(state, None)

    def lend_state(self, state: dict[str, NDArray[np.float64]], bring: Callable[[], None] | None) -> None:
        """Have a state in these arrays that `bring` fills when somebody looks."""
        self._state, self._bring = state, bring

    def update(self) -> Update:
        """Return what the next step does."""
        raise NotImplementedError

    def step(self) -> None:
        """Update every parameter by its gradient; a nan gradient gives a nan parameter."""
        import numpy as np

        rule, names, operands = self.update()
        p, g = read_data(self.parameters), read_grad(self.parameters)
        known = self.state
        state = [known[name] if name in known else np.zeros_like(p) for name in names]
        with np.errstate(all="ignore"):  # IEEE numbers without warnings, as everywhere
            p, *state = rule(p, g, *state, **operands)
        write_data(self.parameters, p)
        self.state = dict(zip(names, state, strict=True))
        self.steps += 1

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold: the state itself, whoever keeps it."""
        state = {name: array.copy() for name, array in self.state.items()}
        return {**vars(self), "_state": state, "_bring": None}

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        zero_grad(self.parameters)

    def only_updates(self) -> bool:
        """Tell whether a step is what `update` says and nothing else, so that compiled code may take it instead."""
        return type(self).step is Optimizer.step and type(self).zero_grad is Optimizer.zero_grad

    def state_dict(self) -> dict[str, Any]:
        """Return all that a later run needs to go on, in numbers and lists that JSON can hold."""
        return {
            "optimizer": type(self).__name__,
            "steps": self.steps,
            "hyperparameters": {name: getattr(self, name) for name in self.hyperparameters},
            "state": {name: array.tolist() for name, array in self.state.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken; on an error the optimizer is unchanged.

        Raises:
            ArgumentError: the state is of another optimizer or another number of parameters, or damaged.
        """
        try:
            fresh = self._twin(state)
        except ChainruleError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArgumentError(
                f"{type(self).__name__} was given a state that does not fit "
                f"({type(error).__name__}: {error}): "
                f"give what state_dict() of the same optimizer and model returned"
            ) from error
        vars(self).update(vars(fresh))  # `_bring` is None then: what a compiled step still keeps is of no use

    def _twin(self, state: Mapping[str, Any]) -> Optimizer:
        """Return a new optimizer of the same parameters in a saved state; any error means that it is damaged."""
        import numpy as np

        if state["optimizer"] != type(self).__name__:
            raise ValueError(f"it is of {state['optimizer']!r:.60}")
        if set(state["hyperparameters"]) != set(self.hyperparameters) or index(state["steps"]) < 0:
            raise ValueError("its hyperparameters or steps are damaged")
        twin = type(self)(self.parameters, **state["hyperparameters"])
        twin.steps = state["steps"]
        twin.state = {name: np.array(each, dtype=np.float64) for name, each in state["state"].items()}
        if twin.state and set(twin.state) != set(twin.update().state):
            raise ValueError(f"its state has {', '.join(twin.state)}")
        for name, array in twin.state.items():
            if array.shape != (len(self.parameters),):
                raise ValueError(f"{name} has shape {array.shape} for {len(self.parameters)} parameters")
        return twin

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={getattr(self, name)}" for name in self.hyperparameters)
        return f"{type(self).__name__}({len(self.parameters)} parameters, {numbers})"


class SGD(Optimizer):
    """Stochastic gradient descent: p ← p − lr · v, where v ← momentum · v + g.

    Args:
        parameters: the Values to update.
        lr: learning rate.
        momentum: 0 for none.
        weight_decay: adds weight_decay · p to the gradient.
    """

    momentum = Hyperparameter(0.0)
    weight_decay = Hyperparameter(0.0)
    hyperparameters = ("lr", "momentum", "weight_decay")

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.01,
        momentum: float = 0.0,
        *,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters)
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay

    def update(self) -> Update:
        """Return the step; momentum and decay take part only where they are not 0."""
        if self.momentum:
            step = Update(momentum_sgd, ("velocity",), {"lr": self.lr, "momentum": self.momentum})
        else:
            step = Update(sgd, (), {"lr": self.lr})
        return with_decay(step, self.weight_decay)


class Adam(Optimizer):
    """Adam: p ← p − lr · m̂ / (√v̂ + eps), m̂ and v̂ running means of the gradient and its square.

    Args:
        parameters: the Values to update.
        lr: learning rate.
        betas: how much of the running means of g and of g² is kept in each step.
        eps: keeps the quotient finite where gradients are 0.
        weight_decay: adds weight_decay · p to the gradient.
    """

    beta1 = Hyperparameter(0.0, 1.0)
    beta2 = Hyperparameter(0.0, 1.0)
    eps = Hyperparameter(0.0)
    weight_decay = Hyperparameter(0.0)
    hyperparameters = ("lr", "betas", "eps", "weight_decay")

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters)
        self.lr = lr
        self.betas = betas
        self.eps = eps
        self.weight_decay = weight_decay

    @property
    def betas(self) -> tuple[float, float]:
        """beta1 and beta2."""
        return self.beta1, self.beta2

    @betas.setter
    def betas(self, pair: tuple[float, float]) -> None:
        try:
            self.beta1, self.beta2 = pair
        except (TypeError, ValueError) as error:
            if isinstance(error, ChainruleError):
                raise
            raise ArgumentError(f"{type(self).__name__}: betas is {pair!r}: give two numbers") from None

    def update(self) -> Update:
        """Return what the next step does."""
        return with_decay(self._moments(adam), self.weight_decay)

    def _moments(self, rule: Rule) -> Update:
        numbers = {"lr": self.lr, "beta1": self.beta1, "beta2": self.beta2, "eps": self.eps}
        return Update(rule, ("m", "v"), {"t": self.steps + 1.0, **numbers})


class AdamW(Adam):
    """Adam with decoupled weight decay: p ← (1 − lr · weight_decay) · p comes before Adam's step.

    Args:
        parameters: the Values to update.
        lr: learning rate.
        betas: how much of the running means of g and of g² is kept in each step.
        eps: keeps the quotient finite where gradients are 0.
        weight_decay: how much of p is taken away in each step, times lr.
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def update(self) -> Update:
        """Return what the next step does."""
        step = self._moments(adamw)
        return step._replace(operands={**step.operands, "weight_decay": self.weight_decay})


def with_decay(step: Update, weight_decay: float) -> Update:
    """Return the step with L2 decay, or itself where that is 0 (0 · p would make an infinite p nan)."""
    if not weight_decay:
        return step
    return Update(decayed(step.rule), step.state, {**step.operands, "weight_decay": weight_decay})


def checked_parameters(optimizer: str, parameters: Any) -> list[Value]:
    """Return the parameters as a list.

    Raises:
        NumberError: something else than a sequence of Values.
        ArgumentError: none, one twice, or one that is computed from others.
    """
    if not isinstance(parameters, Iterable):
        kind = type(parameters).__name__
        raise NumberError(f"{optimizer} takes a list of Values, not {kind}: pass model.parameters() or [value]")
    found = list(parameters)
    if not found:
        raise ArgumentError(f"{optimizer} was given no parameters: pass model.parameters() of a model with some")
    places: dict[Value, int] = {}
    for i, value in enumerate(found):
        if not isinstance(value, Value):
            kind = type(value).__name__
            raise NumberError(f"{optimizer}: parameter {i} is {value!r:.60} of type {kind}: wrap it in Value")
        if value._op:
            raise ArgumentError(
                f"{optimizer}: parameter {i} is the result of {value._op!r}, so that a step would be lost in "
                f"the next forward pass: pass the Values that it depends on"
            )
        if value in places:
            raise ArgumentError(
                f"{optimizer}: parameter {i} is the same Value as parameter {places[value]}: pass it once"
            )
        places[value] = i
    return found
