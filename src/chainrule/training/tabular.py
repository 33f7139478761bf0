"""The main job: from a table and the name of its target to a trained model, measured beside baselines."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chainrule.data import Preparation, Split, Table, Target, choose_target, prepare, split_rows
from chainrule.data.table import count
from chainrule.errors import ArgumentError, DataError
from chainrule.nn import MLP
from chainrule.optim import AdamW
from chainrule.training.baselines import least_squares, linear, logistic
from chainrule.training.batches import Mode
from chainrule.training.callbacks import EarlyStopping
from chainrule.training.fitting import fit
from chainrule.training.history import History
from chainrule.training.inputs import Floats
from chainrule.training.loop import DivergenceWarning
from chainrule.training.predicting import predict

Figures = dict[str, float]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """What a person may choose; `task` None decides from the target's cells, `compile` is as in `fit`.

    The defaults did best, over four seeds each, on seven small tables (iris, wine, breast cancer, diabetes,
    penguins by species, sex and mass): this decay, 1 % of a weight per update, brings the network from
    clearly behind the linear model to level with it or ahead on six of them.
    """

    target: str
    task: str | None = None
    seed: int = 0
    epochs: int = 200
    hidden: tuple[int, ...] = (16, 16)
    lr: float = 0.01
    weight_decay: float = 1.0
    batch_size: int = 32
    patience: int = 20
    drop: tuple[str, ...] = ()
    compile: Mode = "auto"


@dataclass(frozen=True)
class Learned:
    """A trained model with all that is needed to use it and to say how good it is.

    Attributes:
        model: an MLP over the prepared inputs.
        preparation: how rows become its inputs.
        target: what its outputs mean.
        history: the training.
        split: the parts, as row numbers of `inputs`.
        inputs: the prepared inputs of all rows with a known target, shape (rows, inputs).
        train: figures on the training rows: accuracy, or rmse and r2.
        test: the same on the test rows, which nothing was learnt from.
        baseline: the figures on the test rows of the 'constant' answer and of the 'linear' model.
        constant: the constant answer: the commonest class, or the mean.
        seconds: how long the training took.
    """

    model: MLP
    preparation: Preparation
    target: Target
    history: History
    split: Split
    inputs: Floats
    train: Figures
    test: Figures
    baseline: dict[str, Figures]
    constant: str | float
    seconds: float

    def extra(self) -> dict[str, object]:
        """Return what a model file must carry beside the weights for `predict` to work."""
        return {"columns": self.preparation.to_json(), "target": self.target.to_json()}


def learn(table: Table, settings: Settings, say: Say, visible: bool) -> Learned:
    """Train an MLP to predict one column of a table from the others.

    Inputs are scaled and categories found on the training rows only; a validation part stops the training
    early; the test part is only measured. The same table, settings and seed give the same model.

    Args:
        table: the rows.
        settings: what to learn, and how.
        say: is given one sentence for each choice that was made about the data.
        visible: whether to show progress on stderr.

    Raises:
        DataError: the table cannot be learnt from; the message says why.
        ArgumentError: the target is to be dropped, or the training diverged before its first epoch was over.
        KeyboardInterrupt: Ctrl-C.
    """
    for name in (settings.target, *settings.drop):
        table.column(name)
    if settings.target in settings.drop:
        raise ArgumentError(f"'{settings.target}' is both the target and to be dropped: choose one of the two")
    target, known, notes = choose_target(table, settings.target, settings.task)
    table = table.take(known)
    classes = target.encode_classes(table) if target.classes else None
    split = split_rows(np.arange(len(table)), classes, settings.seed)
    leave_out = dict.fromkeys(settings.drop, "as you asked") | {settings.target: ""}
    preparation, choices = prepare(table, split.train, leave_out)
    for note in [*notes, *choices]:
        say(note)
    sizes = [count(len(part), "row") for part in (split.train, split.validation, split.test)]
    say(f"{sizes[0]} to train, {sizes[1]} to stop early, {sizes[2]} to test (seed {settings.seed})")
    inputs, _ = preparation.encode(table)
    answers = _Answers.of(table, target, split)
    started = time.perf_counter()
    model, history = _train(inputs, answers, split, settings, say=say, visible=visible)
    seconds = time.perf_counter() - started
    outputs = predict(model, inputs)
    baseline, constant = _baselines(inputs, answers, split)
    return Learned(
        model=model,
        preparation=preparation,
        target=answers.target,
        history=history,
        split=split,
        inputs=inputs,
        train=answers.figures(split.train, outputs[split.train]),
        test=answers.figures(split.test, outputs[split.test]),
        baseline=baseline,
        constant=constant,
        seconds=seconds,
    )


@dataclass(frozen=True)
class _Answers:
    """The target of every row, as the model learns it: class numbers, or numbers scaled to mean 0."""

    target: Target
    learnt: npt.NDArray[np.int64] | Floats

    @classmethod
    def of(cls, table: Table, target: Target, split: Split) -> _Answers:
        """Encode the target; a number's mean and scale are those of the training rows."""
        if target.classes:
            return cls(target, target.encode_classes(table))
        numbers = target.encode_numbers(table)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, scale = float(numbers[split.train].mean()), float(numbers[split.train].std())
        if not np.isfinite(mean) or not 0 < scale < np.inf:
            raise DataError(
                f"the target '{target.name}' of {table.source} ranges from {numbers.min():g} to "
                f"{numbers.max():g} and cannot be scaled: it must differ between rows, within float64"
            )
        return cls(Target(target.name, mean=mean, scale=scale), (numbers - mean) / scale)

    def figures(self, rows: npt.NDArray[np.intp], outputs: Floats) -> Figures:
        """Return accuracy, or rmse in the file's unit and r2, of outputs for some rows."""
        wanted = self.learnt[rows]
        if self.target.classes:
            return {"accuracy": float(np.mean(outputs.argmax(axis=1) == wanted))}
        residual = float(np.mean(np.square(outputs - wanted)))
        spread = float(np.mean(np.square(wanted - wanted.mean())))
        # Equal test targets have no variance to explain: R² has no value then.
        r2 = 1 - residual / spread if spread > 0 else float("nan")
        return {"rmse": self.target.scale * residual**0.5, "r2": r2}


