"""Panels by the axes of a grid: one column or row of panels per value, shared scales, no empty panel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.figures.roles import Roles
from analysis.figures.theme import INK, WIDTH
from analysis.results.load import Results
from analysis.text.units import human

Share = bool | Literal["none", "all", "row", "col"]

_CHARACTER = 0.069  # inches that a character of a tick label takes


@dataclass(frozen=True)
class Panel:
    """One panel: its axes, the row and column it stands in, and which part of a frame belongs into it."""

    axes: Axes
    row: str
    col: str
    where: dict[str, object]
    left: bool
    bottom: bool
    width: float

    def pick(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a frame that belong into this panel."""
        return only(frame, self.where)

    def label(self, y: str, x: str) -> None:
        """Name the axes: y only at the left, below the row's name; x only at the bottom."""
        if self.left:
            self.axes.set_ylabel("\n".join(filter(None, (self.row, y))))
        if self.bottom:
            self.axes.set_xlabel(x)

    def ticks(self, labels: Sequence[str]) -> None:
        """Put labels at 0, 1, 2, … on the x axis: slanted when they would touch, thinned out when there are many."""
        every = max(1, round(len(labels) * 2 * _CHARACTER / self.width))
        shown = list(enumerate(labels))[::every]
        self.axes.set_xticks([place for place, _ in shown], [text for _, text in shown])
        self.axes.set_xlim(-0.6, len(labels) - 0.4)
        if sum(len(text) + 2 for _, text in shown) * _CHARACTER > self.width:
            self.axes.tick_params(axis="x", rotation=35)
            for text in self.axes.get_xticklabels():
                text.set(ha="right", rotation_mode="anchor")


def ticks(results: Results, axis: str | None) -> list[str]:
    """Return what stands at the ticks of an axis of the grid: one empty text where there is none."""
    return [results.names.tick(axis, value) for value in results.axes[axis]] if axis else [""]


def only(frame: pd.DataFrame, where: dict[str, object]) -> pd.DataFrame:
    """Return the rows of a frame that have these values."""
    for axis, value in where.items():
        frame = frame[frame[axis] == value]
    return frame


def facets(
    results: Results,
    roles: Roles,
    *,
    height: float,
    frame: pd.DataFrame | None = None,
    rows: Sequence[str] = (),
    cols: Sequence[str] = (),
    sharex: Share = True,
    sharey: Share = "row",
) -> tuple[Figure, list[Panel]]:
    """Make a row of panels per value of the row axis and a column per value of the column axis.

    Args:
        results: Where the values of the axes are from.
        roles: Which axes rows and columns stand for.
        height: Height of a row in inches.
        frame: What will be drawn: values that are not in it get no panel.
        rows: Names of rows that stand for no axis (metrics, say).
        cols: Names of columns that stand for no axis.
        sharex: As in matplotlib.
        sharey: As in matplotlib.
    """
    down: list[tuple[str, dict[str, object]]] = [(name, {}) for name in rows] or _values(results, roles.row, frame)
    across: list[tuple[str, dict[str, object]]] = [(name, {}) for name in cols] or _values(results, roles.col, frame)
    figure = Figure(figsize=(WIDTH, height * len(down) + 0.8), layout="constrained")
    grid = np.asarray(figure.subplots(len(down), len(across), squeeze=False, sharex=sharex, sharey=sharey))
    panels = []
    for i, (row, row_where) in enumerate(down):
        for j, (col, col_where) in enumerate(across):
            grid[i, j].set_title(col if i == 0 else "")
            where, bottom, width = row_where | col_where, i == len(down) - 1, (WIDTH - 1.2) / len(across)
            panels.append(Panel(grid[i, j], row, col, where, j == 0, bottom, width))
    return figure, panels


def _values(results: Results, axis: str | None, frame: pd.DataFrame | None) -> list[tuple[str, dict[str, object]]]:
    if not axis:
        return [("", {})]
    there = set(results.axes[axis] if frame is None else frame[axis])
    return [(results.names.word(axis, value), {axis: value}) for value in results.axes[axis] if value in there]


class _RoundLogLocator(LogLocator):
    """Ticks at 1, 2 and 5 of each decade, or at 1 alone over many decades."""

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        self.set_params(subs=(1.0, 2.0, 5.0) if vmax < 200 * vmin else (1.0,))
        return list(super().tick_values(vmin, vmax))


def log_scale(axes: Axes, which: Literal["x", "y"], unit: str) -> None:
    """Make an axis logarithmic, its ticks written with their units: `20 ms`, `2 MB`."""
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(_RoundLogLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: human(value, unit)))
    axis.set_minor_formatter(NullFormatter())


def close(panels: Sequence[Panel], *, zero: Literal["x", "y", ""] = "") -> None:
    """Finish panels when all is drawn: start an axis at zero, and say where there are no data.

    An empty panel looks like a mistake, and a shared axis must not be fixed before its last panel is drawn.
    """
    for panel in panels:
        if zero:
            panel.axes.set(**{f"{zero}lim": (0, getattr(panel.axes, f"get_{zero}lim")()[1])})
        if not panel.axes.has_data():
            panel.axes.text(0.5, 0.5, "no results", ha="center", va="center", transform=panel.axes.transAxes, color=INK)
            panel.axes.grid(visible=False)


def fit(results: Results, axes: Sequence[str], column: str, room: int) -> tuple[str, ...]:
    """Return as many of the axes as there is room for their combinations; those that move `column` least go first."""
    kept = list(axes)
    while kept and len(results.ok[kept].drop_duplicates()) > room:
        kept.remove(min(kept, key=lambda axis: _influence(results, axis, column)))
    return tuple(kept)


def _influence(results: Results, axis: str, column: str) -> float:
    """Return by which factor the means of a column differ between the values of an axis."""
    means = results.ok.groupby(axis)[column].mean().dropna()
    return float(means.max() / means.min()) if len(means) and means.min() > 0 else 1.0


def combinations(results: Results, axes: Sequence[str]) -> list[dict[str, object]]:
    """Return the combinations of axes that were run, in the order of their values."""
    if not axes:
        return [{}]
    found = results.ok[list(axes)].drop_duplicates()
    places = [
        tuple(results.axes[axis].index(value) for axis, value in zip(axes, line, strict=True))
        for line in found.itertuples(index=False)
    ]
    rows = sorted(zip(places, found.to_dict("records"), strict=True), key=lambda pair: pair[0])
    return [{str(k): v for k, v in row.items()} for _, row in rows]


def middle(results: Results, axes: Sequence[str]) -> dict[str, object]:
    """Return the slice in the middle of these axes, at a combination that was run."""
    wanted = [(axis, results.axes[axis]) for axis in axes]
    distance = sum(
        (
            results.ok[axis].map({value: abs(place - (len(values) - 1) // 2) for place, value in enumerate(values)})
            for axis, values in wanted
        ),
        start=pd.Series(0, index=results.ok.index),
    )
    best = results.ok.iloc[int(distance.argmin())]
    return {axis: best[axis] for axis in axes}
