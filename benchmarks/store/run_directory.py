"""A run directory: who may write in it, its plan, and what is done in it."""

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from benchmarks.grid.plan import Plan
from benchmarks.machine.environment import environment_hash
from benchmarks.runner import CellRun
from benchmarks.store.atomic import write_atomic, write_json
from benchmarks.store.summary_file import summary_csv
from splitfed_core.errors import UsageError
from splitfed_core.records.environment import Environment, read_environment
from splitfed_core.records.manifest import MANIFEST, Manifest, read_manifest
from splitfed_core.records.plan import PLAN, CodeChange, PlanDocument, read_plan
from splitfed_core.timing.devices import HostSpeed

LOCK = ".lock"
HOLDER = ".holder"
HOST_SPEED = "host_speed.json"


class RunDirectory:
    """The directory `runs/<name>` of a sweep."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def check_place(self) -> None:
        """Refuse a place where nothing can be made, before anything is started.

        Raises:
            UsageError: The nearest folder that is there is none, or cannot be written.
        """
        place = next(path for path in (self.root, *self.root.absolute().parents) if path.exists())
        if not place.is_dir():
            raise UsageError(f"{self.root}: {place} is not a directory; choose another directory with --out")
        if not os.access(place, os.W_OK | os.X_OK):
            raise UsageError(f"{self.root}: {place} cannot be written; choose another directory with --out")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only sweep in this directory; it is made if it is not there.

        Raises:
            UsageError: Another sweep works in it, or it cannot be written.
        """
        try:
            with self._writing():
                self.root.mkdir(parents=True, exist_ok=True)
                lock = FileLock(self.root / LOCK, timeout=0)
                lock.acquire()
                (self.root / HOLDER).write_text(_who_am_i())
        except Timeout:
            holder = _read_text(self.root / HOLDER) or "another process"
            raise UsageError(
                f"{self.root}: a sweep is already running in it ({holder}); wait for it, or use --out"
            ) from None
        with lock:
            try:
                yield
            finally:
                (self.root / HOLDER).unlink(missing_ok=True)
                lock.release()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what the system says of this place into wrong usage."""
        try:
            yield
        except Timeout:  # is an OSError, too
            raise
        except OSError as error:
            raise UsageError(
                f"{self.root}: cannot be written: {error.strerror}; free space, or choose another directory with --out"
            ) from None

    @property
    def exists(self) -> bool:
        """Whether there is anything at this path."""
        return self.root.exists()

    def cell(self, run: CellRun) -> Path:
        """Return the directory of one cell and repeat."""
        return self.root / "cells" / run.cell_id / f"r{run.repeat}"

    def manifest(self, run: CellRun) -> Manifest | None:
        """Return how the last attempt ended; None while there is no readable manifest.

        Raises:
            NewerSchemaError: A newer version wrote it.
        """
        try:
            return read_manifest(self.cell(run) / MANIFEST)[0]
        except (OSError, ValueError):
            return None

    def is_done(self, run: CellRun, manifest: Manifest | None) -> bool:
        """Tell whether a manifest says `ok` for this very seed, and the files are those it was written for."""
        if manifest is None or manifest.status != "ok" or manifest.seed != run.seed or not manifest.files:
            return False
        return all(_sha256(self.cell(run) / name) == digest for name, digest in manifest.files.items())

    def check_is_run(self) -> None:
        """Refuse a directory that is something else.

        Raises:
            UsageError: It holds something, but no plan.
        """
        others = sorted(path.name for path in self.root.iterdir() if path.name not in {LOCK, HOLDER})
        if others and not (self.root / PLAN).exists():
            raise UsageError(
                f"{self.root}: holds {others[0]!r} but no plan.json, so it is not a run; choose another with --out"
            )

    def plan(self) -> PlanDocument | None:
        """Return the plan of the sweep that was here before, if any.

        Raises:
            UsageError: There is one and it cannot be read, or the directory is something else.
        """
        self.check_is_run()
        path = self.root / PLAN
        try:
            return read_plan(path)[0]
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: cannot be read: {error}; use --fresh to start over, or --out") from None

    def clear(self) -> None:
        """Throw away the run that is here."""
        for name in ("cells", "retired", "env", "code"):
            if (self.root / name).exists():
                shutil.rmtree(self.root / name)
        for name in ("plan.json", "grid.yaml", "summary.csv", HOST_SPEED):
            (self.root / name).unlink(missing_ok=True)

    def retire(self, plan: Plan) -> None:
        """Move results that are not part of the plan out of the way of readers; nothing is deleted."""
        wanted = {cell.cell_id for cell in plan.cells}
        repeats = {f"r{repeat}" for repeat in range(plan.repeats)}
        for path in sorted((self.root / "cells").glob("*/r*")):
            if path.parent.name not in wanted or path.name not in repeats:
                place = self.root / "retired" / path.parent.name
                place.mkdir(parents=True, exist_ok=True)
                if (place / path.name).exists():
                    shutil.rmtree(place / path.name)
                path.rename(place / path.name)
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()

    def write_plan(self, plan: Plan, grid: bytes, accepted_code_changes: Sequence[CodeChange] = ()) -> None:
        """Store what is going to be run, the grid file byte for byte, and which changes of the code were accepted."""
        document = replace(plan.document(), accepted_code_changes=tuple(accepted_code_changes)).document()
        indent = None if len(plan.cells) > 1000 else 1
        with self._writing():
            write_atomic(self.root / "grid.yaml", grid)
            write_json(self.root / PLAN, document, indent=indent)

    def write_code(self, name: str, files: Mapping[str, str]) -> None:
        """Store the digests of sfbench's files under that of all of them, so that a later change can be named."""
        path = self.root / "code" / f"{name}.json"
        if not path.exists():
            with self._writing():
                write_json(path, files, indent=1)

    def code(self, name: str) -> dict[str, str]:
        """Return stored digests; empty where there are none."""
        try:
            stored = json.loads((self.root / "code" / f"{name}.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return {str(file): str(digest) for file, digest in stored.items()} if isinstance(stored, dict) else {}

    def write_environment(self, environment: Environment, load: object) -> str:
        """Store an environment under its hash, and return that."""
        name = environment_hash(environment)
        path = self.root / "env" / f"{name}.json"
        if not path.exists():
            with self._writing():
                write_json(path, {**environment.document(), "load": load})
        return name

    def environment(self, name: str) -> Environment:
        """Return a stored environment; one of which nothing is known where there is none."""
        try:
            return read_environment(self.root / "env" / f"{name}.json")[0]
        except (OSError, ValueError):
            return Environment()

    def write_host_speed(self, speed: HostSpeed, cpu: str | None) -> None:
        """Store what one thread of this host computes: later sweeps here are to make their devices just as slow."""
        with self._writing():
            write_json(self.root / HOST_SPEED, {**asdict(speed), "cpu": cpu}, indent=1)

    def host_speed(self, cpu: str | None) -> HostSpeed | None:
        """Return what is stored of a host with this processor; None where there is none, or it was another."""
        try:
            stored = json.loads((self.root / HOST_SPEED).read_bytes())
            if stored.pop("cpu") != cpu:
                return None
            return HostSpeed(**{name: float(value) for name, value in stored.items()})
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            return None

    def write_summary(self, manifests: Mapping[tuple[str, int], Manifest]) -> None:
        """Rebuild `summary.csv` from manifests, in their order."""
        write_atomic(self.root / "summary.csv", summary_csv(manifests))


def _who_am_i() -> str:
    return f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
