"""A history as series: each metric of each cell over commits, cut where machine or definition is another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from analysis.stats.change_points import Change, find_changes
from analysis.trend.history import Entry, Machine
from splitfed_core.records.metrics import MIN_EFFECT, Metric


@dataclass(frozen=True)
class Point:
    """One cell at one commit on one machine: the median if it was measured there more than once.

    Args:
        at: Place of the commit in the order of commits.
        value: In the metric's unit.
        dirty: Whether it was measured with uncommitted changes.
    """

    at: int
    value: float
    dirty: bool


@dataclass(frozen=True)
class Series:
    """A metric of a cell on one machine, over commits.

    Args:
        definition: What the metric means: a series of another definition is another series.
        pieces: Slices of `points` that may be joined: between two of them another machine measured the cell.
        changes: Where the level changed; advice.
    """

    metric: Metric
    cell_id: str
    label: str
    machine: Machine
    definition: int
    points: tuple[Point, ...]
    pieces: tuple[tuple[int, int], ...]
    changes: tuple[Change, ...]

    @property
    def first_level(self) -> float:
        """The median of the points before the first change."""
        end = self.changes[0].at if self.changes else len(self.points)
        return median(point.value for point in self.points[:end])

    def weight(self, change: Change) -> float:
        """Return how many times as large a change is as one that matters where there is noise."""
        return abs(change.size) / MIN_EFFECT[self.metric.kind]


@dataclass(frozen=True)
class Trend:
    """All series of a history.

    Args:
        commits: In the order of time.
        machines: In the order in which they first measured something.
        failures: Cells without any usable repeat: label and commit.
    """

    commits: tuple[str, ...]
    machines: tuple[Machine, ...]
    series: tuple[Series, ...]
    failures: tuple[tuple[str, str], ...]

    def of(self, metric: Metric) -> tuple[Series, ...]:
        """Return the series of one metric."""
        return tuple(series for series in self.series if series.metric == metric)


def trend(entries: Sequence[Entry], metrics: Iterable[Metric]) -> Trend:
    """Put the entries of a history in order."""
    first: dict[str, str] = {}
    for entry in entries:
        first[entry.commit] = min(entry.when, first.get(entry.commit, entry.when))
    commits = sorted(first, key=lambda commit: (first[commit], commit))
    ordered = sorted(entries, key=lambda e: (commits.index(e.commit), e.measured_at, e.cell_id, e.machine.id))
    cells = {entry.cell_id: [e for e in ordered if e.cell_id == entry.cell_id] for entry in ordered}
    series = [one for metric in metrics for cell in cells.values() for one in _series(cell, metric, commits)]
    return Trend(
        tuple(commits),
        tuple({entry.machine.id: entry.machine for entry in ordered}.values()),
        tuple(series),
        tuple((entry.label, entry.commit) for entry in ordered if not entry.metrics),
    )


def _series(cell: Sequence[Entry], metric: Metric, commits: Sequence[str]) -> list[Series]:
    """Make the series of one cell, whose entries are in order: one for each machine and definition."""
    measured = [entry for entry in cell if metric.name in entry.metrics]
    kinds = {(entry.machine.id, _definition(entry, metric)): entry.machine for entry in measured}
    exact = metric.exact and not any(metric.name in entry.noisy for entry in measured)
    latest, made = cell[-1], []
    for (_, definition), machine in kinds.items():
        of_machine = [entry for entry in measured if entry.machine.id == machine.id]
        here = [entry for entry in of_machine if _definition(entry, metric) == definition]
        elsewhere = {commits.index(entry.commit) for entry in measured if entry.machine.id != machine.id}
        points = [_point(commit, list(same), metric, commits) for commit, same in groupby(here, lambda e: e.commit)]
        changes = find_changes(metric, [point.value for point in points], exact=exact)
        pieces = _pieces(points, elsewhere)
        found = (tuple(points), pieces, tuple(changes))
        made.append(Series(metric, latest.cell_id, latest.label, machine, definition, *found))
    return made


def _definition(entry: Entry, metric: Metric) -> int:
    return entry.definitions.get(metric.name, 1)


def _point(commit: str, entries: Sequence[Entry], metric: Metric, commits: Sequence[str]) -> Point:
    value = median(entry.metrics[metric.name].median for entry in entries)
    return Point(commits.index(commit), value, any(entry.diff for entry in entries))


def _pieces(points: Sequence[Point], elsewhere: set[int]) -> tuple[tuple[int, int], ...]:
    """Return the stretches of points between which no other machine measured the cell."""
    breaks = [
        place
        for place, (one, other) in enumerate(pairwise(points), start=1)
        if any(one.at <= at <= other.at for at in elsewhere)
    ]
    return tuple(pairwise([0, *breaks, len(points)]))
