"""`chainrule fit data.csv --target column`: train a network to predict one column from the others."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.cli import options
from chainrule.cli.output import note, silent, table, tell, write_json

if TYPE_CHECKING:
    from chainrule.data import Table
    from chainrule.training.tabular import Learned, Settings

SUMMARY = "train a network to predict one column of a CSV file from the others"
EPILOG = (
    "A missing number becomes the training median; text with few values becomes one input a value; ids, names, dates "
    "and columns that never change are left out. Each of these choices is said."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("data", type=options.source, help="a CSV file with a header line ('-' reads standard input)")
    parser.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    parser.add_argument(
        "--out", type=options.place, metavar="DIR", help="folder of the results (default: named as the file)"
    )
    parser.add_argument("--task", choices=["classification", "regression"], help="default: seen from the target")
    parser.add_argument("--drop", type=options.names, default=(), metavar="A,B", help="columns not to use")
    parser.add_argument("--seed", type=options.whole(0), default=0, help="of split and weights (default: 0)")
    parser.add_argument("--epochs", type=options.whole(1), default=200, help="at most (default: 200)")
    parser.add_argument("--hidden", type=options.sizes, default=(16, 16), metavar="16,16", help="layer sizes")
    parser.add_argument("--lr", type=options.positive, default=0.01, help="learning rate (default: 0.01)")
    parser.add_argument(
        "--weight-decay", type=options.not_negative, default=1.0, help="pull of weights to 0 (default: 1)"
    )
    parser.add_argument("--batch-size", type=options.whole(1), default=32, help="rows per update (default: 32)")
    parser.add_argument(
        "--patience", type=options.whole(1), default=20, help="epochs without progress before stopping (default: 20)"
    )
    options.add_compiling(parser)
    options.add_reading(parser)
    options.add_reporting(parser)


def run(args: argparse.Namespace) -> int:
    """Read, train, write the results, report."""
    from chainrule.training.tabular import Settings

    out = args.out or Path("model" if args.data == "-" else Path(args.data).stem)
    settings = Settings(
        target=args.target,
        task=args.task,
        seed=args.seed,
        epochs=args.epochs,
        hidden=args.hidden,
        lr=args.lr,
        weight_decay=args.weight_decay,
        batch_size=args.batch_size,
        patience=args.patience,
        drop=args.drop,
        compile=args.compile,
    )
    rows = options.read_rows(args)
    result = train_table(rows, settings, out, args.quiet)
    if args.json:
        write_json(result.summary())
    else:
        result.report()
        tell(f"\nUse it: chainrule predict {result.model} NEW.csv")
    return 0


class Result:
    """A finished training with the place of its files."""

    def __init__(self, learned: Learned, folder: Path, files: list[str]) -> None:
        from chainrule.cli.artefacts import MODEL

        self.learned = learned
        self.folder = folder
        self.files = files
        self.model = folder / MODEL

    def summary(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        learned = self.learned
        return {
            "train": learned.train,
            "test": learned.test,
            "baseline": learned.baseline,
            "parameters": len(learned.model.parameters()),
            "seconds": round(learned.seconds, 3),
            "model": str(self.model),
        }

    def report(self) -> None:
        """Print the figures for people."""
        learned = self.learned
        target, parts = learned.target, learned.split
        train, test = f"train ({len(parts.train)} rows)", f"test ({len(parts.test)} rows)"
        shown = learned.constant if target.classes else f"{learned.constant:.4g}"
        names = {
            "constant": f"always the {'commonest class' if target.classes else 'mean'} ({shown})",
            "linear": "linear model",
        }
        network = f"network of {len(learned.model.parameters())} parameters"
        if target.classes:
            rows = [[network, _share(learned.train), _share(learned.test)]]
            rows += [[names[key], "", _share(figures)] for key, figures in learned.baseline.items()]
            table([f"right {target.name}", train, test], rows)
        else:
            rows = [[network, *_errors(learned.train)[:1], *_errors(learned.test)]]
            rows += [[names[key], "", *_errors(figures)] for key, figures in learned.baseline.items()]
            table([f"rmse of {target.name}", train, test, "test R²"], rows)
        tell(f"\n{verdict(learned)}")
        tell(f"Written to {self.folder}/: {', '.join(self.files)}")


def train_table(rows: Table, settings: Settings, out: Path, quiet: bool) -> Result:
    """Train on a table and write model, history and pictures into a folder."""
    from chainrule.cli import artefacts
    from chainrule.cli.folder import Folder
    from chainrule.training.tabular import learn

    say: Callable[[str], None] = silent if quiet else note
    # Before the training, so that nobody waits for results that cannot be kept.
    folder = Folder(out, [artefacts.MODEL, artefacts.LOSS, artefacts.NEURON])
    for text in rows.notes:
        say(text)
    learned = learn(rows, settings, say, visible=not quiet)
    first = learned.inputs[learned.split.train[0]].tolist()
    makers = {
        artefacts.MODEL: lambda path: learned.model.save(path, extra=learned.extra()),
        artefacts.LOSS: artefacts.loss_picture(learned.history),
        artefacts.NEURON: artefacts.neuron_drawing(learned.model, first, learned.preparation.inputs()),
    }
    return Result(learned, out, folder.write(makers, learned.history.to_json(), say))


def verdict(learned: Learned) -> str:
    """Return in one sentence how the network stands beside the baselines on the test rows."""
    key = "accuracy" if learned.target.classes else "rmse"
    sign = 1 if learned.target.classes else -1
    network, linear, constant = (
        sign * figures[key] for figures in (learned.test, learned.baseline["linear"], learned.baseline["constant"])
    )
    if network <= constant:
        return "The network has learnt nothing that helps on the test rows: it does not beat the constant answer."
    if network > linear:
        return "The network beats both baselines on the test rows."
    if network == linear:
        return "The network does as well as a linear model, which is simpler."
    return "The network beats the constant answer; the linear model does better, and is simpler."


def _share(figures: dict[str, float]) -> str:
    return f"{figures['accuracy']:.1%}"


def _errors(figures: dict[str, float]) -> list[str]:
    r2 = figures["r2"]
    return [f"{figures['rmse']:.4g}", f"{r2:.3f}" if abs(r2) < 1000 else f"{r2:.3g}"]
