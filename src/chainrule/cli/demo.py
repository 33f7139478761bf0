"""`chainrule demo`: two networks learn before your eyes, one on real data, one as published."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.cli import options
from chainrule.cli.output import note, silent, table, tell, write_json

if TYPE_CHECKING:
    from chainrule.nn import MLP
    from chainrule.training import History
    from chainrule.training.batches import Mode
    from chainrule.training.inputs import Floats

SUMMARY = "watch two networks learn: penguins, and the moons of micrograd's demo"

STEPS = 100
# Losses that the author of micrograd's demo, and whoever ran it since, has seen.
PUBLISHED = {
    0: 0.8958441028683222,
    1: 1.7235905336972022,
    2: 0.7429006313851131,
    30: 0.11731297569011848,
    99: 0.010978370135492717,
}
AGREEMENT = 1e-12  # relative; micrograd itself repeats its losses to 1e-14


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--out", type=options.place, default=Path("chainrule-demo"), metavar="DIR", help="default: chainrule-demo"
    )
    options.add_compiling(parser)
    options.add_reporting(parser)


def run(args: argparse.Namespace) -> int:
    """Train on the penguins and on the moons; tell the story, or print JSON.

    Returns:
        0, or 1 when the moons' losses are not the published ones.
    """
    started = time.perf_counter()
    talk = (lambda *_: None) if args.json else tell
    talk("Two networks will learn. Every weight in them is one scalar that knows how it was used,")
    talk("and the chain rule, applied node by node, tells each of them how to change.")
    penguins = _penguins(args)
    moons = _moons(args)
    if args.json:
        write_json({"penguins": penguins, "moons": moons})
        return int(difference(moons["loss"]) > AGREEMENT)
    from chainrule.training.progress import duration

    tell(f"\nBoth took {duration(time.perf_counter() - started)}. Look at the pictures in {args.out}/, then try")
    tell("  chainrule fit YOUR.csv --target COLUMN", style="bold")
    return int(difference(moons["loss"]) > AGREEMENT)


def difference(losses: Sequence[float]) -> float:
    """Return the largest relative difference of the losses, one a step, from the published ones."""
    return max(abs(losses[step] - published) / published for step, published in PUBLISHED.items())


def _penguins(args: argparse.Namespace) -> dict[str, Any]:
    from chainrule.cli.fit import train_table
    from chainrule.data import penguins_path, read_table
    from chainrule.training.tabular import Settings

    if not args.json:
        tell("\n1  Penguins", style="bold")
        tell("344 birds of three species, measured in Antarctica from 2007 to 2009, some with gaps in their")
        tell("records. From island, bill, flipper, mass, sex and year: which species is it?\n")
    result = train_table(
        read_table(penguins_path()), Settings("species", compile=args.compile), args.out / "penguins", args.quiet
    )
    if not args.json:
        if not args.quiet:
            tell()
        result.report()
        tell(f"The same by hand: chainrule fit {penguins_path()} --target species")
    return result.summary()


def _moons(args: argparse.Namespace) -> dict[str, Any]:
    from chainrule.cli import artefacts
    from chainrule.cli.folder import Folder
    from chainrule.data import moons

    folder = Folder(args.out / "moons", [artefacts.MODEL, artefacts.LOSS, artefacts.BOUNDARY])
    X, classes = moons()
    y = 2 * classes - 1
    if not args.json:
        tell("\n2  Moons", style="bold")
        tell("100 points on two half circles, as in micrograd's demo: the same data, the same first weights,")
        tell("a network 2-16-16-1 of 337 parameters, hinge loss and a pull of the weights to 0, 100 steps.\n")
    model, history = train_moons(X, y, visible=not args.quiet, compile=args.compile)
    makers = {
        artefacts.MODEL: model.save,
        artefacts.LOSS: artefacts.loss_picture(history),
        artefacts.BOUNDARY: artefacts.boundary_picture(model, X, y),
    }
    written = folder.write(makers, history.to_json(), silent if args.quiet else note)
    if not args.json:
        _report_moons(model, history, X, y)
        tell(f"Written to {folder.path}/: {', '.join(written)}")
    return {
        "loss": history.loss,
        "accuracy": history.accuracy,
        "parameters": len(model.parameters()),
        "seconds": round(history.seconds[-1], 3),
        "model": str(folder.path / artefacts.MODEL),
    }


def train_moons(
    X: Any,
    y: Any,
    visible: bool = False,
    compile: Mode = "auto",  # noqa: A002 - as in fit
) -> tuple[MLP, History]:
    """Train as micrograd's demo does: hinge + 1e-4·Σp², all points at once, step k at the rate 1 − 0.9·k/100.

    Args:
        X: points, shape (n, 2).
        y: their classes −1 and +1.
        visible: whether to show progress on stderr.
        compile: as in `chainrule.training.fit`.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    from chainrule import losses, sum
    from chainrule.nn import MLP
    from chainrule.optim import SGD
    from chainrule.training import fit

    state = random.getstate()
    random.seed(1337)
    model = MLP(2, [16, 16, 1])
    random.setstate(state)
    parameters = model.parameters()
    optimizer = SGD(parameters, lr=1.0)

    def loss(predictions: Any, targets: Any) -> Any:
        return losses.hinge(predictions, targets) + 1e-4 * sum([p * p for p in parameters])

    def lower_the_rate(epoch: int, logs: object) -> None:  # noqa: ARG001 - a callback's signature
        optimizer.lr = 1.0 - 0.9 * epoch / STEPS

    history = fit(
        model,
        X,
        y,
        epochs=STEPS,
        batch_size=None,
        loss=loss,
        optimizer=optimizer,
        callbacks=[lower_the_rate],
        verbose=int(visible),
        shuffle=False,
        compile=compile,
    )
    if history.interrupted:
        raise KeyboardInterrupt
    return model, history


def _report_moons(model: MLP, history: History, X: Floats, y: Any) -> None:
    rows = [
        [str(step), repr(history.loss[step]), repr(loss), f"{history.accuracy[step]:.0%}"]
        for step, loss in PUBLISHED.items()
    ]
    table(["step", "loss", "published", "accuracy"], rows)
    worst = difference(history.loss)
    if worst <= AGREEMENT:
        tell(f"\nThe losses are the published ones (largest relative difference {worst:.1e}).")
    else:
        tell(f"\nThe losses are NOT the published ones: the largest relative difference is {worst:.1e}.")
    tell("What it has learnt (o and x are the points, shaded is where it answers x):\n")
    tell(plane(model, X, y))
    tell()


def plane(model: MLP, X: Floats, y: Any, width: int = 64, height: int = 20) -> str:
    """Return the plane as text: points o (−1) and x (+1), a dot wherever the model's output is positive."""
    import numpy as np

    from chainrule.training import predict

    low, high = X.min(axis=0) - 0.3, X.max(axis=0) + 0.3
    xs, ys = np.linspace(low[0], high[0], width), np.linspace(high[1], low[1], height)
    grid = predict(model, [[x, y] for y in ys for x in xs]).reshape(height, width)
    picture = np.where(grid > 0, ".", " ")
    across = np.rint((X[:, 0] - low[0]) / (high[0] - low[0]) * (width - 1)).astype(int)
    down = np.rint((high[1] - X[:, 1]) / (high[1] - low[1]) * (height - 1)).astype(int)
    picture[down, across] = np.where(np.asarray(y) > 0, "x", "o")
    return "\n".join("  " + "".join(line).rstrip() for line in picture)
