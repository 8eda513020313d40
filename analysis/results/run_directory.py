"""Run directories: which there are, what was planned in them, and which attempts (cell and repeat) they hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from splitfed_core.errors import NotARunError
from splitfed_core.records.environment import Environment, read_environment
from splitfed_core.records.manifest import MANIFEST, Facts, Manifest, read_manifest
from splitfed_core.records.plan import PLAN, PlanDocument, read_plan

Record = TypeVar("Record")


@dataclass(frozen=True)
class Problem:
    """Something the reader of a report must know: where, and what."""

    where: str
    what: str


@dataclass(frozen=True)
class Attempt:
    """One cell and repeat on disk, as its manifest tells it."""

    run: str
    folder: Path
    cell_id: str
    repeat: int
    status: str
    reason: str | None
    config: Mapping[str, object]
    manifest: Manifest

    @property
    def where(self) -> str:
        """How a report names this attempt."""
        return f"{self.run}: {self.cell_id} r{self.repeat}"

    @property
    def facts(self) -> Facts:
        """The facts of the manifest, empty in older ones."""
        return self.manifest.facts


@dataclass(frozen=True)
class Run:
    """A run directory, or several that hold the shards of one plan."""

    name: str
    folders: tuple[Path, ...]
    plan: PlanDocument
    environments: Mapping[str, Environment]
    attempts: tuple[Attempt, ...]
    problems: tuple[Problem, ...] = field(default=())


def newest_run(root: Path) -> Path:
    """Return the run directory below `root` that was changed last.

    Raises:
        NotARunError: There is none.
    """
    runs = [folder for folder in root.glob("*") if is_run(folder)]
    if not runs:
        raise NotARunError(f"no run directory below {root}/; name one, or make one with: sfbench sweep")
    return max(
        runs, key=lambda folder: (max(path.stat().st_mtime for path in (folder, *folder.iterdir())), folder.name)
    )


def is_run(folder: Path) -> bool:
    """Tell whether a path is a run directory: a sweep leaves a plan and a folder of cells."""
    return (folder / PLAN).is_file() or (folder / "cells").is_dir()


def open_runs(folders: Sequence[Path]) -> tuple[Run, ...]:
    """Open run directories, each once; shards of one plan become one run, and no two runs have the same name.

    Shards have the same plan and no attempt in common: an attempt at the same cell and repeat is another measurement.

    Raises:
        NotARunError: A path is not a run directory.
    """
    for folder in folders:
        _check(folder)
    opened: list[Run] = []
    for folder, name in _names(list({folder.resolve(): folder for folder in folders}.values())).items():
        run = open_run(folder, name)
        place = next((place for place, other in enumerate(opened) if _are_shards(other, run)), None)
        if place is None:
            opened.append(run)
        else:
            opened[place] = _join(opened[place], run)
    return tuple(opened)


def _names(folders: Sequence[Path]) -> dict[Path, str]:
    """Name run directories by as few last parts of their paths as tell them all apart."""
    paths = {folder: folder.resolve().parts for folder in folders}
    names: dict[Path, str] = {}
    for count in range(1, max(map(len, paths.values()), default=0) + 1):
        names = {folder: "/".join(parts[-count:]) for folder, parts in paths.items()}
        if len(set(names.values())) == len(names):
            break
    return names


def _are_shards(one: Run, other: Run) -> bool:
    keys = [{(attempt.cell_id, attempt.repeat) for attempt in run.attempts} for run in (one, other)]
    return bool(one.plan.cells) and one.plan == other.plan and not keys[0] & keys[1]


def _join(one: Run, other: Run) -> Run:
    """Make one run of two shards; what either lacks is missing only if both do."""
    attempts = (*one.attempts, *(replace(attempt, run=one.name) for attempt in other.attempts))
    found = [problem for run in (one, other) for problem in run.problems if problem not in _missing(run)]
    joined = Run(one.name, one.folders + other.folders, one.plan, {**one.environments, **other.environments}, attempts)
    return replace(joined, problems=(*found, *_missing(joined)))


def open_run(folder: Path, name: str | None = None) -> Run:
    """Read the plan, environments and manifests of a run; rows are read later.

    Raises:
        NotARunError: The path is not a run directory.
    """
    _check(folder)
    name = name or folder.resolve().name
    problems: list[Problem] = []
    plan = _read(folder / PLAN, name, read_plan, problems) or PlanDocument()
    paths = sorted(folder.glob("env/*.json"))
    environments = {path.stem: _read(path, name, read_environment, problems) or Environment() for path in paths}
    attempts = tuple(_attempts(folder, name, problems))
    run = Run(name, (folder,), plan, environments, attempts)
    return replace(run, problems=(*problems, *_missing(run)))


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise NotARunError(f"{folder} is not a directory; name one that sfbench sweep wrote, such as runs/quick")
    if not is_run(folder):
        raise NotARunError(
            f"{folder} is not a run directory: it has neither plan.json nor cells/; name what sfbench sweep wrote"
        )


def _attempts(folder: Path, run: str, problems: list[Problem]) -> list[Attempt]:
    found = []
    for path in sorted(folder.glob("cells/*/r*")):
        if not (path / MANIFEST).is_file():
            problems.append(Problem(f"{run}: {path.parent.name} {path.name}", "not finished: it has no manifest.json"))
            continue
        manifest = _read(path / MANIFEST, run, read_manifest, problems)
        if manifest is None:
            continue
        attempt = Attempt(
            run=run,
            folder=path,
            cell_id=manifest.cell_id,
            repeat=manifest.repeat,
            status=manifest.status,
            reason=manifest.reason,
            config=manifest.config,
            manifest=manifest,
        )
        found.append(attempt)
    return sorted(found, key=lambda attempt: (attempt.cell_id, attempt.repeat))


def _missing(run: Run) -> list[Problem]:
    """Name how many planned attempts have not been run."""
    there = {(attempt.cell_id, attempt.repeat) for attempt in run.attempts}
    planned = run.plan.runs
    absent = planned - there
    missing = f"{len(absent)} of {len(planned)} planned repeats of cells have no result yet"
    return [Problem(run.name, missing)] if absent else []


def _read(
    path: Path, run: str, read: Callable[[Path], tuple[Record, list[str]]], problems: list[Problem]
) -> Record | None:
    """Read a file of a run, and name what of it cannot be used; None where nothing can.

    Raises:
        NewerSchemaError: A newer version wrote it.
    """
    where = f"{run}: {path.name}"
    if path.name == MANIFEST:
        where = f"{run}: {path.parents[1].name} {path.parent.name}: {path.name}"
    try:
        record, wrong = read(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        problems.append(Problem(where, f"cannot be read: {error}; left out"))
        return None
    problems += [Problem(where, what) for what in wrong]
    return record
