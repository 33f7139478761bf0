"""Damaged and hostile model files: one clear sentence, the model untouched, nothing run, nothing huge made."""

from __future__ import annotations

import json
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save as to_bytes

from chainrule.errors import ModelFileError
from chainrule.nn import MLP, Layer, Module, Neuron, load, read_extra

ARCHITECTURE: Any = {"type": "Layer", "nin": 2, "nout": 1, "activation": "relu"}
TENSORS = {"w": np.array([[1.0, 2.0]]), "b": np.array([3.0])}


def file_of(tensors: dict[str, Any], header: Any) -> bytes:
    """A safetensors file with a header of ours, as wrong as one likes."""
    text = header if isinstance(header, str) else json.dumps(header)
    return to_bytes(tensors, metadata={"chainrule": text})


def header_of(architecture: Any, **changes: Any) -> dict[str, Any]:
    """A header that is right but for the architecture and the changes."""
    return {"format": 1, "class": "Layer", "architecture": architecture, "extra": {}, **changes}


def raw(header: str, length: int | None = None, data: bytes = b"") -> bytes:
    """A safetensors file by hand: the length of the header, the header, the numbers."""
    text = header.encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def refuses(path: Path, content: bytes) -> str:
    """Check that every way to read the file refuses it and changes nothing; return the message."""
    path.write_bytes(content)
    model = Layer(2, 1)
    before = model.state_dict()
    with pytest.raises(ModelFileError) as caught:
        load(path)
    with pytest.raises(ModelFileError):
        model.load(path)
    assert model.state_dict() == before
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < len(str(path)) + 500
    return message


