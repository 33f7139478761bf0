"""What a person installs: built from this checkout with and without a C compiler, and looked into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.programs import run_python, without_switches

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow  # each wheel compiles the engine

BUILT = (".so", ".pyd")
GENERATED = (".c", ".pxd", ".cpp")

# Runs in a process that sees the wheel's contents and the base libraries, not the checkout.
SMOKE = """
import sys, warnings
import chainrule as cr
from chainrule import engine

a = cr.Value(3.0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    (a * a + a).backward()
print(engine.compiled, a.grad, cr.__file__.startswith(sys.argv[1]))
"""


@dataclass(frozen=True)
class Wheel:
    """A built wheel, installed into a folder of its own."""

    folder: Path
    names: frozenset[str]

    def ending(self, suffixes: tuple[str, ...]) -> list[str]:
        """The files in it whose names end so."""
        return sorted(name for name in self.names if name.endswith(suffixes))


def copy_of_sources(folder: Path) -> Path:
    """The files that git knows or would add, without anything that an earlier build left."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # a file deleted but not committed is still listed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def pip(folder: Path, *arguments: str, **environment: str) -> None:
    """Run pip in a folder, with some environment variables set."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("CHAINRULE_")}
    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments],
        cwd=folder,
        env={**outside, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def build(folder: Path, **environment: str) -> Wheel:
    """Build the wheel of the sources in `folder` and install it beside them."""
    pip(folder, "wheel", "--no-deps", "--no-build-isolation", "-w", "dist", ".", **environment)
    [path] = (folder / "dist").glob("*.whl")
    installed = folder / "installed"
    pip(folder, "install", "--no-deps", "--no-compile", "--target", str(installed), str(path))
    files = (path.relative_to(installed) for path in installed.rglob("*") if path.is_file())
    return Wheel(installed, frozenset(path.as_posix() for path in files))


def has_compiler() -> bool:
    """True where a build can be expected to compile."""
    return shutil.which(os.environ.get("CC", "cc").split()[0]) is not None


@pytest.fixture(scope="module")
def compiled_wheel(tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    if not has_compiler():
        pytest.skip("no C compiler")
    return build(copy_of_sources(tmp_path_factory.mktemp("compiled")), CHAINRULE_REQUIRE_EXT="1")


@pytest.fixture(scope="module")
def pure_wheel(tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    return build(copy_of_sources(tmp_path_factory.mktemp("pure")), CC="false")


@pytest.fixture(params=["compiled", "pure"])
def wheel(request: pytest.FixtureRequest) -> Wheel:
    found: Wheel = request.getfixturevalue(f"{request.param}_wheel")
    return found


def test_wheel_holds_every_module_and_data_file(wheel: Wheel) -> None:
    package = ROOT / "src" / "chainrule"
    expected = {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in {*GENERATED, *BUILT, ".pyc"}
    }
    assert "chainrule/py.typed" in expected
    assert expected - wheel.names == set()


def test_wheel_holds_nothing_generated_and_nothing_beside_the_package(wheel: Wheel) -> None:
    assert wheel.ending(GENERATED) == []
    beside = {name for name in wheel.names if not name.startswith(("chainrule/", "chainrule-"))}
    assert beside == {"bin/chainrule"}


def test_compiled_wheel_has_the_extension(compiled_wheel: Wheel) -> None:
    [extension] = compiled_wheel.ending(BUILT)
    assert extension.startswith("chainrule/engine.")


def test_wheel_without_compiler_has_no_extension(pure_wheel: Wheel) -> None:
    assert pure_wheel.ending(BUILT) == []


def test_missing_extension_is_an_error_where_it_is_required(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"(?i)compil"):
        build(copy_of_sources(tmp_path), CC="false", CHAINRULE_REQUIRE_EXT="1")


def test_wheel_works_where_it_is_installed(wheel: Wheel) -> None:
    place = str(wheel.folder)
    done = run_python(SMOKE, place, folder=wheel.folder, environment={**without_switches(), "PYTHONPATH": place})
    assert done.stdout.split() == [str(bool(wheel.ending(BUILT))), "7.0", "True"], done.stderr


def test_source_archive_holds_the_checkout_and_nothing_generated(tmp_path: Path) -> None:
    sources = copy_of_sources(tmp_path / "sources")
    expected = {path.relative_to(sources).as_posix() for path in sources.rglob("*") if path.is_file()}
    program = f"from setuptools import build_meta; build_meta.build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=sources, capture_output=True, check=True)
    [path] = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        found = {member.name.partition("/")[2] for member in archive if member.isfile()}
    made_by_setuptools = {name for name in found if name in {"PKG-INFO", "setup.cfg"} or ".egg-info/" in name}
    assert found - made_by_setuptools == expected - {".gitignore"}
