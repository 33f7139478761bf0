"""Losses: how wrong a batch of predictions is, as one Value, the mean over the batch.

Each takes `predictions` and `targets` of equal length: lists, tuples or numpy arrays, one entry a sample.
Predictions are Values (numbers work too), and the result is a Value to call `backward()` on.

The cross entropies take logits, the unbounded outputs of a linear layer, because a sigmoid or softmax
inside the loss keeps the digits that one outside has already rounded away. Probabilities given by mistake
train badly and in silence, so they are recognised and warned about, by rules made for few false alarms:

- `cross_entropy`: every row has all values in [0, 1] and a sum of 1 within 1e-6, or every value comes
  straight out of a sigmoid. Logits of a network meet the first by no accident.
- `binary_cross_entropy`: every prediction comes straight out of a sigmoid; or there are at least two, all
  in [0, 1], and none comes out of an op that ends a network (a sum, a dot product, a ReLU …), since the
  logits of a fresh network can all lie in [0, 1].

While a function is traced to be compiled, targets among its arguments are no numbers yet, and looking at each would
bind the trace to this batch. So a loss then asks one question about the whole batch, whether all targets are such
as it takes, which a compiled call asks again; only where the answer is no are they looked at one by one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any, TypeAlias

from chainrule.engine import Value, tracing
from chainrule.errors import ArgumentError, ArityError
from chainrule.functions import logsumexp, mean, sum
from chainrule.ops import Operand, real_number
from chainrule.ops.elementary import maximum, where

# A sequence with an entry for each sample: Values, numbers, or rows of them.
Batch: TypeAlias = Any

# Ops whose result may be a probability, by what a node shows as its op: hand-written sigmoids and softmaxes
# end in a quotient, a power or an exponential, clamped ones in min or max. A leaf may be anything.
MAY_BE_PROBABILITY = {"", "sigmoid", "/", "exp", "maximum", "minimum", "where"}
ROUNDING = 1e-6  # of probabilities in float32 that sum to 1


class ProbabilitiesAsLogitsWarning(UserWarning):
    """A loss that takes logits was given what looks like probabilities."""


def mse(predictions: Batch, targets: Batch) -> Value:
    """Mean squared error: the mean of (prediction − target)² over all numbers.

    Args:
        predictions: n Values, or n rows of Values.
        targets: the same shape of numbers (or Values, to differentiate through).

    Raises:
        ArityError: the shapes differ, or the batch is empty.
        ArgumentError: a target is nan or infinite.
        NumberError: something is no number.
    """
    pairs = _pairs("mse", predictions, targets)
    if not _all_fit(pairs, lambda t: 0.0 * t):
        for place, _, target in pairs:
            _finite("mse", place, target)
    return _mean([(p - t) ** 2 for _, p, t in pairs])


def hinge(predictions: Batch, targets: Batch) -> Value:
    """Hinge loss of a support vector machine: the mean of max(0, 1 − target · prediction).

    Args:
        predictions: n Values (scores; their sign is the class), or n rows of them.
        targets: the same shape of −1 and +1.

    Raises:
        ArityError: the shapes differ, or the batch is empty.
        ArgumentError: a target is not −1 or +1.
        NumberError: something is no number.
    """
    pairs = _pairs("hinge", predictions, targets)
    if not _all_fit(pairs, lambda t: (t * t - 1.0) * (t * t - 1.0)):
        for place, _, target in pairs:
            number = _finite("hinge", place, target)
            if number not in (1.0, -1.0):
                fix = "turn 0 and 1 into them with 2*y - 1" if number == 0 else "label the two classes so"
                raise ArgumentError(f"hinge takes targets -1 and +1, but target {place} is {number:g}: {fix}")
    return _mean([(1.0 - t * p).relu() for _, p, t in pairs])


def cross_entropy(predictions: Batch, targets: Batch) -> Value:
    """Softmax cross entropy: the mean of ln Σ exp(logits) − logits[target], natural logarithm.

    Args:
        predictions: n rows of at least 2 logits, one a class; or one row with one target.
        targets: n integers, the index of each sample's class.

    Raises:
        ArityError: not a target for each row, the batch is empty, or rows differ in length.
        ArgumentError: a target is no class index; predictions are single values, not rows.
        NumberError: something is no number.

    Warns:
        ProbabilitiesAsLogitsWarning: the rows look like probabilities.
    """
    rows = _entries("cross_entropy", "predictions", predictions)
    if rows and not _is_sequence(rows[0]) and not _is_sequence(targets):
        rows, targets = [rows], [targets]
    classes = _entries("cross_entropy", "targets", targets)
    _same_length("cross_entropy", "", len(rows), len(classes))
    logits = [_logits(i, row) for i, row in enumerate(rows)]
    for i, row in enumerate(logits):
        if len(row) < 2 or len(row) != len(logits[0]):
            wanted = "at least 2" if len(logits[0]) < 2 else f"{len(logits[0])} as the first row"
            raise ArityError(f"cross_entropy: row {i} has {len(row)} logits: give it {wanted}")
    chosen = _chosen(logits, classes)
    if all(_are_probabilities(row) for row in logits):
        _warn("cross_entropy", "softmax")
    return _mean([logsumexp(row) - logit for row, logit in zip(logits, chosen, strict=True)])


def binary_cross_entropy(predictions: Batch, targets: Batch) -> Value:
    """Sigmoid cross entropy: the mean of softplus(logit) − target · logit, natural logarithm.

    Args:
        predictions: n logits, or n rows of independent logits; positive means class 1.
        targets: the same shape of 0 and 1, or of probabilities between.

    Raises:
        ArityError: the shapes differ, or the batch is empty.
        ArgumentError: a target lies outside [0, 1].
        NumberError: something is no number.

    Warns:
        ProbabilitiesAsLogitsWarning: the predictions look like probabilities.
    """
    pairs = _pairs("binary_cross_entropy", predictions, targets)
    if not _all_fit(pairs, lambda t: maximum(0.0, -t) + maximum(0.0, t - 1.0)):
        for place, _, target in pairs:
            number = _finite("binary_cross_entropy", place, target)
            if not 0.0 <= number <= 1.0:
                raise ArgumentError(
                    f"binary_cross_entropy takes targets from 0 to 1, but target {place} is {number:g}: "
                    f"turn -1 and +1 into them with (y + 1) / 2"
                )
    logits = [prediction for _, prediction, _ in pairs]
    if all(x._op == "sigmoid" for x in logits) or (len(logits) > 1 and all(map(_may_be_probability, logits))):
        _warn("binary_cross_entropy", "sigmoid")
    return _mean([p.softplus() - t * p for _, p, t in pairs])


# A prediction with its target, and where in the batch they stand, for messages: 3, or '3, column 1'.
Pair: TypeAlias = tuple[object, Value, Operand]


def _pairs(loss: str, predictions: Batch, targets: Batch) -> list[Pair]:
    """Return the numbers of a batch of scalars or of rows, each prediction with its target."""
    if not _is_sequence(predictions) and not _is_sequence(targets):
        predictions, targets = [predictions], [targets]
    left = _entries(loss, "predictions", predictions)
    right = _entries(loss, "targets", targets)
    _same_length(loss, "", len(left), len(right))
    pairs: list[Pair] = []
    for i, (prediction, target) in enumerate(zip(left, right, strict=True)):
        if _is_sequence(prediction) and _is_sequence(target):
            row, wanted = list(prediction), list(target)
            _same_length(loss, f" in row {i}", len(row), len(wanted))
            pairs += [_pair(loss, f"{i}, column {j}", p, t) for j, (p, t) in enumerate(zip(row, wanted, strict=True))]
        else:
            pairs.append(_pair(loss, i, prediction, target))
    return pairs


def _all_fit(pairs: list[Pair], misfit: Callable[[Operand], Operand]) -> bool:
    """Tell, while a function is traced, whether `misfit`, 0 for a target that fits, is so for all of them.

    Otherwise nothing is known yet.
    """
    # nan is not below anything
    return tracing() and bool(sum([misfit(target) for _, _, target in pairs]) <= 0.0)


def _pair(loss: str, place: object, prediction: Any, target: Any) -> Pair:
    """Return one prediction with its target: Values as they are, numbers as a Value and a float."""
    if tracing():
        return place, prediction if type(prediction) is Value else Value(prediction), target
    if not isinstance(prediction, Value):
        prediction = Value(_one_number(loss, "prediction", place, prediction))
    if not isinstance(target, (float, Value)):
        target = _one_number(loss, "target", place, target)
    return place, prediction, target


def _is_sequence(x: object) -> bool:
    """True for what has entries: not a Value, a number, text or an array of no dimension."""
    if hasattr(type(x), "__chainrule_apply__"):  # a Value, or what stands for a number in a trace
        return False
    if isinstance(x, (float, int)):  # with the Values nearly all; asking for Iterable costs ten times as much
        return False
    if isinstance(x, (list, tuple)):
        return True
    return isinstance(x, Iterable) and not isinstance(x, (str, bytes, Mapping)) and getattr(x, "ndim", 1) > 0


def _entries(loss: str, what: str, batch: Batch) -> list[Any]:
    """Return the entries of a batch; numpy arrays give Python numbers, which are faster to compute with."""
    if not _is_sequence(batch):
        raise ArityError(f"{loss} takes a list of {what}, one a sample, but was given {batch!r:.60}: put it in a list")
    entries: list[Any] = batch.tolist() if hasattr(batch, "tolist") else list(batch)
    return entries


def _same_length(loss: str, where: str, predictions: int, targets: int) -> None:
    if predictions != targets:
        raise ArityError(
            f"{loss} was given {predictions} predictions and {targets} targets{where}: "
            f"give one target for each prediction"
        )
    if not predictions:
        raise ArityError(f"{loss} was given an empty batch{where}: give at least one prediction and target")


def _one_number(loss: str, what: str, place: object, x: Any) -> float:
    """Return a number as a float; a row of them where one belongs is a mistake in the shapes."""
    if _is_sequence(x):
        raise ArityError(
            f"{loss}: {what} {place} is a row of {len(list(x))}, and the other side is one number: "
            f"give both the same shape"
        )
    return real_number(x, f"{loss}: {what} {place}")


def _finite(loss: str, place: object, target: Operand) -> float:
    """Return a target's number; nan or inf in a target is missing data, never a lesson."""
    number = float(target)
    if not isfinite(number):
        raise ArgumentError(f"{loss}: target {place} is {number}: drop the sample or fill in its target")
    return number


