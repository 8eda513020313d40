"""`track add`: a run becomes lines of a history, one per cell, commit and machine."""

import hashlib
import json
import math
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from analysis.compare.exactness import repeats
from analysis.compare.measured import MACHINE, Measured, SideCell, read_run
from analysis.results.run_directory import Run, open_run
from analysis.trend.history import Entry, Machine, Measure, append
from splitfed_core.errors import DataError, UsageError
from splitfed_core.records.metrics import METRICS


@dataclass(frozen=True)
class _SameEnvironment:
    """The repeats of one cell that were measured in one environment."""

    cell: SideCell
    environment: Mapping[str, Any]
    runs: tuple[Measured, ...]


def add_run(folder: Path, history: Path, *, allow_dirty: bool = False) -> str:
    """Append what a run measured to a history.

    Args:
        folder: The run directory.
        history: The file; made if it is not there.
        allow_dirty: Take measurements of uncommitted changes too, marked as such.

    Returns:
        What was done, in words.

    Raises:
        UsageError: The path is no run, the file no history, the tree was dirty, or the commit is unknown.
        DataError: No cell has usable rows.
    """
    entries = entries_of(folder, allow_dirty=allow_dirty)
    added = append(history, entries)
    failed = sum(entry.failed for entry in entries)
    there = f", {len(entries) - added} were there already" if added < len(entries) else ""
    without = f"; {failed} repeats without a usable result are left out" if failed else ""
    return f"{history}: added {added} of {len(entries)} cells{there}{without}"


def entries_of(folder: Path, *, allow_dirty: bool = False) -> list[Entry]:
    """Reduce a run to entries, in the order of its plan; see `add_run` for what is refused."""
    run = open_run(folder)
    cells = read_run(folder).cells
    if all(measured.problem for cell in cells for measured in cell.runs.values()):
        raise DataError(f"{folder}: no cell has usable rows; run the sweep again to fill them")
    groups = [group for cell in cells for group in _groups(cell, run)]
    return [_entry(group, folder, allow_dirty=allow_dirty) for group in groups]


def _groups(cell: SideCell, run: Run) -> list[_SameEnvironment]:
    """Keep apart what was measured in different environments: a run may be resumed at another commit."""
    environments = {a.repeat: str(a.manifest.get("env")) for a in run.attempts if a.cell_id == cell.cell_id}
    by_environment: dict[str, list[Measured]] = {}
    for repeat, measured in cell.runs.items():
        if repeat in environments:
            by_environment.setdefault(environments[repeat], []).append(measured)
    return [
        _SameEnvironment(cell, run.environments.get(name, {}), tuple(runs)) for name, runs in by_environment.items()
    ]


def _entry(group: _SameEnvironment, folder: Path, *, allow_dirty: bool) -> Entry:
    commit, diff = _commit(group.environment, folder, allow_dirty=allow_dirty)
    usable = [run for run in group.runs if not run.problem]
    return Entry(
        cell_id=group.cell.cell_id,
        label=_label(group.cell),
        commit=commit,
        diff=diff,
        committed_at=_committed_at(commit),
        measured_at=min((run.started_at for run in group.runs if run.started_at), default="unknown"),
        machine=_machine(group.environment),
        versions={name: str(version) for name, version in sorted(group.environment.get("versions", {}).items())},
        failed=len(group.runs) - len(usable),
        metrics=_metrics(usable),
        definitions=_definitions(usable),
        noisy=[m.name for m in METRICS.values() if m.exact and not repeats(m, group.cell.parameters)],
    )


def _label(cell: SideCell) -> str:
    """Return the cell in words, unless they hold a path of this machine."""
    return cell.cell_id if set("/\\") & set(cell.label) else cell.label


def _commit(environment: Mapping[str, Any], folder: Path, *, allow_dirty: bool) -> tuple[str, str | None]:
    """Return the commit one stood in when it was measured, else that of sfbench, and a hash of what was uncommitted."""
    own = environment.get("app") or {}
    checkouts = [checkout for checkout in (own, environment) if checkout.get("git_commit")]
    if not checkouts:
        raise UsageError(f"{folder} does not say which commit it measured; run the sweep in a git checkout")
    dirty = [checkout for checkout in checkouts if checkout.get("git_dirty")]
    commit = str(checkouts[0]["git_commit"])
    if dirty and not allow_dirty:
        raise UsageError(
            f"{folder} was measured with uncommitted changes on {commit[:10]}: a history tells of commits; commit and "
            "measure again, or add it with --allow-dirty, and it is marked"
        )
    return commit, "+".join(dict.fromkeys(str(c.get("git_diff") or "unknown") for c in dirty)) or None


@cache
def _committed_at(commit: str) -> str | None:
    """Ask the repository one stands in; a commit that it does not know goes by when it was measured."""
    command = ["git", "show", "--no-patch", "--format=%ct", f"{commit}^{{commit}}", "--"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout  # noqa: S603
        return datetime.fromtimestamp(int(told), UTC).isoformat()
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _machine(environment: Mapping[str, Any]) -> Machine:
    text = json.dumps({name: environment.get(name) for name in MACHINE}, sort_keys=True)
    name = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    return Machine(name, str(environment.get("cpu", "unknown")), int(environment.get("cores") or 0))


def _definitions(runs: list[Measured]) -> dict[str, int]:
    """Return the numbers of redefined metrics: repeats of one environment were measured by one version."""
    return {name: number for run in runs for name, number in run.definitions.items()}


def _metrics(runs: list[Measured]) -> dict[str, Measure]:
    names = dict.fromkeys(name for run in runs for name in run.values)
    finite = {name: [run.values[name] for run in runs if math.isfinite(run.values[name])] for name in names}
    return {name: Measure(median(values), len(values)) for name, values in finite.items() if values}
