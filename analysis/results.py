"""`load(run)`: everything a report needs of one or more runs, as small tidy DataFrames."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.csvfile import read_rows
from analysis.digest import FRAMES, Digest, Value, digest, normalise
from analysis.metrics import METRICS
from analysis.runs import Problem, Run, open_run
from splitfed_core.errors import DataError
from splitfed_core.rows import StepRow, columns

OPERATIONAL = frozenset({"timeout_s"})
"""Parameters that say how a cell is run, not what it is: never an axis."""

KEY = ("run", "cell_id", "repeat")

Axes = Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True)
class Results:
    """One or more runs as tidy DataFrames; every frame has `run`, `cell_id`, `repeat` and the axes as columns.

    Args:
        name: The names of the runs.
        runs: Where it all comes from.
        axes: The parameters that vary, each with its values in order.
        cells: One line per cell and repeat: parameters, status, reason and every metric.
        phases: Median and mean of each phase of a step.
        latency: Percentiles of the step time, where there are enough steps for them.
        curve: Training loss over steps, mean of the clients.
        rounds: `rounds.csv` with running totals of bytes and time, and network throughput.
        clients: Means per client: local time, wait, CPU, memory.
        labels: Examples of each label per client.
        problems: What could not be shown or should not be trusted, and why.
        data_hash: Hash over the hashes of all data files that were read.
    """

    name: str
    runs: tuple[Run, ...]
    axes: Axes
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
        NotARunError: A path is no run directory.
        DataError: No cell of the runs has usable rows.
    """
    opened = tuple(open_run(Path(run)) for run in runs)
    digests = [digest(attempt) for run in opened for attempt in run.attempts]
    problems = [problem for run in opened for problem in run.problems] + [p for made in digests for p in made.problems]
    if not any(made.cell["usable"] for made in digests):
        raise DataError(_nothing(opened, problems))
    axes = find_axes([made.cell for made in digests if made.cell["usable"]], opened)
    cells = pd.DataFrame([made.cell for made in digests])
    absent = {name: float("nan") for name in METRICS if name not in cells}
    return Results(
        name="+".join(run.name for run in opened),
        runs=opened,
        axes=axes,
        cells=cells.assign(**absent),
        **{name: _join(digests, name, axes) for name in FRAMES},
        problems=tuple(problems),
        data_hash=hashlib.sha256("".join(sorted(h for made in digests for h in made.hashes)).encode()).hexdigest(),
    )


def find_axes(cells: list[dict[str, Value]], runs: tuple[Run, ...]) -> dict[str, tuple[Value, ...]]:
    """Find the parameters with more than one value; several runs are an axis of their own.

    A parameter that has one value where it applies and none elsewhere follows from another one: no axis.
    """
    names = dict.fromkeys(
        name for run in runs for attempt in run.attempts for name in attempt.config if name not in OPERATIONAL
    )
    axes = {}
    for name in ("run", *names):
        values = list(dict.fromkeys(cell[name] for cell in cells if name in cell))
        if len([value for value in values if value != "–"]) > 1:
            axes[name] = in_order(values, _planned(name, runs))
    return axes


def in_order(values: list[Value], planned: list[Value]) -> tuple[Value, ...]:
    """Order an axis: numbers by size, `on` before `off`, the rest as the grid lists them."""

    def key(value: Value) -> tuple[int, float, int]:
        if isinstance(value, int | float):
            return (0, float(value), 0)
        return (1, 0.0, planned.index(value) if value in planned else len(planned))

    known = sorted(values, key=key)
    return ("on", "off") if set(known) == {"on", "off"} else tuple(known)


def _planned(name: str, runs: tuple[Run, ...]) -> list[Value]:
    axes = [run.plan.get("axes", {}) for run in runs]
    return [normalise(value) for plan in axes if isinstance(plan, dict) for value in plan.get(name, [])]


def _join(digests: list[Digest], name: str, axes: Axes) -> pd.DataFrame:
    """Put one kind of frame of all attempts together, with the columns that say whose rows they are."""
    parts = [
        made.frames[name].assign(**{column: made.cell.get(column, "–") for column in dict.fromkeys([*KEY, *axes])})
        for made in digests
        if len(made.frames.get(name, ()))
    ]
    if not parts:
        return pd.DataFrame(columns=[*KEY, *axes])
    return pd.concat(parts, ignore_index=True)


def _nothing(runs: tuple[Run, ...], problems: list[Problem]) -> str:
    names = ", ".join(str(run.folder) for run in runs)
    reasons = "; ".join(f"{problem.where}: {problem.what}" for problem in problems[:5])
    return (
        f"{names}: no cell has usable rows{' (' + reasons + ')' if reasons else ''}; run the sweep again to fill them"
    )
