"""The directory of one cell and repeat: rows as they come, the manifest last."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Self

from benchmarks.runner import CellRun
from benchmarks.store.atomic import write_json
from benchmarks.store.csv_rows import RowFile
from benchmarks.store.summary_file import Tally
from splitfed_core.errors import CellError
from splitfed_core.records.manifest import MANIFEST, Manifest
from splitfed_core.records.rows import ROW_FILES, CellSummary, ClientRow, LabelRow, RoundRow, StepRow
from splitfed_core.records.summary import DEFINITIONS

LOG = "log.txt"
MODEL = "model.keras"


class CellSink:
    """A `CellObserver` that writes. The half of an earlier attempt is cleared away first.

    Raises:
        CellError: From any method: the disk is full, or the directory cannot be written.
    """

    def __init__(self, directory: Path, run: CellRun, clock: Callable[[], float] = perf_counter) -> None:
        self.directory = directory
        self.tally = Tally(isolated=run.config.isolation == "cell")
        self._run = run
        self._started = datetime.now(UTC)
        self._clock, self._began = clock, clock()
        self._files: dict[str, RowFile] = {}
        self._warnings: list[str] = []
        try:
            with _os_errors_as_cell_errors(directory):
                if directory.exists():
                    shutil.rmtree(directory)
                directory.mkdir(parents=True)
                for name, row_type in ROW_FILES.items():
                    self._files[name] = RowFile(directory / name, row_type)
        except CellError:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        """Close what `finish` has not closed; then an error is on its way already."""
        for file in self._files.values():
            with suppress(OSError):
                file.close()

    def labels(self, rows: Sequence[LabelRow]) -> None:
        """Write the label counts of the clients."""
        with _os_errors_as_cell_errors(self.directory):
            self._files["labels.csv"].append(rows)

    def warn(self, text: str) -> None:
        """Keep a warning about the data for the manifest."""
        self._warnings.append(text)

    def round(self, steps: Sequence[StepRow], clients: Sequence[ClientRow], row: RoundRow) -> None:
        """Write the rows of a round."""
        self.tally.add(steps, clients, row)
        with _os_errors_as_cell_errors(self.directory):
            self._files["steps.csv"].append(steps)
            self._files["clients.csv"].append(clients)
            self._files["rounds.csv"].append([row])

    def model(self, content: bytes) -> None:
        """Write the joined model."""
        with _os_errors_as_cell_errors(self.directory):
            (self.directory / MODEL).write_bytes(content)

    def log(self, text: str) -> None:
        """Add to what the processes printed."""
        with _os_errors_as_cell_errors(self.directory), (self.directory / LOG).open("a", encoding="utf-8") as file:
            file.write(text)

    def begun(self) -> Manifest:
        """Return what of the manifest is known from the begin."""
        return Manifest(
            cell_id=self._run.cell_id,
            repeat=self._run.repeat,
            status="interrupted",
            config=self._run.config.plain(),
            seed=self._run.seed,
            started_at=self._started.isoformat(timespec="milliseconds"),
            definitions=DEFINITIONS,
        )

    def finish(self, manifest: Manifest) -> CellSummary:
        """Write the manifest, last of all: from now on this attempt counts as what its status says.

        Args:
            manifest: `begun`, with how it ended; the files, warnings and summary are added to it here.
        """
        wall_s = self._clock() - self._began
        summary = self.tally.summary(manifest.status, wall_s, manifest.facts.workers, manifest.facts.cores)
        with _os_errors_as_cell_errors(self.directory):
            for file in self._files.values():
                file.close()
            whole = replace(
                manifest,
                wall_s=wall_s,
                files={name: file.sha256 for name, file in self._files.items()},
                data_warnings=tuple(self._warnings),
                summary=summary,
            )
            write_json(self.directory / MANIFEST, whole.document())
        return summary


@contextmanager
def _os_errors_as_cell_errors(directory: Path) -> Iterator[None]:
    """Turn what the system says into a failure of the cell."""
    try:
        yield
    except OSError as error:
        raise CellError(
            f"cannot write {error.filename or directory}: {error.strerror}; free space or fix the permissions, "
            "then run the same command again"
        ) from None
