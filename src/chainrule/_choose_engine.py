"""Decide which engine runs: the compiled one when it is there and fresh, else its source.

Environment: CHAINRULE_PURE=1 takes the source even where a compiled engine is; CHAINRULE_REQUIRE_EXT=1 makes
a missing or stale compiled engine an error.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import warnings
from pathlib import Path

from chainrule._sources import source_hash
from chainrule.errors import ExtensionError

_FOLDER = Path(__file__).parent


class SlowEngineWarning(UserWarning):
    """The engine runs as plain Python, correct but many times slower, because it was not compiled."""


def choose() -> None:
    """Make `import chainrule.engine` bring the right engine.

    Raises:
        ExtensionError: CHAINRULE_REQUIRE_EXT=1, and the compiled engine is missing or stale.
    """
    if os.environ.get("CHAINRULE_PURE") == "1":
        _load_source()
        return
    reason = _why_not_compiled()
    if not reason:
        return
    if os.environ.get("CHAINRULE_REQUIRE_EXT") == "1":
        raise ExtensionError(f"{reason}, but CHAINRULE_REQUIRE_EXT=1 demands it; install chainrule anew")
    fix = "install chainrule anew" if reason.endswith("its source") else "install a C compiler and then chainrule anew"
    warnings.warn(
        f"{reason}: chainrule runs as plain Python, many times slower; {fix} (CHAINRULE_PURE=1 silences this)",
        SlowEngineWarning,
        stacklevel=2,
    )
    _load_source()


def _why_not_compiled() -> str:
    """Return what is wrong with the compiled engine, '' if nothing is."""
    suffixes = importlib.machinery.EXTENSION_SUFFIXES
    if not any((_FOLDER / f"engine{suffix}").exists() for suffix in suffixes):
        return "the engine is not compiled"
    try:
        from chainrule._build_info import SOURCE_HASH
    except ImportError:
        return "the compiled engine does not tell what it was made from"
    return "" if source_hash(_FOLDER) == SOURCE_HASH else "the compiled engine is older than its source"


def _load_source() -> None:
    spec = importlib.util.spec_from_file_location("chainrule.engine", _FOLDER / "engine.py")
    if spec is None or spec.loader is None:
        raise ExtensionError(f"there is no engine.py in {_FOLDER}; install chainrule anew")
    module = importlib.util.module_from_spec(spec)
    sys.modules["chainrule.engine"] = module
    spec.loader.exec_module(module)
    # The import system binds a submodule to its package only when it finds it by itself.
    vars(sys.modules["chainrule"])["engine"] = module
