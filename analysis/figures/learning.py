"""What training comes to: the loss over steps, loss and accuracy by round, by bytes and by time."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import stdtrit

from analysis import layout
from analysis.figures import theme
from analysis.figures.theme import NotShownError
from analysis.layout import NO_CHOICE, Choice, Roles
from analysis.load import Results

_PARTS = {"hue": ("aggregation", "*"), "col": ("cut_layer", "*"), "row": ("clients", "batch_size", "*")}


def loss(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw the training loss over steps, with and without aggregation."""
    if results.curve.empty:
        raise NotShownError("no cell has a finite training loss")
    roles = layout.assign(results.axes, _PARTS, choice)
    return over(results, results.curve, ("step", "step of a client"), ("loss", "training loss"), roles)


def over(
    results: Results, frame: pd.DataFrame, x: tuple[str, str], y: tuple[str, str], roles: Roles, *, height: float = 1.7
) -> Figure:
    """Draw `y` over `x` as mean and 95 % band over repeats, in the panels that `roles` gives."""
    columns = results.axes[roles.col] if roles.col else (None,)
    rows = results.axes[roles.row] if roles.row else (None,)
    with theme.themed():
        figure, grid = theme.panels(len(rows), len(columns), height=height if len(rows) > 1 else 2.6, sharey=True)
        for panel_row, row in zip(grid, rows, strict=True):
            for panel, col in zip(panel_row, columns, strict=True):
                _curves(panel, _only(frame, {roles.row: row, roles.col: col}), x[0], y[0], results, roles)
            panel_row[0].set_ylabel(y[1] if row is None else f"{layout.word(roles.row or '', row)}\n{y[1]}")
        for panel, col in zip(grid[0], columns, strict=True):
            panel.set_title("" if col is None else layout.word(roles.col or "", col))
        for panel in grid[-1]:
            panel.set_xlabel(x[1])
        theme.legend(
            figure, [(text, {**look, "marker": ""}) for text, look in theme.keys(results.axes, roles.hue, None)]
        )
        theme.note(figure, theme.averaged(roles))
    return figure


def _only(frame: pd.DataFrame, values: dict[str | None, object]) -> pd.DataFrame:
    for axis, value in values.items():
        if axis is not None and value is not None:
            frame = frame[frame[axis] == value]
    return frame


def _curves(panel: Axes, frame: pd.DataFrame, x: str, y: str, results: Results, roles: Roles) -> None:
    for value in results.axes[roles.hue] if roles.hue else (None,):
        part = frame if value is None else frame[frame[roles.hue] == value]
        band = mean_band(part, x, y)
        look = theme.colour(roles.hue, "" if value is None else value, results.axes)
        panel.plot(band[x], band["mean"], color=look)
        panel.fill_between(band[x], band["low"], band["high"], color=look, alpha=0.2, linewidth=0)


def mean_band(frame: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Return the mean over repeats and its 95 % t-interval at each `x`; no interval with fewer than three repeats."""
    by_repeat = frame.groupby([x, "run", "repeat"])[[y]].mean().reset_index()
    stats: pd.DataFrame = by_repeat.groupby(x)[y].agg(["mean", "sem", "count"]).reset_index()
    enough = stats["count"] >= 3
    reach = np.where(enough, stdtrit(np.maximum(stats["count"] - 1, 1), 0.975) * stats["sem"], np.nan)
    return stats.assign(low=stats["mean"] - reach, high=stats["mean"] + reach)
