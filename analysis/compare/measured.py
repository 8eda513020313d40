"""One side of a comparison: what was measured, each run of a cell reduced to one number per metric."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.results.attempt_summary import shown_values
from analysis.results.axes import OPERATIONAL
from analysis.results.csv_files import sha256
from analysis.results.load import Results, load
from analysis.results.provenance import commits, mixed_code, provenance
from analysis.results.round_parts import ROUND_PARTS
from analysis.results.run_directory import Attempt, Run, open_run
from analysis.text.parameters import NOTHING
from splitfed_core.errors import DataError
from splitfed_core.records.environment import Environment
from splitfed_core.records.metrics import METRICS, Metric

MACHINE = (
    "cpu", "cpu_flags", "cores", "cgroup", "memory_bytes", "governor", "platform", "kernel", "thread_settings",
)  # fmt: skip
"""What of an environment makes it another machine. Versions are not part of it: a new one may be what is compared."""

_ABSENT = "has no result"
_ROUNDS = 3
"""Of fewer rounds no median is compared: the first one compiles, and would be in it."""


@dataclass(frozen=True)
class Measured:
    """One run of one cell: the independent unit of every statistic.

    Args:
        problem: Why its numbers cannot be used; nothing if they can.
        seed: The seed of the run.
        data: Size, shape and dealing of the data it saw.
        content: A hash of their content; nothing in older runs.
        emulation: The factors and link numbers that were used, where its time was emulated.
        machine: Where it ran; nothing if that is unknown.
        started_at: When it began, in ISO 8601.
        reference_task_s: Time of a fixed computation around the run.
        values: One number per metric.
        definitions: The numbers of the metrics that are not at their first definition, as its manifest tells.
        phases: Each phase of a typical step, in seconds: its mean over the steps between the quartiles of `step_s`.
        round_s: A typical round: the mean over those between the quartiles of `round_s`.
        round_parts: What a typical round is made of (`analysis.results.round_parts`), as far as it was recorded.
    """

    problem: str | None = None
    seed: object = None
    data: object = None
    content: str | None = None
    emulation: Mapping[str, object] = field(default_factory=dict)
    machine: Mapping[str, object] | None = None
    started_at: str | None = None
    reference_task_s: float = float("nan")
    values: Mapping[str, float] = field(default_factory=dict)
    definitions: Mapping[str, int] = field(default_factory=dict)
    phases: Mapping[str, float] = field(default_factory=dict)
    round_s: float = float("nan")
    round_parts: Mapping[str, float] = field(default_factory=dict)

    def definition(self, metric: Metric) -> int:
        """Return the number of the definition by which a metric was measured."""
        return self.definitions.get(metric.name, 1)


@dataclass(frozen=True)
class SideCell:
    """One cell on one side: its parameters and its runs by repeat."""

    cell_id: str
    label: str
    parameters: Mapping[str, object]
    runs: Mapping[int, Measured]


@dataclass(frozen=True)
class Side:
    """All cells of one side, the metrics they can have, and where they come from."""

    name: str
    cells: tuple[SideCell, ...]
    metrics: Mapping[str, Metric]
    commits: tuple[str, ...]
    versions: Mapping[str, str]
    data_sha256: str


def machine_of(environment: Environment) -> dict[str, object]:
    """Return what of an environment makes it another machine."""
    document = environment.document()
    return {name: document[name] for name in MACHINE}


def read_run(folder: Path) -> Side:
    """Read a run directory; one without any usable rows is a side too, each of whose runs says why.

    Raises:
        NotARunError: The path is not a run directory.
    """
    try:
        results = load(folder)
    except DataError:
        return _without_results(open_run(folder))
    run = results.runs[0]
    origin = provenance(results)
    return Side(run.name, tuple(_cells(results, run)), METRICS, origin.commits, _versions(run), origin.data_sha256)


def _without_results(run: Run) -> Side:
    cells = []
    for cell_id, config, repeats in _planned(run):
        failed = {a.repeat: _problem(a, usable=False) for a in run.attempts if a.cell_id == cell_id}
        runs = {repeat: Measured(problem=failed.get(repeat, _ABSENT)) for repeat in {*repeats, *failed}}
        cells.append(SideCell(cell_id, cell_id, _parameters(config), runs))
    return Side(run.name, tuple(cells), METRICS, commits(run), _versions(run), "")


def _parameters(config: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in config.items() if name not in OPERATIONAL}


def _cells(results: Results, run: Run) -> list[SideCell]:
    axes = [axis for axis in results.axes if axis != "run"]
    lines = {(cell, repeat): i for i, (cell, repeat) in enumerate(zip(*_keys(results.cells), strict=True))}
    phases = dict(iter(results.phases.groupby(["cell_id", "repeat"]))) if len(results.phases) else {}
    made, code = [], _code_problem(run)
    for cell_id, config, repeats in _planned(run):
        attempts = {a.repeat: a for a in run.attempts if a.cell_id == cell_id}
        runs = dict.fromkeys(repeats, Measured(problem=_ABSENT))
        for repeat, attempt in attempts.items():
            line = results.cells.iloc[lines[cell_id, repeat]]
            measured = _measured(attempt, run, line, phases.get((cell_id, repeat)))
            runs[repeat] = replace(measured, problem=measured.problem or code)
        values = shown_values(config)
        words = results.names.words(values, [axis for axis in axes if axis in values])
        label = cell_id if words == NOTHING else words
        made.append(SideCell(cell_id, label, _parameters(config), runs))
    return made


def _keys(cells: pd.DataFrame) -> tuple[list[Any], list[Any]]:
    return cells["cell_id"].tolist(), cells["repeat"].tolist()


def _planned(run: Run) -> list[tuple[str, Mapping[str, object], tuple[int, ...]]]:
    """Return identifier, parameters and planned repeats of every cell: planned ones first, then what else was found."""
    repeats = tuple(range(run.plan.repeats))
    cells = {cell.cell_id: (cell.config, repeats) for cell in run.plan.cells}
    for attempt in run.attempts:
        cells.setdefault(attempt.cell_id, (attempt.config, ()))
    return [(cell_id, *rest) for cell_id, rest in cells.items()]


def _measured(attempt: Attempt, run: Run, line: "pd.Series[Any]", phases: pd.DataFrame | None) -> Measured:
    facts, manifest = attempt.facts, attempt.manifest
    environment = run.environments.get(manifest.env or "")
    dataset = dict(facts.dataset)
    content = dataset.pop("digest", None)
    return Measured(
        problem=_problem(attempt, usable=bool(line["usable"])),
        seed=manifest.seed,
        data=(dataset or None, facts.examples, manifest.files.get("labels.csv")),
        content=None if content is None else str(content),
        emulation=facts.emulation,
        machine=machine_of(environment) if environment else None,
        started_at=manifest.started_at,
        reference_task_s=float(line["reference_task_s"]),
        values=_values(line),
        definitions=manifest.definitions,
        phases={} if phases is None else dict(zip(phases["phase"], phases["typical_s"], strict=True)),
        round_s=float(line.get("typical_round_s", math.nan)),
        round_parts={
            name: float(line[f"typical_{name}"]) for name in ROUND_PARTS if pd.notna(line.get(f"typical_{name}"))
        },
    )


def _values(line: "pd.Series[Any]") -> dict[str, float]:
    values = {name: float(line[name]) for name in METRICS}
    if values["round_p50_s"] > 0 and line["rounds_done"] < _ROUNDS:
        values["round_p50_s"] = math.nan
    return values


def _code_problem(run: Run) -> str | None:
    """Say why no number of a run with two codes can be used: nobody could tell which of them a verdict is about."""
    mixed = mixed_code(run)
    if not mixed:
        return None
    return (
        f"was measured with more than one version of the code ({', '.join(mixed)} changed during the run): measure"
        " all of it with one, into another directory or with sfbench sweep --fresh"
    )


def _problem(attempt: Attempt, *, usable: bool) -> str | None:
    if attempt.status != "ok":
        return f"{attempt.status}: {attempt.reason or 'no reason given'}"
    changed = [name for name, sha in attempt.manifest.files.items() if _hash(attempt.folder / name) != sha]
    if changed:
        return f"{', '.join(changed)} differs from the hash in its manifest: truncated or changed since"
    return None if usable else "has no usable rows"


def _hash(path: Path) -> str | None:
    return sha256(path) if path.is_file() else None


def _versions(run: Run) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for environment in run.environments.values():
        for package, version in environment.versions.items():
            found.setdefault(package, set()).add(version)
    return {package: " and ".join(sorted(versions)) for package, versions in sorted(found.items())}
