"""The Pareto front: which cells no other cell beats in accuracy, bytes and time together."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis import layout
from analysis.figures import facets, theme
from analysis.figures.theme import NotShownError
from analysis.layout import NO_CHOICE, Choice, Roles
from analysis.results import Results
from analysis.units import human

_NEEDED = ["final_eval_accuracy", "total_bytes", "train_s"]
_MOST_NUMBERED = 6
_WAYS = {"bytes sent in all (← better)": ("total_bytes", "B"), "training time (← better)": ("train_s", "s")}


def pareto(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw final accuracy against bytes and time; cells that no other beats in all three are numbered."""
    frame = cell_means(results)
    if len(frame) < 2:
        raise NotShownError("the grid has fewer than two cells with a test accuracy")
    roles = layout.assign(results, {"hue": ("aggregation", "*")}, Choice(hue=choice.hue))
    front = _some(frame[on_front(frame)].sort_values("final_eval_accuracy").reset_index(drop=True))
    with theme.themed():
        figure, panels = facets.facets(results, Roles(), cols=list(_WAYS), height=3.0, sharex=False)
        for panel in panels:
            name, unit = _WAYS[panel.col]
            _cloud(panel.axes, frame, name, results, roles.hue)
            _numbers(panel.axes, front, name)
            _scale(panel.axes, unit, log=bool(frame[name].max() > 10 * frame[name].min() > 0))
            panel.axes.set_title("")
            panel.label("final test accuracy (%)", panel.col)
        theme.legend(figure, _entries(results, roles.hue, front), columns=3)
    return figure


def cell_means(results: Results) -> pd.DataFrame:
    """Return accuracy, bytes and training time of each cell, mean over its repeats."""
    axes = [axis for axis in results.axes if axis != "run"]
    cells = results.ok.dropna(subset=_NEEDED).groupby(["run", "cell_id"], sort=False)
    how: Any = {**dict.fromkeys(_NEEDED, "mean"), **dict.fromkeys(axes, "first")}
    means: pd.DataFrame = cells.agg(how).reset_index()
    return means


def on_front(frame: pd.DataFrame) -> list[bool]:
    """Tell which cells no other cell beats: none is at least as good in accuracy, bytes and time and better in one."""
    points = np.column_stack([-frame["final_eval_accuracy"], frame["total_bytes"], frame["train_s"]])
    return [not any((points <= point).all(axis=1) & (points < point).any(axis=1)) for point in points]


def _some(front: pd.DataFrame) -> pd.DataFrame:
    """Return as many cells of the front as can be numbered, from the worst accuracy on it to the best."""
    places = np.unique(np.linspace(0, len(front) - 1, min(len(front), _MOST_NUMBERED)).round().astype(int))
    return front.iloc[places].reset_index(drop=True)


def _cloud(axes: Axes, frame: pd.DataFrame, name: str, results: Results, hue: str | None) -> None:
    for value in results.axes[hue] if hue else ("",):
        part = facets.only(frame, {hue: value} if hue else {})
        paint, shape = theme.colour(hue, value, results.palette), theme.marker(hue, value, results.palette)
        accuracy = part["final_eval_accuracy"] * 100
        axes.scatter(part[name], accuracy, s=22, color=paint, marker=shape, alpha=0.75, linewidths=0)


def _numbers(axes: Axes, front: pd.DataFrame, name: str) -> None:
    """Ring and number the cells on the front."""
    accuracy = front["final_eval_accuracy"] * 100
    axes.scatter(front[name], accuracy, s=60, facecolors="none", edgecolors=theme.INK, linewidths=0.9)
    for i, at in enumerate(zip(front[name], accuracy, strict=True)):  # neighbours in height: left and right in turn
        side = (8 if i % 2 == 0 else -8, 0)
        axes.annotate(str(i + 1), at, side, textcoords="offset points", ha="center", va="center")


def _scale(axes: Axes, unit: str, *, log: bool) -> None:
    if log:
        facets.log_scale(axes, "x", unit)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: human(x, unit)))
    axes.margins(0.12)
    axes.grid(visible=True, axis="both")


def _entries(results: Results, hue: str | None, front: pd.DataFrame) -> list[theme.Entry]:
    colours = [(text, {**look, "linestyle": ""}) for text, look in theme.keys(results, hue, None)]
    ring = {"marker": "o", "linestyle": "", "markerfacecolor": theme.PAPER}
    lines = enumerate((dict(line) for _, line in front.iterrows()), start=1)
    return colours + [(f"{i}: {results.names.words(line, results.axes, short=True)}", ring) for i, line in lines]
