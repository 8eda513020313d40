"""Metrics over commits: a panel for each, every cell against its own first level on that machine."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.figures.theme import BETTER, INK, UNCLEAR, WIDTH, WORSE, Entry, colour, legend, line, note, themed
from analysis.stats.change_points import change_of
from analysis.trend.series import Series, Trend
from splitfed_core.records.metrics import MIN_EFFECT, Metric

_NAMED = 6
"""How many cells have a colour and a name: those that changed most. The others are grey."""

_SHORT = 7  # characters of a commit


def draw_trend(trend: Trend, metrics: Sequence[Metric]) -> Figure:
    """Draw metrics over commits; points of other machines or definitions are never joined, changes are marked."""
    columns = min(2, len(metrics))
    rows = -(-len(metrics) // columns)
    with themed():
        figure = Figure(figsize=(WIDTH, 1.2 + 1.75 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
        named = _named(trend)
        for axes, metric in zip(panels.flat, metrics, strict=False):
            _panel(axes, metric, trend, named)
        for axes in panels.flat[len(metrics) :]:
            axes.remove()
        for axes in panels.flat[len(metrics) - columns : len(metrics)]:
            _commits(axes, trend.commits)
        note(figure, "Change against the cell's own first level on the same machine")
        legend(figure, _entries(trend, named), columns=3)
        return figure


def _named(trend: Trend) -> tuple[str, ...]:
    """Return the cells to name: those whose level changed most, for what matters of that metric."""

    def weight(series: Series) -> float:
        """Return the largest change by what matters of the metric; what got worse comes before what got better."""
        return max((series.weight(change) + 1000 * change.worse for change in series.changes), default=0)

    labels = list(dict.fromkeys(series.label for series in trend.series))
    if len(labels) <= _NAMED:
        return tuple(labels)
    most = {label: max(weight(series) for series in trend.series if series.label == label) for label in labels}
    changed = sorted((label for label in labels if most[label]), key=lambda label: -most[label])
    return tuple(changed[:_NAMED])


def _panel(axes: Axes, metric: Metric, trend: Trend, named: tuple[str, ...]) -> None:
    for series in sorted(trend.of(metric), key=lambda series: series.label in named):
        _line(axes, series, named)
    for at in _machine_changes(trend):
        axes.axvline(at - 0.5, color=INK, linestyle=":", linewidth=0.9)
    for at in _redefinitions(trend.of(metric)):
        axes.axvline(at - 0.5, color=INK, linestyle="-.", linewidth=0.9)
    axes.set_title(f"{metric.title} ({metric.better} is better)", loc="left")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    places = 3 if metric.kind == "loss" else 1
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:+.{places}f}".rstrip("0").rstrip(".") if y else "0"))
    axes.set_ylabel({"loss": "difference", "accuracy": "points"}.get(metric.kind, "%"))
    low, high = axes.get_ylim()
    least = 100 * MIN_EFFECT[metric.kind] / (100 if metric.kind == "loss" else 1)
    axes.set_ylim(min(low, -1.5 * least), max(high, 1.5 * least))  # what does not matter looks flat


def _line(axes: Axes, series: Series, named: tuple[str, ...]) -> None:
    scale = 1.0 if series.metric.kind == "loss" else 100.0
    x = [point.at for point in series.points]
    y = [scale * change_of(series.metric, series.first_level, point.value) for point in series.points]
    look = _look(series.label, named)
    for start, end in series.pieces:
        dots = "o" if series.label in named or end - start == 1 else ""
        axes.plot(x[start:end], y[start:end], marker=dots, markersize=2.6, **look)
    dirty = [place for place, point in enumerate(series.points) if point.dirty and series.label in named]
    axes.plot(
        [x[p] for p in dirty], [y[p] for p in dirty], "o", markersize=5, markerfacecolor="none", color=look["color"]
    )
    for change in series.changes:
        mark, shade = ("X", WORSE) if change.worse else ("P", BETTER)
        size = 7 if series.label in named else 4
        axes.plot(x[change.at], y[change.at], marker=mark, markersize=size, color=shade, zorder=4)


def _look(label: str, named: tuple[str, ...]) -> dict[str, Any]:
    if label not in named:
        return {"color": UNCLEAR, "linewidth": 0.6, "alpha": 0.5}
    axes = {"cell": named}
    return {"color": colour("cell", label, axes), "linestyle": line("cell", label, axes), "linewidth": 1.4}


def _machine_changes(trend: Trend) -> list[int]:
    """Return the commits from which on another machine measures than at the commit before."""
    at: dict[int, set[str]] = {}
    for series in trend.series:
        for point in series.points:
            at.setdefault(point.at, set()).add(series.machine.id)
    places = sorted(at)
    return [place for before, place in pairwise(places) if at[before] != at[place]]


def _redefinitions(series: Sequence[Series]) -> list[int]:
    """Return the commits from which on a metric means something else than at the commit before."""
    at = sorted((point.at, one.definition) for one in series for point in one.points)
    return sorted({place for (_, before), (place, after) in pairwise(at) if before != after})


def _commits(axes: Axes, commits: Sequence[str]) -> None:
    axes.tick_params(labelbottom=True)
    step = -(-len(commits) // 10)
    places = range(0, len(commits), step)
    axes.set_xticks(places, [commits[place][:_SHORT] for place in places], rotation=40, ha="right")
    axes.set_xlim(-0.5, len(commits) - 0.5)


def _entries(trend: Trend, named: tuple[str, ...]) -> list[Entry]:
    entries: list[Entry] = [(label, _look(label, named)) for label in named]
    if any(series.label not in named for series in trend.series):
        entries.append(("other cells" if named else "each cell", {"color": UNCLEAR, "linewidth": 0.8}))
    for worse, text, mark, shade in ((True, "worse from here", "X", WORSE), (False, "better from here", "P", BETTER)):
        if any(change.worse == worse for series in trend.series for change in series.changes):
            entries.append((text, {"color": shade, "marker": mark, "linestyle": ""}))
    if _machine_changes(trend):
        entries.append(("another machine", {"linestyle": ":", "linewidth": 0.9}))
    if any(_redefinitions(trend.of(metric)) for metric in {series.metric for series in trend.series}):
        entries.append(("redefined", {"linestyle": "-.", "linewidth": 0.9}))
    if any(point.dirty for series in trend.series for point in series.points):
        entries.append(("uncommitted changes", {"marker": "o", "markerfacecolor": "none", "linestyle": ""}))
    return entries
