"""The error tree: every expected failure, stated as value, rule and remedy.

SfbenchError
├── UsageError              the user can fix it: exit code 2
│   ├── ConfigError         a parameter of a cell
│   ├── GridError           a grid file; says file and line
│   ├── NotARunError        a path that holds no run
│   ├── NewerSchemaError    a file of a run that a newer version wrote
│   └── NotInstalledError   a package that is missing, with the extra that has it
├── DataError               runs without usable rows: exit code 3
├── StartError              what runs the cells does not start
└── CellError               a cell could not be finished: its status and reason
    ├── RemoteError         the other side of the wire refused or failed
    ├── StragglerError      a client's model did not arrive in time
    └── CellTimeoutError    the cell ran over its `timeout_s`
"""

from enum import IntEnum

_STACK_LINES = ('File "', "Detected at node", "[[{{node")
_LONGEST = 400


class ExitCode(IntEnum):
    """What a command returns; a contract with scripts and CI."""

    OK = 0
    FAILED = 1  # a regression was found, or an oracle failed
    USAGE = 2
    INCOMPLETE = 3  # cells failed or are missing, a run without usable rows, a comparison that is an error
    INCONCLUSIVE = 4
    UNEXPECTED = 5  # a bug, with its traceback
    INTERRUPTED = 130  # as shells count SIGINT; the same command resumes


class SfbenchError(Exception):
    """An expected failure; its text is one message for the user, `exit_code` what the command returns."""

    exit_code = ExitCode.INCOMPLETE


class UsageError(SfbenchError):
    """Wrong usage: a bad value, with the rule and the remedy."""

    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """A parameter of a cell has a value it cannot have.

    Args:
        message: Bad value, rule and remedy.
        parameter: The name of the parameter, so that a grid can add file and line.
    """

    def __init__(self, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter

    def __reduce__(self) -> tuple[type["ConfigError"], tuple[str, str | None]]:
        """Keep the parameter when Ray carries the error between processes."""
        return type(self), (str(self), self.parameter)


class NotInstalledError(UsageError):
    """What is asked for takes packages that are not installed."""


class GridError(UsageError):
    """A grid file cannot be read or makes no plan; the text starts with `file:line`.

    Args:
        message: Place, bad value, rule and remedy.
        place: Line and column, so that several can be listed in the order of the file.
    """

    def __init__(self, message: str, place: tuple[int, int] = (0, 0)) -> None:
        super().__init__(message)
        self.place = place


class NotARunError(UsageError):
    """A path was given that is not a run directory."""


class NewerSchemaError(UsageError):
    """A file of a run was written by a newer version of sfbench, in a form that this one does not know."""


class DataError(SfbenchError):
    """Runs were found, but nothing in them can be used."""


class StartError(SfbenchError):
    """What runs the cells could not be started; no cell has been touched."""


class CellError(SfbenchError):
    """A cell could not be finished."""


class RemoteError(CellError):
    """The other side of the wire refused a call or failed in it, or sent what cannot be taken."""


class StragglerError(CellError):
    """A client's model did not reach the fed server before the deadline."""


class CellTimeoutError(CellError):
    """A cell ran longer than its `timeout_s`."""


def one_line(text: str) -> str:
    """Return what a library's error says as one line, without the stack that TensorFlow puts into its messages."""
    lines = (line.strip() for line in text.splitlines())
    message = " ".join(line for line in lines if line and not line.startswith(_STACK_LINES))
    return message if len(message) <= _LONGEST else f"{message[:_LONGEST]} …"
