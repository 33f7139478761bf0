"""What all tests share: repeatable random inputs, and no silent skips where everything must be there."""

from __future__ import annotations

import importlib.util
import os

import hypothesis
import pytest

# Each of these lets tests skip on a person's machine; with CI set, nothing may be skipped for lack of it.
NEEDED_IN_CI = ("torch", "matplotlib", "sklearn", "Cython")

# The same examples on every run, and no deadline: a slow machine is not a fault of the code.
hypothesis.settings.register_profile("chainrule", derandomize=True, deadline=None)
hypothesis.settings.load_profile("chainrule")


def pytest_sessionstart() -> None:
    """Refuse to start in CI with something missing that would turn tests into skips."""
    if not os.environ.get("CI"):
        return
    missing = [name for name in NEEDED_IN_CI if importlib.util.find_spec(name) is None]
    if missing:
        raise pytest.UsageError(f"CI is set and {', '.join(missing)} cannot be imported: install it")
    from chainrule import engine

    if not engine.compiled and os.environ.get("CHAINRULE_PURE") != "1":
        raise pytest.UsageError(
            "CI is set and the compiled engine is missing: install a C compiler, then `make clean test`"
        )


def pytest_report_header() -> str:
    """Say which engine the run tests, since that is an environment variable away."""
    from chainrule import engine

    return f"chainrule engine: {'compiled' if engine.compiled else 'pure Python'}"