def _logits(i: int, row: Any) -> list[Value]:
    """Return one row of logits as Values."""
    if not _is_sequence(row):
        raise ArgumentError(
            "cross_entropy takes a row of logits for each sample, one logit for each class, but prediction "
            f"{i} is {row!r:.60}: give the network an output for each class, or use binary_cross_entropy"
        )
    return [
        each if isinstance(each, Value) else Value(_one_number("cross_entropy", "logit", f"{j} of row {i}", each))
        for j, each in enumerate(row)
    ]


def _chosen(logits: list[list[Value]], classes: list[Any]) -> list[Value]:
    """Return the logit of each sample's class."""
    if tracing() and any(type(target) is not int for target in classes):
        # Every class is compared with the target: an index would bind the trace to this batch.
        picks = [
            [where(target == j, 1.0, 0.0) for j in range(len(row))] for row, target in zip(logits, classes, strict=True)
        ]
        if sum([1.0 - sum(pick) for pick in picks]) <= 0.0:
            return [
                sum([where(one, logit, 0.0) for one, logit in zip(pick, row, strict=True)])
                for pick, row in zip(picks, logits, strict=True)
            ]
    indices = [_class_index(i, target, len(logits[i])) for i, target in enumerate(classes)]
    return [row[k] for row, k in zip(logits, indices, strict=True)]


