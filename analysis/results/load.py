"""`load(run)`: everything a report needs of one or more runs, as small tidy DataFrames."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from analysis.results.attempt_summary import FRAMES, Digest, digest
from analysis.results.axes import Axes, find_axes
from analysis.results.csv_files import read_rows
from analysis.results.run_directory import Problem, Run, open_runs
from analysis.text.parameters import NOTHING, Names, Value
from splitfed_core.errors import DataError
from splitfed_core.records.metrics import METRICS
from splitfed_core.records.rows import StepRow, columns

KEY = ("run", "cell_id", "repeat")


@dataclass(frozen=True)
class Results:
    """One or more runs as tidy DataFrames; every frame has `run`, `cell_id`, `repeat` and the axes as columns.

    Args:
        name: The names of the runs.
        runs: Where it all comes from.
        axes: The parameters that vary, each with its values in order.
        names: How axes and their values are said, with what moves together with them.
        palette: The same for all cells that were loaded: colours go by it, so that they stay when cells are left out.
        cells: One line per cell and repeat: parameters, status, reason and every metric.
        phases: Of each phase of a step median, mean, and mean over the steps between the quartiles of `step_s`,
            and 5th percentile.
        latency: Percentiles of the step time, where there are enough steps for them.
        curve: Training loss over steps, mean of the clients.
        rounds: `rounds.csv` with running totals of bytes and time, and network throughput.
        clients: Per client: local time and wait (medians over rounds), CPU time, peak memory.
        labels: Examples of each label per client.
        problems: What could not be shown or should not be trusted, and why.
        data_hash: Hash over the hashes of all data files that were read.
    """

    name: str
    runs: tuple[Run, ...]
    axes: Axes
    names: Names
    palette: Axes
    cells: pd.DataFrame
    phases: pd.DataFrame
    latency: pd.DataFrame
    curve: pd.DataFrame
    rounds: pd.DataFrame
    clients: pd.DataFrame
    labels: pd.DataFrame
    problems: tuple[Problem, ...]
    data_hash: str

    @property
    def ok(self) -> pd.DataFrame:
        """The lines of `cells` that have usable rows."""
        return self.cells[self.cells["usable"]]

    def having(self, column: str) -> "Results":
        """Return the results of those cells that have a metric, with the axes that still vary among them."""
        return self.where(self.cells[column].notna())

    def where(self, chosen: "pd.Series[bool]") -> "Results":
        """Return the results of some lines of `cells`, with the axes that still vary among them."""
        usable = self.cells["usable"] & chosen
        left = {
            axis: tuple(v for v in values if v in set(self.cells[axis][usable])) for axis, values in self.axes.items()
        }
        axes = {axis: values for axis, values in left.items() if len(values) > 1}
        keys = self.cells.loc[usable, list(KEY)]
        frames = {name: getattr(self, name).merge(keys, on=list(KEY)) for name in FRAMES}
        return replace(self, axes=axes, cells=self.cells.assign(usable=usable), **frames)

    def definitions(self, run: object, name: str) -> set[int]:
        """Return the numbers of the definitions that a metric has in a run: older versions meant something else."""
        attempts = [attempt for one in self.runs if one.name == run for attempt in one.attempts]
        return {attempt.manifest.definition(name) for attempt in attempts}

    def crowds(self) -> str:
        """Say how many clients shared how many workers, where there were fewer of these: `4 in 2, 8 in 2`."""
        if not self.ok["crowded"].any():
            return ""
        crowded = self.ok.loc[self.ok["crowded"], ["clients", "workers_used"]].drop_duplicates()
        pairs = crowded.sort_values(["clients", "workers_used"]).itertuples(index=False)
        return ", ".join(f"{clients} in {workers:.0f}" for clients, workers in pairs)

    def steps(self, *names: str) -> pd.DataFrame:
        """Read the raw steps of all usable cells, the named columns or all: large runs have millions of them."""
        wanted = names or tuple(name for name in columns(StepRow) if name not in KEY)
        usable = {tuple(key) for key in self.ok[list(KEY)].itertuples(index=False)}
        attempts = [attempt for run in self.runs for attempt in run.attempts]
        parts = [
            read_rows(a.folder / "steps.csv", StepRow, wanted, ()).frame.assign(
                run=a.run, cell_id=a.cell_id, repeat=a.repeat
            )
            for a in attempts
            if (a.run, a.cell_id, a.repeat) in usable
        ]
        return pd.concat(parts, ignore_index=True).merge(
            self.ok[[*KEY, *(axis for axis in self.axes if axis != "run")]], on=list(KEY)
        )


def load(*runs: str | Path) -> Results:
    """Read run directories into tidy DataFrames.

    Raises:
        NotARunError: A path is not a run directory.
        DataError: No cell of the runs has usable rows.
    """
    opened = open_runs([Path(run) for run in runs])
    digests = [digest(attempt) for run in opened for attempt in run.attempts]
    problems = [problem for run in opened for problem in run.problems] + [p for made in digests for p in made.problems]
    if not any(made.cell["usable"] for made in digests):
        raise DataError(_nothing(opened, problems))
    varying = find_axes([made.cell for made in digests if made.cell["usable"]], opened)
    axes = varying.axes
    cells = pd.DataFrame([made.cell for made in digests])
    cells = cells.assign(**{axis: cells[axis].fillna(NOTHING) for axis in axes})
    _check_told_apart(cells[cells["usable"]], axes)
    absent = {name: float("nan") for name in METRICS if name not in cells}
    return Results(
        name="+".join(run.name.replace("/", "-") for run in opened),
        runs=opened,
        axes=axes,
        palette=axes,
        names=Names(varying.together, _shared_workers(cells[cells["usable"]])),
        cells=cells.assign(**absent),
        **{name: _join(digests, name, axes) for name in FRAMES},
        problems=tuple(problems),
        data_hash=hashlib.sha256("".join(sorted(h for made in digests for h in made.hashes)).encode()).hexdigest(),
    )


def _check_told_apart(cells: pd.DataFrame, axes: Axes) -> None:
    """Insist on what every figure rests on: cells that are averaged as one, or compared as alike, are one cell."""
    apart, there = (len(cells[[*by]].drop_duplicates()) for by in (dict.fromkeys(("run", *axes)), ("run", "cell_id")))
    if apart != there:
        raise AssertionError(f"{there} cells, but {', '.join(axes)} tell {apart} apart")


def _shared_workers(cells: pd.DataFrame) -> dict[Value, int]:
    """Return in how many workers so many clients were, for numbers of clients that had fewer in all their cells."""
    if "clients" not in cells:
        return {}
    each = cells.groupby("clients").agg(
        crowded=("crowded", "all"), least=("workers_used", "min"), most=("workers_used", "max")
    )
    crowded = each[each["crowded"] & (each["least"] == each["most"])]
    return dict(zip(crowded.index.tolist(), crowded["least"].astype(int).tolist(), strict=True))


def _join(digests: list[Digest], name: str, axes: Axes) -> pd.DataFrame:
    """Put one kind of frame of all attempts together, with the columns that say whose rows they are."""
    parts = [
        made.frames[name].assign(**{column: made.cell.get(column, NOTHING) for column in dict.fromkeys([*KEY, *axes])})
        for made in digests
        if len(made.frames.get(name, ()))
    ]
    if not parts:
        return pd.DataFrame(columns=[*KEY, *axes])
    return pd.concat(parts, ignore_index=True)


def _nothing(runs: tuple[Run, ...], problems: list[Problem]) -> str:
    names = ", ".join(str(folder) for run in runs for folder in run.folders)
    reasons = "; ".join(f"{problem.where}: {problem.what}" for problem in problems[:5])
    return (
        f"{names}: no cell has usable rows{' (' + reasons + ')' if reasons else ''}; run the sweep again to fill them"
    )
