"""Entries on disk that cannot be used, whatever is wrong with them: compiled anew, and replaced."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chainrule.compiler import storing
from chainrule.compiler.native import disk
from tests.compiler.function.stored import Compiling, compiled

pytest.importorskip("llvmlite")


def head_of(content: bytes) -> tuple[dict[str, Any], bytes]:
    begin = storing.HEAD + int.from_bytes(content[: storing.HEAD], "little")
    return json.loads(content[storing.HEAD : begin]), content[begin:]


def with_head(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """A change of an entry's head, which the checksum is then made for."""

    def damage(content: bytes) -> bytes:
        head, rest = head_of(content)
        change(head)
        text = json.dumps(head).encode()
        return len(text).to_bytes(storing.HEAD, "little") + text + rest

    return damage


def with_order(number: int) -> Callable[[bytes], bytes]:
    """Another place for the first live Value."""

    def damage(content: bytes) -> bytes:
        head, rest = head_of(content)
        at = len(content) - len(rest) + 8 * head["lengths"][0]
        return content[:at] + number.to_bytes(8, "little", signed=True) + content[at + 8 :]

    return damage


WRONG: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "a few bytes": lambda _: b"abc",
    "a long head": lambda content: (1 << 62).to_bytes(8, "little") + content[8:],
    "no JSON": lambda content: content[:8] + b"?" + content[9:],
    "a list": lambda _: (2).to_bytes(8, "little") + b"[]",
    "deep JSON": lambda _: (100_000).to_bytes(8, "little") + b"[" * 100_000,
    "not UTF-8": lambda content: content[:9] + b"\xff" + content[10:],
    "cut": lambda content: content[:-1],
    "longer": lambda content: content + b"\0",
    "no arrays": with_head(lambda head: head.update(lengths=[])),
    "one array": with_head(lambda head: head.update(lengths=head["lengths"][:1])),
    "lengths below 0": with_head(lambda head: head.update(lengths=[-1, *head["lengths"][1:]])),
    "lengths that are lies": with_head(lambda head: head.update(lengths=[1 << 60, *head["lengths"][1:]])),
    "a key missing": with_head(lambda head: head.pop("arena")),
    "no number": with_head(lambda head: head.update(arena="12")),
    "half a number": with_head(lambda head: head.update(arena=12.5)),
    "a truth": with_head(lambda head: head.update(values=True)),
    "values below 0": with_head(lambda head: head.update(values=-1)),
    "sizes in words": with_head(lambda head: head.update(sizes={"classes": "many"})),
    "no sizes": with_head(lambda head: head.update(sizes=[])),
    "three functions": with_head(lambda head: head["names"].append("chainrule.0000000000000000.forward")),
    "a function of C": with_head(lambda head: head.update(names=["abort", "abort"])),
    "another function": with_head(lambda head: head.update(names=["chainrule.0000000000000000.forward"] * 2)),
    "a number as name": with_head(lambda head: head.update(names=[1, 2])),
    "another code": with_head(lambda head: head.update(key="0" * 64)),
    "a path as code": with_head(lambda head: head.update(key="../../etc/passwd")),
    "a number as code": with_head(lambda head: head.update(key=7)),
    "fewer values": with_head(lambda head: head.update(values=3)),
    "a place below 0": with_order(-1),
    "a place beyond": with_order(1 << 40),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_entry_that_checks_out_and_is_wrong_is_replaced(cache: Path, wrong: str) -> None:
    first = compiled()
    path = cache / first.key()
    whole = path.read_bytes()
    content = disk.read(first.key())
    assert content is not None
    disk.write(first.key(), WRONG[wrong](content))
    second = Compiling()
    assert second.bits() == first.bits()
    assert not second.found()
    assert path.read_bytes() == whole
    assert compiled().found()


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "other", "noise"])
@pytest.mark.parametrize("which", ["program", "machine code"])
def test_damaged_entries_are_replaced(cache: Path, which: str, damage: str) -> None:
    first = compiled()
    [path] = [path for path in cache.iterdir() if (path.name == first.key()) == (which == "program")]
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-100] ^= 1
    texts = {"empty": b"", "cut": whole[:-7], "flipped": bytes(flipped), "other": b"?" + whole, "noise": b"\0" * 5000}
    path.write_bytes(texts[damage])
    second = Compiling()
    assert second.bits() == first.bits()
    assert not second.found()
    assert path.read_bytes() == whole
    assert compiled().found()


def test_an_entry_of_another_program_is_not_taken(cache: Path) -> None:
    first, other = compiled(), Compiling(factor=2.5)
    expected = other.bits()
    shutil.copy(cache / first.key(), cache / other.key())
    again = Compiling(factor=2.5)
    assert again.bits() == expected
    assert not again.found()


@pytest.mark.parametrize("which", ["program", "machine code"])
def test_half_of_it_is_not_enough(cache: Path, which: str) -> None:
    first = compiled()
    [path] = [path for path in cache.iterdir() if (path.name == first.key()) == (which == "program")]
    path.unlink()
    assert not compiled().found()
    assert compiled().found()


def test_machine_code_that_cannot_be_loaded_is_replaced(cache: Path) -> None:
    first = compiled()
    [path] = [path for path in cache.iterdir() if path.name != first.key()]
    disk.write(path.name, b"no object file")
    second = Compiling()
    assert second.bits() == first.bits()
    assert not second.found()
    assert compiled().found()
