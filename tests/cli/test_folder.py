"""The folder of results: ours are replaced, others' never, and all at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chainrule.cli.folder import Folder
from chainrule.errors import DataError, MissingLibraryError


def put(folder: Path, files: dict[str, str], said: list[str] | None = None) -> list[str]:
    makers = {name: (lambda path, content=content: path.write_text(content)) for name, content in files.items()}
    return Folder(folder, files).write(makers, {"loss": [1.0]}, (said if said is not None else []).append)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in folder.iterdir() if path.name != "history.json"}


def test_a_new_folder_with_its_parents(tmp_path: Path) -> None:
    assert put(tmp_path / "a" / "b", {"x": "1"}) == ["x", "history.json"]
    assert contents(tmp_path / "a" / "b") == {"x": "1"}
    assert json.loads((tmp_path / "a" / "b" / "history.json").read_text())["files"] == ["x", "history.json"]


def test_a_second_run_replaces_its_own_and_removes_what_is_no_longer_made(tmp_path: Path) -> None:
    put(tmp_path / "f", {"x": "1", "y": "1"})
    (tmp_path / "f" / "notes.txt").write_text("mine")
    put(tmp_path / "f", {"x": "2"})
    assert contents(tmp_path / "f") == {"x": "2", "notes.txt": "mine"}


@pytest.mark.parametrize("name", ["x", "history.json"])
def test_a_file_of_somebody_elses_is_not_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(DataError, match=f"{name} was not written by chainrule"):
        put(tmp_path, {"x": "1"})
    assert (tmp_path / name).read_text() == "mine"


def test_a_foreign_folder_without_such_a_file_is_fine(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    put(tmp_path, {"x": "1"})
    assert contents(tmp_path) == {"x": "1", "notes.txt": "mine"}


@pytest.mark.parametrize(
    "index", ["[]", "{}", "no json", '{"program": "other", "files": ["x"]}', '{"program": "chainrule"}']
)
def test_an_index_that_is_not_ours_owns_nothing(tmp_path: Path, index: str) -> None:
    (tmp_path / "history.json").write_text(index)
    with pytest.raises(DataError, match=r"history\.json was not written by chainrule"):
        put(tmp_path, {"x": "1"})


def test_an_index_that_was_tampered_with_leads_to_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    folder = tmp_path / "f"
    folder.mkdir()
    files = ["../precious", str(tmp_path / "precious"), "history.json"]
    (folder / "history.json").write_text(json.dumps({"program": "chainrule", "files": files}))
    put(folder, {"x": "1"})
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_maker_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    put(tmp_path / "f", {"x": "1"})
    folder = Folder(tmp_path / "f", ["x", "y"])

    def broken(path: Path) -> None:
        path.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        folder.write({"x": Path.touch, "y": broken}, {}, print)
    assert contents(tmp_path / "f") == {"x": "1"}
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_missing_library_leaves_a_picture_out(tmp_path: Path) -> None:
    def picture(path: Path) -> None:
        raise MissingLibraryError(f"no library for {path.suffix}")

    said: list[str] = []
    made = Folder(tmp_path / "f", ["x.png"]).write({"x.png": picture}, {}, said.append)
    assert made == ["history.json"]
    assert said == ["x.png was left out: no library for .png [CR008]"]


def test_numbers_that_json_cannot_hold(tmp_path: Path) -> None:
    Folder(tmp_path / "f", []).write({}, {"loss": [float("nan")]}, print)
    assert json.loads((tmp_path / "f" / "history.json").read_text())["loss"] == ["nan"]
