"""What all tests share: repeatable random inputs, and no silent skips where everything must be there."""

from __future__ import annotations

import importlib.util
import os
import signal
import warnings
from collections.abc import Iterator

import hypothesis
import pytest

# Each of these lets tests skip on a person's machine; with CI set, nothing may be skipped for lack of it.
NEEDED_IN_CI = (
    "llvmlite",
    "torch",
    "micrograd",
    "sklearn",
    "matplotlib",
    "pygraphviz",
    "Cython",
    "playwright",
    "axe_playwright_python",
    "jupyterlab",
    "nbconvert",
)

# The same examples on every run, and no limit of time: a slow or busy machine is not a fault of the code.
hypothesis.settings.register_profile(
    "chainrule", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("chainrule")


def engine_is_compiled() -> bool:
    """Import the engine; that it is slow where it was not compiled is said in the header instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from chainrule import engine
    return engine.compiled


def pytest_configure() -> None:
    """Let the tests and the programs that they start be interrupted: a shell's background takes Ctrl-C away."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart() -> None:
    """Refuse to start in CI with something missing that would turn tests into skips."""
    compiled = engine_is_compiled()
    if os.environ.get("CI"):
        missing = [name for name in NEEDED_IN_CI if importlib.util.find_spec(name) is None]
        if not compiled and os.environ.get("CHAINRULE_PURE") != "1":
            missing.append("the compiled engine (is there a C compiler?)")
        if missing:
            raise pytest.UsageError(f"CI is set and something is missing: {', '.join(missing)}")
    if not compiled:
        os.environ["CHAINRULE_PURE"] = "1"  # programs that tests start do not say again that it is slow


@pytest.fixture(autouse=True, scope="session")
def machine_code_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep machine code away from the person's own: a run finds only what it has compiled itself."""
    before = os.environ.get("CHAINRULE_CACHE")
    os.environ["CHAINRULE_CACHE"] = str(tmp_path_factory.mktemp("machine_code"))
    yield
    if before is None:
        del os.environ["CHAINRULE_CACHE"]
    else:
        os.environ["CHAINRULE_CACHE"] = before


def pytest_report_header() -> str:
    """Say which engine the run tests, since that is an environment variable away."""
    return f"chainrule engine: {'compiled' if engine_is_compiled() else 'pure Python'}"
