"""The errors: one stable code each, kept through pickle, and a builtin that people catch."""

from __future__ import annotations

import errno
import pickle

import pytest

from chainrule import errors
from chainrule.errors import ChainruleError, WriteError

CLASSES = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, ChainruleError)]
KINDS = [found for found in CLASSES if found is not ChainruleError]


def test_codes_are_unique_and_in_order() -> None:
    assert [found.code for found in CLASSES] == [f"CR{number:03}" for number in range(len(CLASSES))]


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_a_builtin_too(kind: type[ChainruleError]) -> None:
    builtin = kind.__bases__[1]
    assert builtin.__module__ == "builtins"
    with pytest.raises(builtin):
        raise kind("what happened")


@pytest.mark.parametrize("kind", KINDS)
def test_the_code_stands_once_at_the_end(kind: type[ChainruleError]) -> None:
    error = kind("what happened")
    assert str(error) == f"what happened [{kind.code}]"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)


def test_a_failed_write_keeps_the_systems_reason() -> None:
    error = WriteError("what happened", OSError(errno.ENOSPC, "No space left on device"))
    assert (error.errno, error.strerror) == (errno.ENOSPC, "No space left on device")
    assert str(error) == "what happened [CR010]"
