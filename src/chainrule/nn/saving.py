"""Model files: parameters and architecture in one safetensors file, written whole or not at all.

Format 1. Every parameter has a place in a float64 tensor: `neurons.<i>` inside its name and the integers at
the end are indices, so that a Layer is `layers.0.w` of shape (nout, nin) and `layers.0.b` of shape (nout,),
as PyTorch's Linear has them; a list of Values is a vector, a lone Value a tensor of shape (). Values that do
not fill such a box (ragged lists, shared neurons) are stored one by one under their full names.
The metadata has one entry, `chainrule`, a JSON object: `format` (1), `class` (its name, for messages only),
`architecture` (see chainrule.nn.architecture; null for a class that is not ours) and `extra` (what the
program gave). Nothing in a file is run or imported.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from chainrule.engine import read_data, write_data
from chainrule.errors import ArgumentError, MissingModelFileError, ModelFileError
from chainrule.files import PathLike, write_whole
from chainrule.nn.architecture import Misfit, build, describe
from chainrule.nn.module import Module, name_difference

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensors: TypeAlias = dict[str, NDArray[np.float64]]

FORMAT = 1
KEY = "chainrule"

Index: TypeAlias = tuple[int, ...]
# For each tensor: its shape, and which parameters it holds, in C order.
Layout: TypeAlias = dict[str, tuple[Index, list[str]]]


def save(model: Module, path: PathLike, extra: Mapping[str, Any] | None = None) -> None:
    """Write a model to a file, see `Module.save`."""
    import numpy as np
    from safetensors.numpy import save as to_bytes

    named = dict(model.named_parameters())
    numbers = dict(zip(named, read_data(list(named.values())).tolist(), strict=True))
    tensors = {
        tensor: np.array([numbers[name] for name in names], dtype=np.float64).reshape(shape)
        for tensor, (shape, names) in layout(named).items()
    }
    header = {
        "format": FORMAT,
        "class": type(model).__name__,
        "architecture": describe(model),
        "extra": dict(extra or {}),
    }
    # one entry: safetensors writes several in no fixed order, and equal models shall give equal files
    write_whole(path, to_bytes(tensors, metadata={KEY: _to_json(header)}))


def load(path: PathLike) -> Module:
    """Return the model that a file holds: a Neuron, Layer or MLP with the same bits.

    Raises:
        ModelFileError: the file is missing, damaged, no model of ours, or of a class that is not ours (build
            that one yourself and call its `load(path)`).
    """
    header, tensors = _read(path)
    if header is None or header["architecture"] is None:
        kind = f"a {header['class']!r:.60}" if header else "tensors that chainrule did not write"
        raise ModelFileError(
            f"{path} holds {kind}, which cannot be rebuilt from the file alone: "
            f"build the model in your program and call model.load(path)"
        )

    def take(tensor: str, shape: Index) -> NDArray[np.float64]:
        if tensor not in tensors:
            raise Misfit(f"tensor {tensor!r} of its architecture is missing")
        if tensors[tensor].shape != shape:
            raise Misfit(f"tensor {tensor!r} has shape {tensors[tensor].shape}, not {shape}")
        return tensors.pop(tensor)

    try:
        model = build(header["architecture"], take)
    except Misfit as error:
        _refuse(path, error)
    if tensors:
        _refuse(path, f"its architecture has no place for {name_difference(set(), set(tensors))}")
    return model


def load_into(model: Module, path: PathLike) -> None:
    """Read the parameters of an existing model from a file, see `Module.load`."""
    import numpy as np

    header, tensors = _read(path)
    named = dict(model.named_parameters())
    places = layout(named)
    complaint = name_difference(set(places), set(tensors))
    for tensor, (shape, _) in places.items():
        if not complaint and tensors[tensor].shape != shape:
            complaint = f"tensor {tensor!r} has shape {tensors[tensor].shape} there and {shape} here"
    saved, own = header["architecture"] if header else None, describe(model)
    if not complaint and saved is not None and own is not None and saved != own:
        complaint = "its network has other activations (chainrule.load(path) rebuilds that one)"
    if complaint:
        raise ModelFileError(f"{path} does not fit this {type(model).__name__}: {complaint}")
    numbers = {
        name: number
        for tensor, (_, names) in places.items()
        for name, number in zip(names, tensors[tensor].ravel().tolist(), strict=True)
    }
    write_data(list(named.values()), np.array([numbers[name] for name in named], dtype=np.float64))


def read_extra(path: PathLike) -> dict[str, Any]:
    """Return what `save` was given as `extra`, as JSON gives it back (tuples as lists, keys as text).

    Raises:
        ModelFileError: the file is missing, damaged, or not written by chainrule.
    """
    header, _ = _read(path)
    if header is None:
        raise ModelFileError(f"{path} was not written by chainrule: its metadata have no {KEY!r} entry")
    extra: dict[str, Any] = header["extra"]
    return extra


def layout(names: Iterable[str]) -> Layout:
    """Return the tensors that hold parameters of these names, see the head of this file."""
    groups: dict[str, dict[str, Index]] = {}
    for name in names:
        tensor, index = _place(name)
        groups.setdefault(tensor, {})[name] = index
    made: Layout = {}
    for tensor, members in groups.items():
        shape = _box(list(members.values()))
        if shape is None:
            made.update({name: ((), [name]) for name in members})
        else:
            made[tensor] = (shape, sorted(members, key=members.__getitem__))
    return made


def _read(path: PathLike) -> tuple[dict[str, Any] | None, Tensors]:
    """Return the checked header of a file (None where chainrule did not write it) and its tensors."""
    from safetensors import SafetensorError, safe_open

    tensors: Tensors = {}
    try:
        if not Path(path).exists():
            raise MissingModelFileError(f"{path} is not there: check the path")
        if not Path(path).is_file():  # a pipe or device could give bytes without end
            raise ModelFileError(f"{path} is not a regular file: check the path")
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
            for name in file.keys():  # noqa: SIM118 - not a dict: only keys() gives the names
                kind = file.get_slice(name).get_dtype()
                if kind != "F64":
                    _refuse(path, f"tensor {name!r:.60} holds {kind} numbers, where float64 belongs")
                tensors[name] = file.get_tensor(name)
    except PermissionError as error:
        raise ModelFileError(f"{path} may not be read by this user: change its permissions") from error
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        if isinstance(error, ModelFileError):
            raise
        _refuse(path, error)
    return (None if text is None else _header(path, text)), tensors


def _header(path: PathLike, text: str) -> dict[str, Any]:
    """Parse the metadata entry; nothing in it is believed before it is checked."""
    try:
        header = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        _refuse(path, f"its metadata are not JSON: {error}")
    if not isinstance(header, dict) or type(header.get("format")) is not int:
        _refuse(path, "its metadata have no format number")
    if header["format"] != FORMAT:
        _refuse(path, f"it has format {header['format']}, and this version of chainrule reads {FORMAT}")
    complete = {"class": "", "architecture": None, "extra": {}, **header}
    if not isinstance(complete["extra"], dict):
        _refuse(path, "its 'extra' metadata are not a JSON object")
    return complete


def _refuse(path: PathLike, reason: object) -> NoReturn:
    """Raise the error of a file that is not a whole and honest model file."""
    raise ModelFileError(f"{path} is not a model file that can be used: {reason}; save the model again")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _to_json(header: dict[str, Any]) -> str:
    """Return the header as JSON; only `extra` can hold what JSON cannot."""
    try:
        return json.dumps(header, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(
            f"extra cannot be saved: {error}; use finite numbers, text, lists and dicts with text keys "
            f"(numpy: float(x) or x.tolist())"
        ) from error


def _place(name: str) -> tuple[str, Index]:
    """Return a parameter's tensor and index: `layers.0.neurons.3.w.1` is (3, 1) of `layers.0.w`."""
    parts = name.split(".")
    rows = []
    if "neurons" in parts[:-2]:
        at = parts.index("neurons")
        if _is_index(parts[at + 1]):
            rows.append(int(parts[at + 1]))
            del parts[at : at + 2]
    columns: list[int] = []
    while len(parts) > 1 and _is_index(parts[-1]):
        columns.insert(0, int(parts.pop()))
    return ".".join(parts), (*rows, *columns)


def _is_index(part: str) -> bool:
    """True for an integer as Python writes it; the length bounds what a strange dict key may cost."""
    return part.isascii() and part.isdecimal() and len(part) < 10 and str(int(part)) == part


def _box(indices: list[Index]) -> Index | None:
    """Return the shape that the indices fill exactly, each once, or None."""
    if len({len(index) for index in indices}) > 1 or len(set(indices)) < len(indices):
        return None
    shape = tuple(1 + max(axis) for axis in zip(*indices, strict=True))
    return shape if math.prod(shape) == len(indices) else None
