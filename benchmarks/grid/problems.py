"""What is wrong with a grid, reported all at once and in the order of the file."""

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self, TypeVar

from splitfed_core.errors import GridError, UsageError

MAX_TOLD = 20

Item = TypeVar("Item")
Parsed = TypeVar("Parsed")


class GridErrorGroup(GridError):  # noqa: N818  as ExceptionGroup
    """Several errors as one."""

    def __init__(self, errors: list[UsageError]) -> None:
        self.errors = errors
        more = len(errors) - MAX_TOLD
        lines = [*map(str, errors[:MAX_TOLD]), *([f"… and {more} more problems"] if more > 0 else [])]
        super().__init__("\n".join(lines))


class Problems:
    """A context to enter once for each thing that can be wrong: it takes the error; `check` raises all of them."""

    def __init__(self) -> None:
        self._errors: list[UsageError] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if isinstance(error, GridErrorGroup):
            self._errors += error.errors
        elif isinstance(error, UsageError):
            self._errors.append(error)
        return isinstance(error, UsageError)

    def add(self, error: UsageError) -> None:
        """Take an error that nobody raised."""
        self._errors.append(error)

    def check(self) -> None:
        """Raise what was taken, if anything was.

        Raises:
            GridError: One error, or all of them as one.
        """
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            raise GridErrorGroup(sorted(self._errors, key=lambda error: getattr(error, "place", (0, 0))))


def parse_each(parse: Callable[[Item], Parsed], items: Iterable[Item]) -> list[Parsed]:
    """Parse every item, also behind one that is wrong.

    Raises:
        GridError: Of all items that are wrong.
    """
    problems, parsed = Problems(), []
    for item in items:
        with problems:
            parsed.append(parse(item))
    problems.check()
    return parsed
