"""`track add`: a run becomes lines of a history, one per cell, commit and machine."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from analysis.compare.exactness import repeats
from analysis.compare.measured import Measured, SideCell, machine_of, read_run
from analysis.results.run_directory import Run, open_run
from analysis.trend.history import Entry, Machine, Measure, append
from splitfed_core.errors import DataError, UsageError
from splitfed_core.records.environment import Environment
from splitfed_core.records.metrics import METRICS

CommittedAt = Callable[[str], str | None]
"""Tells when a commit was made, in ISO 8601; None where that is unknown. Analysis itself calls no git."""


def unknown(commit: str) -> str | None:
    """Know no commit."""
    return None


@dataclass(frozen=True)
class _SameEnvironment:
    """The repeats of one cell that were measured in one environment."""

    cell: SideCell
    environment: Environment
    runs: tuple[Measured, ...]


def add_run(folder: Path, history: Path, *, allow_dirty: bool = False, committed_at: CommittedAt = unknown) -> str:
    """Append what a run measured to a history.

    Args:
        folder: The run directory.
        history: The file; made if it is not there.
        allow_dirty: Take measurements of uncommitted changes too, marked as such.
        committed_at: Tells when a commit was made, in ISO 8601; one that it does not know goes by when it was measured.

    Returns:
        What was done, in words.

    Raises:
        UsageError: The path is not a run, the file not a history, the tree was dirty, or the commit is unknown.
        DataError: No cell has usable rows.
    """
    entries = entries_of(folder, allow_dirty=allow_dirty, committed_at=committed_at)
    added = append(history, entries)
    failed = sum(entry.failed for entry in entries)
    there = f", {len(entries) - added} were there already" if added < len(entries) else ""
    without = f"; {failed} repeats without a usable result were left out" if failed else ""
    return f"{history}: added {added} of {len(entries)} cells{there}{without}"


def entries_of(folder: Path, *, allow_dirty: bool = False, committed_at: CommittedAt = unknown) -> list[Entry]:
    """Reduce a run to entries, in the order of its plan; see `add_run` for what is refused."""
    run = open_run(folder)
    cells = read_run(folder).cells
    if all(measured.problem for cell in cells for measured in cell.runs.values()):
        raise DataError(f"{folder}: no cell has usable rows; run the sweep again to fill them")
    groups = [group for cell in cells for group in _groups(cell, run)]
    return [_entry(group, folder, committed_at, allow_dirty=allow_dirty) for group in groups]


def _groups(cell: SideCell, run: Run) -> list[_SameEnvironment]:
    """Keep apart what was measured in different environments: a run may be resumed at another commit."""
    environments = {a.repeat: a.manifest.env or "" for a in run.attempts if a.cell_id == cell.cell_id}
    by_environment: dict[str, list[Measured]] = {}
    for repeat, measured in cell.runs.items():
        if repeat in environments:
            by_environment.setdefault(environments[repeat], []).append(measured)
    return [
        _SameEnvironment(cell, run.environments.get(name, Environment()), tuple(runs))
        for name, runs in by_environment.items()
    ]


def _entry(group: _SameEnvironment, folder: Path, committed_at: CommittedAt, *, allow_dirty: bool) -> Entry:
    commit, diff = _commit(group.environment, folder, allow_dirty=allow_dirty)
    usable = [run for run in group.runs if not run.problem]
    return Entry(
        cell_id=group.cell.cell_id,
        label=_label(group.cell),
        commit=commit,
        diff=diff,
        committed_at=committed_at(commit),
        measured_at=min((run.started_at for run in group.runs if run.started_at), default="unknown"),
        machine=_machine(group.environment),
        versions=dict(sorted(group.environment.versions.items())),
        failed=len(group.runs) - len(usable),
        metrics=_metrics(usable),
        definitions=_definitions(usable),
        noisy=[m.name for m in METRICS.values() if m.exact and not repeats(m, group.cell.parameters)],
    )


def _label(cell: SideCell) -> str:
    """Return the cell in words, unless they hold a path of this machine."""
    return cell.cell_id if set("/\\") & set(cell.label) else cell.label


def _commit(environment: Environment, folder: Path, *, allow_dirty: bool) -> tuple[str, str | None]:
    """Return the commit one stood in when it was measured, else that of sfbench, and a hash of what was uncommitted."""
    checkouts = [checkout for checkout in (environment.app, environment.checkout) if checkout.git_commit]
    if not checkouts:
        raise UsageError(f"{folder} does not record which commit it measured; run the sweep in a git checkout")
    dirty = [checkout for checkout in checkouts if checkout.git_dirty]
    commit = str(checkouts[0].git_commit)
    if dirty and not allow_dirty:
        raise UsageError(
            f"{folder} was measured with uncommitted changes on {commit[:10]}, but a history is about commits; commit "
            "and measure again, or add it as it is, marked, with --allow-dirty"
        )
    return commit, "+".join(dict.fromkeys(c.git_diff or "unknown" for c in dirty)) or None


def _machine(environment: Environment) -> Machine:
    text = json.dumps(machine_of(environment), sort_keys=True)
    name = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    return Machine(name, environment.cpu or "unknown", environment.cores or 0)


def _definitions(runs: list[Measured]) -> dict[str, int]:
    """Return the numbers of redefined metrics: repeats of one environment were measured by one version."""
    return {name: number for run in runs for name, number in run.definitions.items()}


def _metrics(runs: list[Measured]) -> dict[str, Measure]:
    names = dict.fromkeys(name for run in runs for name in run.values)
    finite = {name: [run.values[name] for run in runs if math.isfinite(run.values[name])] for name in names}
    return {name: Measure(median(values), len(values)) for name, values in finite.items() if values}