def _train(
    inputs: Floats, answers: _Answers, split: Split, settings: Settings, *, say: Say, visible: bool
) -> tuple[MLP, History]:
    outputs = max(len(answers.target.classes), 1)
    with _seeded(settings.seed):
        model = MLP(inputs.shape[1], [*settings.hidden, outputs])
    calm(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)  # the history tells the same, and is told below
        history = fit(
            model,
            inputs[split.train],
            answers.learnt[split.train],
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            validation_data=(inputs[split.validation], answers.learnt[split.validation]),
            loss="cross_entropy" if answers.target.classes else "mse",
            optimizer=AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay),
            callbacks=[EarlyStopping(patience=settings.patience)],
            verbose=int(visible),
            seed=settings.seed,
            unit=answers.target.scale,
            compile=settings.compile,
        )
    if history.interrupted:
        raise KeyboardInterrupt
    if history.diverged and not history.epochs:
        raise ArgumentError(f"nothing was learnt: {history.stopped}: choose a smaller --lr than {settings.lr:g}")
    if history.diverged:
        say(f"{history.stopped}, so the training ended there: a smaller --lr than {settings.lr:g} goes on longer")
    return model, history


def calm(model: MLP) -> None:
    """Shrink the weights of wide layers to the variance 2/inputs (He et al. 2015).

    Weights from [-1, 1] suit micrograd's small layers; a layer of 100 inputs would start with outputs of
    about 6 times the size of its inputs, and the training would spend its first epochs undoing that.
    """
    for layer in model.layers:
        for neuron in layer.neurons:
            factor = min(1.0, (6 / len(neuron.w)) ** 0.5)
            for weight in neuron.w:
                weight.data *= factor


def _baselines(inputs: Floats, answers: _Answers, split: Split) -> tuple[dict[str, Figures], str | float]:
    """Measure the constant answer and a linear model, both learnt from all rows but the test's."""
    seen = np.concatenate([split.train, split.validation])
    wanted, classes = answers.learnt[seen], answers.target.classes
    if classes:
        labels = wanted.astype(np.int64)
        commonest = int(np.bincount(labels, minlength=len(classes)).argmax())
        flat = np.tile(np.eye(len(classes))[commonest], (len(split.test), 1))
        weights = logistic(inputs[seen], labels, len(classes))
        constant: str | float = classes[commonest]
    else:
        flat = np.full(len(split.test), wanted.mean())
        weights = least_squares(inputs[seen], wanted)
        constant = answers.target.mean + answers.target.scale * float(wanted.mean())
    outputs = linear(inputs[split.test], weights)
    figures = {"constant": answers.figures(split.test, flat), "linear": answers.figures(split.test, outputs)}
    return figures, constant


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Make Python's random numbers repeatable inside, and as they were afterwards."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
