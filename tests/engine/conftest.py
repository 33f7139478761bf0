"""What the engine's tests share: which engine runs, and how deep a chain is worth its time on it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from chainrule import engine


@pytest.fixture(scope="session")
def compiled() -> bool:
    """Whether the compiled engine runs; `CHAINRULE_PURE=1` takes the source."""
    return bool(engine.compiled)


@pytest.fixture
def quick_collector() -> Iterator[None]:
    """Hide what the other tests have made from the cycle collector, so that a full collection takes no time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def pytest_report_header() -> str:
    return f"chainrule engine: {'compiled' if engine.compiled else 'pure Python'}"