def test_the_file_that_the_others_are_made_from_is_right(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(file_of(TENSORS, header_of(ARCHITECTURE)))
    assert [p.data for p in load(path).parameters()] == [1.0, 2.0, 3.0]
    model = Layer(2, 1)
    model.load(path)
    assert [p.data for p in model.parameters()] == [1.0, 2.0, 3.0]


CONTENTS = {
    "empty": b"",
    "text": b"w = 1, 2\nb = 3\n" * 9,
    "pickle": b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94",
    "zip": b"PK\x03\x04" + bytes(60),
    "zeros": bytes(100),
    "header of 2**63 bytes": raw("{}", length=2**63),
    "header of 2**64 - 1 bytes": raw("{}", length=2**64 - 1),
    "header longer than the file": raw("{}", length=10_000),
    "header that is no JSON": raw("{'w': 1}"),
    "header that is a list": raw("[]"),
    "header that is not UTF-8": struct.pack("<Q", 4) + b'{"\xff}',
    "deep header": raw("[" * 100_000),
    "negative offsets": raw('{"w":{"dtype":"F64","shape":[1],"data_offsets":[-8,0]}}'),
    "offsets beyond the file": raw('{"w":{"dtype":"F64","shape":[9],"data_offsets":[0,72]}}', data=bytes(8)),
    "shape beyond the offsets": raw('{"w":{"dtype":"F64","shape":[9],"data_offsets":[0,8]}}', data=bytes(8)),
    "a product that overflows": raw(
        f'{{"w":{{"dtype":"F64","shape":[{2**62},8],"data_offsets":[0,8]}}}}', data=bytes(8)
    ),
    "overlapping tensors": raw(
        '{"b":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},'
        '"w":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]}}',
        data=bytes(16),
    ),
    "unknown dtype": raw('{"w":{"dtype":"F65","shape":[1],"data_offsets":[0,8]}}', data=bytes(8)),
    "no tensors": raw("{}"),
    "trailing bytes": file_of(TENSORS, header_of(ARCHITECTURE)) + b"more",
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_damaged(content: bytes, tmp_path: Path) -> None:
    refuses(tmp_path / "m", content)


HEADERS: dict[str, Any] = {
    "no JSON": "{",
    "a number": 3,
    "a list": [],
    "null": None,
    "deep": "[" * 100_000,
    "nan": '{"format": NaN}',
    "no format": {},
    "format as text": {"format": "1"},
    "format true": {"format": True},
    "a later format": header_of(ARCHITECTURE, format=2),
    "a format of many digits": '{"format": ' + "9" * 10_000 + "}",
    "extra that is a list": header_of(ARCHITECTURE, extra=[]),
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_wrong_header(header: Any, tmp_path: Path) -> None:
    refuses(tmp_path / "m", file_of(TENSORS, header))


def test_a_later_format_is_named(tmp_path: Path) -> None:
    message = refuses(tmp_path / "m", file_of(TENSORS, header_of(ARCHITECTURE, format=7)))
    assert "format 7" in message


ARCHITECTURES: dict[str, Any] = {
    "text": "MLP",
    "a list": [ARCHITECTURE],
    "no type": {"nin": 2, "nout": 1, "activation": "relu"},
    "a class to import": {"type": "os.system", "args": ["true"]},
    "a base class": {"type": "Module"},
    "a type that is a list": {"type": ["Layer"]},
    "an MLP without layers": {"type": "MLP"},
    "an MLP of no layers": {"type": "MLP", "layers": []},
    "an MLP of neurons": {"type": "MLP", "layers": [{"type": "Neuron", "nin": 1, "activation": "relu"}]},
    "an MLP of text": {"type": "MLP", "layers": ["Layer"]},
    "an MLP of MLPs": {"type": "MLP", "layers": [{"type": "MLP", "layers": [ARCHITECTURE]}]},
    "no size": {"type": "Layer", "nin": 2, "activation": "relu"},
    "size 0": {**ARCHITECTURE, "nout": 0},
    "a negative size": {**ARCHITECTURE, "nin": -2},
    "a size that is a float": {**ARCHITECTURE, "nin": 2.0},
    "a size that is true": {**ARCHITECTURE, "nout": True},
    "a huge size": {**ARCHITECTURE, "nout": 10**12},
    "huge sizes": {**ARCHITECTURE, "nin": 10**9, "nout": 10**9},
    "a size of many digits": {**ARCHITECTURE, "nin": 10**300},
    "another size": {**ARCHITECTURE, "nin": 3},
    "no activation": {"type": "Layer", "nin": 2, "nout": 1},
    "an unknown activation": {**ARCHITECTURE, "activation": "relu6"},
    "an activation that is no activation": {**ARCHITECTURE, "activation": "add"},
    "an activation that is an attribute": {**ARCHITECTURE, "activation": "backward"},
    "an activation that is a list": {**ARCHITECTURE, "activation": ["relu"]},
    "a neuron": {"type": "Neuron", "nin": 2, "activation": "relu"},
}


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_wrong_architecture(architecture: Any, tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(file_of(TENSORS, header_of(architecture)))
    tracemalloc.start()
    with pytest.raises(ModelFileError) as caught:
        load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
    assert len(str(caught.value)) < len(str(path)) + 500


def test_layers_that_do_not_fit_each_other(tmp_path: Path) -> None:
    layers = [ARCHITECTURE, {**ARCHITECTURE, "nin": 3}]
    tensors = {
        "layers.0.w": np.ones((1, 2)),
        "layers.0.b": np.ones(1),
        "layers.1.w": np.ones((1, 3)),
        "layers.1.b": np.ones(1),
    }
    message = refuses(tmp_path / "m", file_of(tensors, header_of({"type": "MLP", "layers": layers})))
    assert "layer 1 does not take the 1 outputs of layer 0" in message


WRONG_TENSORS: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"w": TENSORS["w"]}, "'b'"),
    "one too many": ({**TENSORS, "c": np.ones(1)}, "'c'"),
    "renamed": ({"W": TENSORS["w"], "b": TENSORS["b"]}, "'w'"),
    "transposed": ({**TENSORS, "w": TENSORS["w"].T.copy()}, "(2, 1)"),
    "flat": ({**TENSORS, "w": np.ones(2)}, "(2,)"),
    "empty": ({**TENSORS, "w": np.ones((0, 2))}, "(0, 2)"),
    "float32": ({**TENSORS, "w": np.ones((1, 2), dtype=np.float32)}, "F32"),
    "float16": ({**TENSORS, "b": np.ones(1, dtype=np.float16)}, "F16"),
    "integers": ({**TENSORS, "b": np.ones(1, dtype=np.int64)}, "I64"),
    "truth values": ({**TENSORS, "b": np.ones(1, dtype=bool)}, "BOOL"),
}


@pytest.mark.parametrize(("tensors", "named"), WRONG_TENSORS.values(), ids=WRONG_TENSORS)
def test_wrong_tensors(tensors: dict[str, Any], named: str, tmp_path: Path) -> None:
    assert named in refuses(tmp_path / "m", file_of(tensors, header_of(ARCHITECTURE)))


def test_numbers_of_bfloat16_are_refused(tmp_path: Path) -> None:
    header = '{"w":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    assert "BF16" in refuses(tmp_path / "m", raw(header, data=bytes(2)))


def test_nan_and_infinity_are_numbers(tmp_path: Path) -> None:
    tensors = {"w": np.array([[np.nan, np.inf]]), "b": np.array([-np.inf])}
    path = tmp_path / "m"
    path.write_bytes(file_of(tensors, header_of(ARCHITECTURE)))
    assert list(map(str, load(path).state_dict().values())) == ["nan", "inf", "-inf"]


def test_another_network(tmp_path: Path) -> None:
    path = tmp_path / "m"
    MLP(2, [3, 1], activation="tanh").save(path)
    wrong: list[Module] = [MLP(2, [3, 2]), MLP(3, [3, 1]), MLP(2, [1]), Neuron(2), Module()]
    for model in [*wrong, MLP(2, [3, 1], activation="relu")]:
        before = model.state_dict()
        with pytest.raises(ModelFileError, match=f"does not fit this {type(model).__name__}"):
            model.load(path)
        assert model.state_dict() == before


def test_not_a_file(tmp_path: Path) -> None:
    model = Neuron(1)
    paths: list[Any] = [tmp_path, tmp_path / "missing", tmp_path / ("x" * 5000), "a\0b", Path(os.devnull)]
    fifo = tmp_path / "pipe"
    if hasattr(os, "mkfifo"):
        os.mkfifo(fifo)
        paths.append(fifo)
    for path in paths:
        for read in (load, model.load, read_extra):
            with pytest.raises(ModelFileError):
                read(path)


def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "m"
    Neuron(1).save(path)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(ModelFileError, match="Permission"):
        load(path)


WHOLE = file_of(TENSORS, header_of(ARCHITECTURE))


@pytest.mark.parametrize("length", range(0, len(WHOLE), 7))
def test_truncated(length: int, tmp_path: Path) -> None:
    refuses(tmp_path / "m", WHOLE[:length])


@settings(max_examples=300)
@given(place=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_any_flipped_byte(place: int, byte: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A changed byte gives the error, or a whole model (a number, or the name of another activation)."""
    path = tmp_path_factory.getbasetemp() / "flipped"
    path.write_bytes(WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :])
    model = Layer(2, 1)
    before = model.state_dict()
    try:
        model.load(path)
    except ModelFileError:
        assert repr(model.state_dict()) == repr(before)
    try:
        loaded = load(path)
    except ModelFileError:
        return
    assert len(loaded.parameters()) == 3
