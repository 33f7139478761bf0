"""`fit`: check everything a person passed, then train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule import optim
from chainrule.engine import Value, no_grad
from chainrule.errors import ArgumentError, ArityError
from chainrule.training.batches import Batches, Mode
from chainrule.training.callbacks import Callback, EpochFunction, Function
from chainrule.training.history import History
from chainrule.training.inputs import Floats, as_rows, as_targets
from chainrule.training.loop import Plan, Samples, train
from chainrule.training.objective import Loss, Objective, choose

_OPTIMIZERS = {"sgd": optim.SGD, "adam": optim.Adam, "adamw": optim.AdamW}


def fit(  # noqa: PLR0917 - Keras passes these by position too
    model: Any,
    X: Any,
    y: Any,
    epochs: int = 100,
    batch_size: int | None = 32,
    validation_data: tuple[Any, Any] | None = None,
    loss: str | Loss | None = None,
    optimizer: Any = None,
    callbacks: Sequence[Callback | EpochFunction] = (),
    verbose: str | int | bool = "auto",
    *,
    shuffle: bool = True,
    seed: int = 0,
    unit: float = 1.0,
    compile: Mode = "auto",  # noqa: A002 - the name that the contract gives it
) -> History:
    """Train a model on a table of numbers and return what happened.

    Args:
        model: a Module, or any callable with `parameters()`: one row in, a Value or a list of Values out.
        X: inputs, shape (rows, columns).
        y: targets, shape (rows,) or (rows, outputs); class numbers, −1 and +1, 0 and 1, or measurements.
        epochs: how often to go through all rows.
        batch_size: rows per update; None takes all at once.
        validation_data: (X, y) of rows that are measured after each epoch and never trained on.
        loss: 'mse', 'hinge', 'cross_entropy', 'binary_cross_entropy', or a function
            (predictions, targets) → Value; by default what the targets ask for.
        optimizer: 'sgd', 'adam' or 'adamw' with their own rates, or an object of `chainrule.optim` over the
            model's parameters; Adam with rate 0.01 by default.
        callbacks: Callback objects, or functions of (epoch, logs) that return True to stop.
        verbose: 'auto' or 1 shows progress on stderr, 0 shows nothing.
        shuffle: whether each epoch takes the rows in a new order.
        seed: decides these orders; the same seed gives the same training.
        unit: what 1 of y is worth in the rmse that is shown (the factor by which y was divided).
        compile: 'auto' compiles what can be compiled where the training is long enough to pay for it, and runs the
            rest eagerly; True insists on it; False runs everything eagerly. `History.executor` tells what ran.

    Returns:
        The history. After Ctrl-C it ends with the last whole epoch, and the model has the weights of the
        last whole update. Where the loss or a weight becomes nan or infinite the training stops with a
        DivergenceWarning, and the model has the last finite weights.

    Raises:
        ArityError: X is empty, or X, y and the model do not fit each other in length or width.
        NumberError: X or y holds something that is not a number.
        DataError: X or y holds nan or infinity.
        ArgumentError: an unknown loss or optimizer, targets that the loss cannot take, a size below 1.
        All are raised before anything is changed.
    """
    rows, targets = _table(X, y, "X", "y")
    forward, outputs = probe(model, rows)
    objective = choose(loss, targets, outputs, ends_in_sigmoid(model), unit)
    validation = None
    if validation_data is not None:
        validation = _validation(validation_data, rows.shape[1], objective, outputs)
    plan = Plan(
        model=model,
        batches=Batches(model, forward, objective.loss, _mode(compile)),
        outputs=outputs,
        objective=objective,
        optimizer=_optimizer(optimizer, model),
        training=Samples(rows.tolist(), objective.prepare(targets), targets),
        validation=validation,
        epochs=_at_least_one("epochs", epochs),
        batch_size=len(rows) if batch_size is None else _at_least_one("batch_size", batch_size),
        shuffle=shuffle,
        seed=seed,
        callbacks=[_callback(callback) for callback in callbacks],
        visible=_visible(verbose),
    )
    return train(plan)


def probe(model: Any, rows: Floats) -> tuple[Callable[[list[float]], Any], int]:
    """Try the model on one row; return the function from a row to its output, and how many outputs it has.

    Raises:
        ArityError: the model takes rows of another width.
        ArgumentError: the model has no parameters, or returns something else than Values.
    """
    if not callable(model) or not hasattr(model, "parameters") or not model.parameters():
        raise ArgumentError(f"{type(model).__name__} is no model with parameters: pass a Module such as MLP")
    try:
        with no_grad():
            output = model(rows[0].tolist())
    except ArityError as error:
        raise ArityError(f"a row of X has {rows.shape[1]} columns: {error.args[0]}") from error
    if isinstance(output, Value):
        return model, 1
    if not isinstance(output, list | tuple) or not output or not all(isinstance(v, Value) for v in output):
        raise ArgumentError(
            f"the model returned {type(output).__name__} {output!r:.60}: it must return a Value or a list of Values"
        )
    if len(output) == 1:
        return lambda row: model(row)[0], 1
    return model, len(output)


def ends_in_sigmoid(model: Any) -> bool:
    """Tell whether an MLP's outputs have been through a sigmoid already."""
    layers = getattr(model, "layers", None)
    neurons = getattr(layers[-1], "neurons", None) if isinstance(layers, list) and layers else None
    last = neurons[-1] if isinstance(neurons, list) and neurons else None
    return getattr(last, "activation", "") == "sigmoid" and bool(getattr(last, "nonlin", True))


