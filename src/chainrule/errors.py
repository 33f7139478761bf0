"""What a person is told when something is wrong: every error names values, place and the one fix."""

from __future__ import annotations

from typing import Any, ClassVar


class ChainruleError(Exception):
    """Base of all errors raised on purpose; each subclass also derives from the fitting builtin.

    The message ends with the class's stable code, so that a person can search for it.
    """

    code: ClassVar[str] = "CR000"

    def __init__(self, message: str) -> None:
        super().__init__(message)

    def __str__(self) -> str:
        # Added here, so that an error that went through pickle, as from a process pool, has it once. The message is
        # Exception's: OSError would write its errno instead.
        return f"{Exception.__str__(self)} [{self.code}]"


class NumberError(ChainruleError, TypeError):
    """Something that is not a real number was given where a number or Value is needed."""

    code = "CR001"


class ArityError(ChainruleError, ValueError):
    """Two sequences that must have the same length have different ones, or one is empty."""

    code = "CR002"


class GraphError(ChainruleError, RuntimeError):
    """The graph cannot be walked or differentiated as asked."""

    code = "CR003"


class PickleError(ChainruleError, TypeError):
    """A graph holds something that cannot be pickled or deep-copied faithfully."""

    code = "CR004"


class ArgumentError(ChainruleError, ValueError):
    """An argument has a value that the function cannot work with."""

    code = "CR005"


class DataError(ChainruleError, ValueError):
    """A data file or table cannot be used as it is."""

    code = "CR006"


class ModelFileError(ChainruleError, ValueError):
    """A model file is missing, corrupt, hostile, or does not fit the model."""

    code = "CR007"


class MissingLibraryError(ChainruleError, ImportError):
    """An optional library is needed for this feature and is not installed."""

    code = "CR008"


class ExtensionError(ChainruleError, ImportError):
    """The compiled engine was demanded and is missing or stale."""

    code = "CR009"


class WriteError(ChainruleError, OSError):
    """A file cannot be written; what was there is unchanged.

    `errno` and `strerror` are those of the system's own error, when there is one.
    """

    code = "CR010"

    def __init__(self, message: str, cause: Exception | None = None) -> None:
        super().__init__(message)
        if isinstance(cause, OSError):
            self.errno, self.strerror = cause.errno, cause.strerror


class MissingModelFileError(ModelFileError, FileNotFoundError):
    """There is no model file at this path."""

    code = "CR011"


class ProgramError(ChainruleError, RuntimeError):
    """A compiled program breaks its own rules: a mistake in chainrule, not in the function that was compiled."""

    code = "CR012"


class StaleTraceError(ChainruleError, RuntimeError):
    """A compiled function no longer computes what it was traced to compute: something that it reads has changed."""

    code = "CR013"


class NotTraceable(ChainruleError, RuntimeError):  # noqa: N818 - it is about a function, not about a mistake
    """A function does something that compiled code cannot do for it.

    Attributes:
        reason: what it does.
        remedy: what to write instead.
        where, line: the place and the text of the line, '' where unknown.
        temporary: only this call is concerned, so nothing needs to be said or remembered.
        depends_on_data: with other numbers it may be traceable.
        trace: what was traced nonetheless, where nothing is wrong but what it returns.
    """

    code = "CR014"

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        remedy: str = "",
        where: str = "",
        line: str = "",
        temporary: bool = False,
        depends_on_data: bool = False,
        trace: Any = None,
    ) -> None:
        super().__init__(message)
        self.reason, self.remedy, self.where, self.line = reason, remedy, where, line
        self.temporary, self.depends_on_data, self.trace = temporary, depends_on_data, trace


class NotCompilableError(ChainruleError, NotImplementedError):
    """No machine code can be made for a program on this machine."""

    code = "CR015"


class TooLargeError(ChainruleError, RuntimeError):
    """Making machine code for a program would take too long."""

    code = "CR016"