def _class_index(i: int, target: Any, classes: int) -> int:
    """Return a target as the index of a class; floats that are integers come from numpy and CSV files."""
    if type(target) is int and 0 <= target < classes:
        return target
    if _is_sequence(target):
        raise ArgumentError(
            f"cross_entropy takes class indices, but target {i} is {target!r:.60}: "
            f"turn one-hot rows into indices, row.index(1)"
        )
    number = _finite("cross_entropy", i, real_number(target, f"cross_entropy: target {i}"))
    if number != int(number) or not 0 <= number < classes:
        raise ArgumentError(
            f"cross_entropy: target {i} is {number:g}, and the classes of its row are 0 to {classes - 1}: "
            f"number the classes from 0"
        )
    return int(number)


def _may_be_probability(x: Value) -> bool:
    """True when x may be a probability, by its number and the op that made it; see the head of this file."""
    if tracing():
        return False
    return 0.0 <= x.data <= 1.0 and (x._op in MAY_BE_PROBABILITY or x._op.startswith("**"))


def _are_probabilities(row: list[Value]) -> bool:
    """True for a row that a softmax or sigmoids made, by its numbers or its ops."""
    if not tracing():
        numbers = [each.data for each in row]
        if abs(sum(numbers) - 1.0) <= ROUNDING and min(numbers) >= 0.0:
            return True
    return all(each._op == "sigmoid" for each in row)


def _warn(loss: str, squash: str) -> None:
    """Warn at the line that called the loss."""
    warnings.warn(
        f"{loss} takes logits, and these predictions look like probabilities: "
        f"leave the {squash} out, the loss contains it",
        ProbabilitiesAsLogitsWarning,
        stacklevel=3,
    )


def _mean(losses: list[Value]) -> Value:
    result: Value = mean(losses)
    return result
