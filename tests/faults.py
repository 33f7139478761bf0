"""Planted faults that several tests need."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


@contextmanager
def full_disk() -> Iterator[None]:
    """A disk on which nothing more can be brought to rest; that nothing tried is an error of the test."""
    error = OSError(errno.ENOSPC, "No space left on device")
    with mock.patch.object(os, "fsync", side_effect=error) as planted:
        yield
    assert planted.called, "the planted fault was met"
