"""A run directory: who may write in it, its plan, and what is done in it."""

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from benchmarks.grid.plan import Plan
from benchmarks.machine.environment import environment_hash
from benchmarks.runner import CellRun
from benchmarks.store.atomic import write_atomic, write_json
from benchmarks.store.cell_writer import MANIFEST
from benchmarks.store.summary_file import summary_csv
from splitfed_core.errors import UsageError

Manifest = dict[str, Any]
LOCK = ".lock"
HOLDER = ".holder"


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
        """Return how the last attempt ended; None while there is no readable manifest."""
        try:
            manifest = json.loads((self.cell(run) / MANIFEST).read_bytes())
        except (OSError, ValueError):
            return None
        return manifest if isinstance(manifest, dict) else None

    def is_done(self, run: CellRun, manifest: Manifest | None) -> bool:
        """Tell whether a manifest says `ok` for this very seed, and the files are those it was written for."""
        if manifest is None or manifest.get("status") != "ok" or manifest.get("seed") != run.seed:
            return False
        files = manifest.get("files")
        return isinstance(files, dict) and all(
            _sha256(self.cell(run) / name) == digest for name, digest in files.items()
        )

    def plan(self) -> dict[str, Any] | None:
        """Return the plan of the sweep that was here before, if any.

        Raises:
            UsageError: There is one and it cannot be read, or the directory is something else.
        """
        path = self.root / "plan.json"
        try:
            document = json.loads(path.read_bytes())
        except FileNotFoundError:
            if others := sorted(p.name for p in self.root.iterdir() if p.name not in {LOCK, HOLDER}):
                raise UsageError(
                    f"{self.root}: holds {others[0]!r} but no plan.json, so it is not a run; choose another with --out"
                ) from None
            return None
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: cannot be read: {error}; use --fresh to start over, or --out") from None
        return document if isinstance(document, dict) else {}

    def clear(self) -> None:
        """Throw away the run that is here."""
        for name in ("cells", "retired", "env", "code"):
            if (self.root / name).exists():
                shutil.rmtree(self.root / name)
        for name in ("plan.json", "grid.yaml", "summary.csv"):
            (self.root / name).unlink(missing_ok=True)

    def retire(self, plan: Plan) -> None:
        """Move results that are no part of a plan out of the way of readers; nothing is deleted."""
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

    def write_plan(self, plan: Plan, grid: bytes, accepted_code_changes: Sequence[Mapping[str, Any]] = ()) -> None:
        """Store what is going to be run, the grid file byte for byte, and which changes of the code were accepted."""
        accepted = {"accepted_code_changes": list(accepted_code_changes)} if accepted_code_changes else {}
        indent = None if len(plan.cells) > 1000 else 1
        with self._writing():
            write_atomic(self.root / "grid.yaml", grid)
            write_json(self.root / "plan.json", plan.document() | accepted, indent=indent)

    def write_code(self, name: str, files: Mapping[str, str]) -> None:
        """Store the digests of sfbench's files under that of all of them, so that a later change can be named."""
        path = self.root / "code" / f"{name}.json"
        if not path.exists():
            with self._writing():
                write_json(path, files, indent=1)

    def code(self, name: str) -> dict[str, str]:
        """Return stored digests; empty where there are none."""
        return self._stored("code", name)

    def write_environment(self, environment: dict[str, Any], load: Mapping[str, float]) -> str:
        """Store an environment under its hash, and return that."""
        name = environment_hash(environment)
        path = self.root / "env" / f"{name}.json"
        if not path.exists():
            with self._writing():
                write_json(path, {**environment, "load": load})
        return name

    def environment(self, name: str) -> dict[str, Any]:
        """Return a stored environment; empty where there is none."""
        return self._stored("env", name)

    def _stored(self, folder: str, name: str) -> dict[str, Any]:
        try:
            stored = json.loads((self.root / folder / f"{name}.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return stored if isinstance(stored, dict) else {}

    def write_summary(self, manifests: Mapping[tuple[str, int], Manifest]) -> None:
        """Rebuild `summary.csv` from manifests, in their order."""
        lines = (
            (cell_id, repeat, manifest.get("config", {}), manifest.get("summary", {}))
            for (cell_id, repeat), manifest in manifests.items()
        )
        write_atomic(self.root / "summary.csv", summary_csv(lines))


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
