"""`chainrule predict model.safetensors new.csv`: use a model that `fit` has saved on new rows."""

from __future__ import annotations

import argparse
import csv
import io
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.cli import options
from chainrule.cli.output import note, silent
from chainrule.files import write_whole
from chainrule.plain_json import json_text

if TYPE_CHECKING:
    from chainrule.data import Preparation, Table, Target
    from chainrule.training.inputs import Floats

SUMMARY = "predict the rows of a CSV file with a model that fit has saved"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("model", type=options.source, help="the model.safetensors that fit wrote")
    parser.add_argument(
        "data", type=options.source, help="a CSV file with the same columns, in any order ('-': standard input)"
    )
    parser.add_argument("--out", type=options.place, metavar="FILE", help="where to write (default: standard output)")
    options.add_reading(parser)
    options.add_reporting(parser)


def run(args: argparse.Namespace) -> int:
    """Read model and rows, predict, write."""
    say = silent if args.quiet else note
    if args.out is not None:
        _refuse_own_inputs(args.out, [args.model, args.data])
    model, preparation, target = read_model(args.model)
    rows = options.read_rows(args)
    known = {column.name for column in preparation.columns}
    ignored = [name for name in rows.names if name not in known and name != target.name]
    inputs, notes = preparation.encode(rows)
    if ignored:
        from chainrule.data.table import listed

        notes.insert(0, f"not used by the model, and ignored: {listed(ignored)}")
    for text in [*rows.notes, *notes]:
        say(text)
    predictions = target.decode(_outputs(model, inputs, args.model, target))
    text = json_text(predictions) if args.json else _as_csv(target.name, predictions)
    if args.out is None:
        sys.stdout.write(text)
    else:
        _write(args.out, text)
        say(f"{len(predictions)} predictions written to {args.out}")
    if strange := _not_finite(predictions):
        say(strange)
    if agreement := _agreement(rows, target, predictions):
        say(agreement)
    return 0


def read_model(path: str) -> tuple[Any, Preparation, Target]:
    """Return the model of a file, how rows become its inputs, and what its outputs mean.

    Raises:
        ModelFileError: the file is missing or damaged, or `fit` on a table did not write it.
    """
    from chainrule import nn
    from chainrule.data import Preparation, target_from_json
    from chainrule.errors import ModelFileError

    extra = nn.read_extra(path)
    if "columns" not in extra or "target" not in extra:
        raise ModelFileError(f"{path} says nothing about columns: give a model that `chainrule fit` has saved")
    preparation, target = Preparation.from_json(extra["columns"]), target_from_json(extra["target"])
    return nn.load(path), preparation, target


def _outputs(model: Any, inputs: Floats, path: str, target: Target) -> Floats:
    from chainrule.errors import ArityError, ModelFileError
    from chainrule.training import predict

    try:
        outputs = predict(model, inputs)
    except ArityError as error:
        raise ModelFileError(f"{path} does not fit its own list of columns: train the model again") from error
    width = outputs.shape[1] if outputs.ndim == 2 else 1
    if width != max(len(target.classes), 1):
        raise ModelFileError(f"{path} does not fit its own list of classes: train the model again")
    return outputs


def _agreement(rows: Table, target: Target, predictions: list[Any]) -> str:
    """Return how good the predictions are where the file holds the answers already; else nothing."""
    import numpy as np

    if target.name not in rows.columns:
        return ""
    if target.classes:
        answers = target.encode_classes(rows)
        known = answers >= 0
        right = np.array([target.classes.index(label) for label in predictions])[known] == answers[known]
        return f"{right.sum()} of the {known.sum()} rows with a known {target.name} are right" if known.any() else ""
    numbers = target.encode_numbers(rows)
    known = ~np.isnan(numbers)
    if not known.any():
        return ""
    rmse = float(np.sqrt(np.mean(np.square(numbers[known] - np.array(predictions)[known]))))
    return f"rmse {rmse:.4g} on the {known.sum()} rows with a known {target.name}"


def _not_finite(predictions: list[Any]) -> str:
    """Return how many predictions are no numbers, which no trained model gives; nothing if all are."""
    strange = sum(isinstance(each, float) and not math.isfinite(each) for each in predictions)
    if not strange:
        return ""
    return f"{strange} of {len(predictions)} predictions are not finite numbers: train the model again"


def _as_csv(name: str, predictions: list[Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([[name], *([prediction] for prediction in predictions)])
    return text.getvalue()


def _refuse_own_inputs(out: Path, inputs: list[str]) -> None:
    from chainrule.errors import DataError

    for path in map(Path, inputs):
        if out.exists() and path.exists() and out.samefile(path) and out.is_file():
            raise DataError(f"--out {out} is the file that is read: choose another place")


def _write(out: Path, text: str) -> None:
    if out.exists() and not out.is_file() and not out.is_dir():
        out.write_text(text, encoding="utf-8", newline="")  # a device or a pipe cannot be replaced
    else:
        write_whole(out, text.encode("utf-8"))
