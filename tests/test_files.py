"""Writing files: all of the new content or all of the old, whatever fails, and one function that does it."""

from __future__ import annotations

import ast
import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.errors import WriteError
from chainrule.files import write_whole
from tests.programs import run_python

SOURCE = Path(__file__).parents[1] / "src" / "chainrule"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file with old content, alone in its folder."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


def is_untouched(old: Path) -> bool:
    """True when the old content stands alone in its folder: nothing half-written lies beside it."""
    return [(path, path.read_bytes()) for path in old.parent.iterdir()] == [(old, b"old")]


@settings(max_examples=30)
@given(first=st.binary(max_size=5000), second=st.binary(max_size=5000))
def test_the_content_is_what_was_given(first: bytes, second: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "content"
    for content in (first, second):
        write_whole(path, content)
        assert path.read_bytes() == content


@pytest.mark.parametrize("kind", [str, Path])
def test_the_path_may_be_text_or_a_path(kind: Callable[[Path], Any], old: Path) -> None:
    write_whole(kind(old), b"new")
    assert old.read_bytes() == b"new"
    assert list(old.parent.iterdir()) == [old]


def test_a_path_below_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_whole("name", b"new")
    assert (tmp_path / "name").read_bytes() == b"new"


# What fails


@pytest.mark.parametrize("step", ["open", "fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failing_step_keeps_the_old_content(
    step: str, error: BaseException, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fail(*_: object, **__: object) -> None:
        calls.append(step)
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(os, step, fail)
        with pytest.raises(WriteError if isinstance(error, OSError) else KeyboardInterrupt) as caught:
            write_whole(old, b"new")
    assert calls, "the planted fault was met"
    assert is_untouched(old)
    if isinstance(error, OSError):
        assert isinstance(caught.value, OSError)
        assert caught.value.errno == errno.ENOSPC
        assert str(caught.value) == (
            f"{old} could not be written (No space left on device), and what was there is unchanged: check that the "
            "folder exists, is writable and has space, or choose another place [CR010]"
        )
    write_whole(old, b"new")
    assert old.read_bytes() == b"new"


# A program that writes 8 kB where the system allows files of 4 kB: the write itself fails half-way.
FULL = """
import resource, sys
from chainrule.errors import WriteError
from chainrule.files import write_whole
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_whole(sys.argv[1], b"new " * 2000)
except WriteError as error:
    print(error)
"""


@pytest.mark.parametrize("buffered", [True, False])
def test_a_disk_that_fills_up(buffered: bool, old: Path) -> None:
    pytest.importorskip("resource", reason="limits are a thing of Unix")
    program = FULL if buffered else FULL.replace("2000", "200000")  # more than Python's buffer: fails in write()
    done = run_python(program, str(old))
    assert done.stderr == ""
    assert f"{old} could not be written (File too large)" in done.stdout
    assert is_untouched(old)


# A program that is stopped from outside at some moment of a long row of writes.
LONG = """
import sys
from chainrule.files import write_whole
print(flush=True)
for i in range(20_000):
    write_whole(sys.argv[1], b"%d" % (i % 10) * 300_000)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are a thing of Unix")
@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_a_program_that_is_stopped_leaves_one_whole_content(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with subprocess.Popen(
        [sys.executable, "-c", LONG, str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        while not path.exists():
            assert program.poll() is None
        for _ in range(20):  # a reader meanwhile finds whole contents as well
            assert is_whole(path.read_bytes())
        program.send_signal(getattr(signal, name))
    assert is_whole(path.read_bytes())


def is_whole(content: bytes) -> bool:
    """True for what one write of the program above leaves."""
    return len(content) == 300_000 and len(set(content)) == 1


def test_a_part_is_not_whole() -> None:
    assert not is_whole(b"1" * 299_999)
    assert not is_whole(b"1" * 150_000 + b"2" * 150_000)


# Places that cannot be written to


@pytest.mark.parametrize("name", ["missing/file", "file/below", "x" * 300, "a\0b", "\ud800" * 300])
def test_a_place_that_is_none(name: str, old: Path) -> None:
    with pytest.raises(WriteError, match="folder exists"):
        write_whole(os.path.join(old.parent, name), b"new")  # noqa: PTH118 - a path as text
    assert is_untouched(old)


@pytest.mark.parametrize("name", [".", "folder", "pipe"])
def test_what_is_no_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    elif name == "pipe":
        pytest.skip("no named pipes here")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(WriteError, match="is not a regular file: choose another path"):
        write_whole(tmp_path / name, b"new")
    assert sorted(tmp_path.iterdir()) == before


def test_a_path_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WriteError, match="a path without a name"):
        write_whole("", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    """Renaming onto /dev/full would make it a file for the whole machine."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    link = tmp_path / "link"
    link.symlink_to("/dev/full")
    with pytest.raises(WriteError, match="not a regular file"):
        write_whole(link, b"new")
    assert Path("/dev/full").is_char_device()


def test_a_folder_that_may_not_be_written_to(old: Path) -> None:
    old.parent.chmod(0o555)
    try:
        if os.access(old.parent, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(WriteError, match=r"Permission denied.* is writable"):
            write_whole(old, b"new")
    finally:
        old.parent.chmod(0o755)
    assert is_untouched(old)


def test_a_file_that_may_not_be_written_to(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old.chmod(0o444)
    if os.access(old, os.W_OK):  # this user may write everywhere: let the system say what others hear
        monkeypatch.setattr(os, "access", lambda path, mode: not (Path(path) == old and mode == os.W_OK))
    with pytest.raises(WriteError, match=r"may not be written to: allow it \(chmod u\+w\)"):
        write_whole(old, b"new")
    assert is_untouched(old)


def test_folders_are_made_when_asked(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "file", b"new", parents=True)
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"new"
    with pytest.raises(WriteError, match="could not be written"):
        write_whole(tmp_path / "a" / "b" / "file" / "c" / "file", b"new", parents=True)
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"new"


# Links and permissions


def test_a_link_stays_a_link(old: Path) -> None:
    link, dangling = old.parent / "link", old.parent / "dangling"
    link.symlink_to(old)
    dangling.symlink_to("other")
    for path in (link, dangling):
        write_whole(path, b"new")
        assert path.is_symlink()
    assert old.read_bytes() == (old.parent / "other").read_bytes() == b"new"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_permissions_stay(mode: int, mask: int, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old.chmod(mode)
    seen = []  # the permissions when the content is there and the file not yet in its place

    def fsync(descriptor: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(os, "fsync", fsync)
    before = os.umask(mask)
    try:
        write_whole(old, b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(old.stat().st_mode) == mode
    assert seen == [seen[0] & mode], "nobody saw the content who may not see the file"


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    write_whole(tmp_path / "ours", b"new")
    (tmp_path / "plain").write_bytes(b"new")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


# One writer

# Calls that write a file in another way: (module, call) -> why.
OTHER_WAYS = {
    ("files.py", "open"): "here it is",
    ("cli/predict.py", "write_text"): "a device or a pipe cannot be replaced",
    ("cli/artefacts.py", "savefig"): "into memory",
}


def writing_calls(source: str) -> set[str]:
    """Return the calls in a source that may write a file by themselves; those that clearly read are passed over."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
        words = [
            each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
        writes = any(set(word) <= set("rwxab+t") and set(word) & set("wxa+") for word in words)
        if name in {"write_text", "write_bytes", "savefig"} or (name in {"open", "fdopen"} and writes):
            found.add(name)
    return found


def test_every_file_is_written_by_write_whole() -> None:
    found = {
        (path.relative_to(SOURCE).as_posix(), call)
        for path in SOURCE.rglob("*.py")
        for call in writing_calls(path.read_text("utf-8"))
    }
    assert found == set(OTHER_WAYS)


@pytest.mark.parametrize(
    "source",
    ["p.write_text('x')", "p.write_bytes(b'x')", "open(p, 'w')", "p.open(mode='xb')", "open(p, 'r+')", "f.savefig(p)"],
)
def test_planted_writers_are_found(source: str) -> None:
    assert writing_calls(source)


@pytest.mark.parametrize("source", ["open(p)", "p.open('rb')", "p.read_text()", "open(p, 'r', encoding='utf-8')"])
def test_readers_are_no_writers(source: str) -> None:
    assert not writing_calls(source)
