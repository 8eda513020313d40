"""A history of measurements as JSON lines: fit for a git branch, where two branches merge by keeping the lines of both.

Each line is one cell measured at one commit on one machine, and says so by itself: their order means nothing, and a
line that was merged in twice counts once. Nothing but `append` writes it, and it only ever adds lines.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from splitfed_core.errors import UsageError

HISTORY_SCHEMA = 1


@dataclass(frozen=True)
class Machine:
    """Where it was measured: `id` is a hash over all that makes a machine another one, the rest is for people."""

    id: str
    cpu: str
    cores: int


@dataclass(frozen=True)
class Measure:
    """A metric of a cell: the median over its repeats, in the unit of the registry, and how many repeats it is of."""

    median: float
    n: int


@dataclass(frozen=True)
class Entry:
    """One cell at one commit on one machine.

    Args:
        cell_id: Identifier of the cell.
        label: The cell in words.
        commit: What was measured.
        diff: Hash of the uncommitted changes it was measured with; nothing for a clean tree.
        committed_at: When it was committed, if the repository one stood in knew the commit; ISO 8601, UTC.
        measured_at: When its first repeat began; ISO 8601.
        machine: Where it was measured.
        versions: Version of each package.
        failed: Repeats without a usable result.
        metrics: What was measured; empty if every repeat failed.
        noisy: Counted metrics that do not repeat exactly in this cell; a line says so only if there are any.
        definitions: The numbers of those metrics that are not at their first definition; a line says so likewise.
    """

    cell_id: str
    label: str
    commit: str
    diff: str | None
    committed_at: str | None
    measured_at: str
    machine: Machine
    versions: Mapping[str, str]
    failed: int
    metrics: Mapping[str, Measure]
    noisy: Sequence[str] = ()
    definitions: Mapping[str, int] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[str, str, str | None, str, str]:
        """What two lines share that tell of the same measurement, perhaps before and after it was completed."""
        return self.cell_id, self.commit, self.diff, self.machine.id, self.measured_at

    @property
    def when(self) -> str:
        """The moment by which commits are put in order."""
        return self.committed_at or self.measured_at

    @property
    def repeats(self) -> int:
        """The most repeats that any of its metrics is of."""
        return max((measure.n for measure in self.metrics.values()), default=0)

    def line(self) -> str:
        """Return it as a line of the file: keys sorted, so that equal entries are equal text."""
        content = {"sfbench_history": HISTORY_SCHEMA, **asdict(self)}
        for name in ("noisy", "definitions"):
            if not content[name]:
                del content[name]
        return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def read_history(path: Path) -> list[Entry]:
    """Read a history; of lines that tell of the same measurement the most complete one counts.

    A last line that was cut off while it was written is left out.

    Raises:
        UsageError: There is no such file, or it is not a history.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}; make a history with: sfbench track add RUN"
        ) from error
    best: dict[object, Entry] = {}
    for entry in _entries(content[: _whole(content)], path):
        kept = best.get(entry.identity)
        if kept is None or entry.repeats >= kept.repeats:
            best[entry.identity] = entry
    return list(best.values())


def append(path: Path, entries: Sequence[Entry]) -> int:
    """Add the entries that a history does not hold yet, in one write that is on disk when this returns.

    What an interrupted write left of its last line is cut away first. Processes that append at once take turns.

    Returns:
        How many were added.

    Raises:
        UsageError: The file is not a history, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; name another with --history") from error
    with open(descriptor, "r+b", buffering=0) as file:  # noqa: PTH123 - of a descriptor
        fcntl.flock(file, fcntl.LOCK_EX)
        content = file.read()
        whole = _whole(content)
        known = {_measurement(entry) for entry in _entries(content[:whole], path)}
        new = [entry.line() for entry in entries if _measurement(entry) not in known]
        if new:
            file.truncate(whole)
            between = b"" if content[:whole].endswith(b"\n") or not whole else b"\n"
            file.write(between + "".join(new).encode())
            os.fsync(file.fileno())
    return len(new)


def _measurement(entry: Entry) -> str:
    """Return an entry as text without what depends on where one stood when it was added."""
    return replace(entry, committed_at=None).line()


def _whole(content: bytes) -> int:
    """Return where the last whole line ends: without a line break at its end it is whole only if it can be parsed."""
    end = content.rfind(b"\n") + 1
    try:
        json.loads(content[end:])
    except ValueError:
        return end
    return len(content)


def _entries(content: bytes, path: Path) -> Iterator[Entry]:
    for number, line in enumerate(content.decode(errors="replace").splitlines(), start=1):
        if line.strip():
            yield _entry(line, f"{path}:{number}")


def _entry(line: str, where: str) -> Entry:
    try:
        content: dict[str, Any] = json.loads(line)
        schema = content.pop("sfbench_history")
        if schema != HISTORY_SCHEMA:
            raise UsageError(
                f"{where}: history schema {schema!r} is unknown, this reads {HISTORY_SCHEMA}; "
                "use the version of sfbench that wrote it"
            )
        metrics = {name: Measure(**measure) for name, measure in content.pop("metrics").items()}
        return Entry(**content | {"machine": Machine(**content["machine"]), "metrics": metrics})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            f"{where}: {line[:60]!r} is not a line of an sfbench history; name another file, or, after a merge, keep "
            "the lines of both sides and drop what git put between them"
        ) from error