def _table(X: Any, y: Any, x_name: str, y_name: str) -> tuple[Floats, Floats]:
    rows = as_rows(X, x_name)
    return rows, as_targets(y, len(rows), y_name)


def _validation(data: Any, columns: int, objective: Objective, outputs: int) -> Samples:
    if not isinstance(data, list | tuple) or len(data) != 2:
        raise ArgumentError("validation_data must be a pair (X, y)")
    X, y = data
    rows, targets = _table(X, y, "validation X", "validation y")
    if rows.shape[1] != columns:
        raise ArityError(f"the validation X has {rows.shape[1]} columns and X has {columns}: use the same columns")
    objective.check(targets, outputs, "validation y")
    return Samples(rows.tolist(), objective.prepare(targets), targets)


def _optimizer(optimizer: Any, model: Any) -> Any:
    parameters = model.parameters()
    if optimizer is None:
        return optim.Adam(parameters, lr=0.01)
    if isinstance(optimizer, str):
        if optimizer.lower() not in _OPTIMIZERS:
            raise ArgumentError(f"optimizer={optimizer!r} is not known: choose one of {', '.join(_OPTIMIZERS)}")
        return _OPTIMIZERS[optimizer.lower()](parameters)
    if isinstance(optimizer, type) or not hasattr(optimizer, "step") or not hasattr(optimizer, "lr"):
        raise ArgumentError(
            f"optimizer={optimizer!r:.60} cannot be used: pass a name, or an object such as "
            "optim.SGD(model.parameters(), lr=0.1)"
        )
    held = {id(value) for value in getattr(optimizer, "parameters", parameters)}
    if not held & {id(value) for value in parameters}:
        raise ArgumentError(
            "the optimizer holds none of the model's parameters, so nothing would be trained: "
            "make it anew from model.parameters()"
        )
    return optimizer


def _callback(callback: Callback | EpochFunction) -> Callback:
    if isinstance(callback, Callback):
        return callback
    if isinstance(callback, type) or not callable(callback):
        raise ArgumentError(f"{callback!r:.60} is no callback: pass a Callback object or a function (epoch, logs)")
    return Function(callback)


def _at_least_one(name: str, number: Any) -> int:
    if isinstance(number, bool) or not hasattr(number, "__index__") or number < 1:
        raise ArgumentError(f"{name}={number!r}: pass a whole number from 1 on")
    return int(number)


def _mode(chosen: Any) -> Mode:
    if chosen not in ("auto", True, False):
        raise ArgumentError(f"compile={chosen!r}: pass 'auto', True or False")
    return "auto" if chosen == "auto" else bool(chosen)


def _visible(verbose: str | int | bool) -> bool:
    if verbose not in ("auto", 0, 1, 2):
        raise ArgumentError(f"verbose={verbose!r}: pass 'auto', 0 or 1")
    return bool(verbose)
