"""Latency and rates by the axes of the grid."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import layout
from analysis.figures import theme
from analysis.figures.theme import NotShownError
from analysis.layout import NO_CHOICE, Choice, Roles
from analysis.load import Results
from analysis.metrics import metric
from analysis.units import scale_for

_PARTS = {
    "x": ("clients", "*"),
    "col": ("cut_layer", "*"),
    "hue": ("batch_size", "aggregation", "*"),
    "style": ("aggregation", "*"),
}


def speed(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw step latency and samples per second by clients, cut and batch size."""
    return by_axes(results, ("step_p50_s", "samples_per_s"), choice)


def throughput(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw steps per second and network throughput by clients, cut and batch size."""
    return by_axes(results, ("steps_per_s", "network_kbit_per_s"), choice)


def by_axes(results: Results, names: tuple[str, ...], choice: Choice) -> Figure:
    """Draw metrics as lines over one axis, one row of panels per metric; each dot is one repeat."""
    shown = [metric(name) for name in names if results.ok[name].notna().any()]
    if not results.axes:
        raise NotShownError("the grid has one cell, so there is nothing to compare along an axis")
    if not shown:
        raise NotShownError(f"no cell has {' or '.join(names)}")
    roles = layout.assign(results.axes, _PARTS, choice)
    columns = results.axes[roles.col] if roles.col else (None,)
    with theme.themed():
        figure, grid = theme.panels(len(shown), len(columns), height=2.1)
        for row, measure in zip(grid, shown, strict=True):
            scale = scale_for(measure.unit, results.ok[measure.name])
            row[0].set_ylabel(f"{measure.title.lower()}\n({scale.unit})" if scale.unit else measure.title.lower())
            for panel, value in zip(row, columns, strict=True):
                frame = results.ok if value is None else results.ok[results.ok[roles.col] == value]
                _lines(panel, frame.assign(y=frame[measure.name] * scale.factor), results, roles)
        for panel, value in zip(grid[0], columns, strict=True):
            panel.set_title("" if value is None else layout.word(roles.col or "", value))
        for panel in grid[-1]:
            _name_x(panel, results, roles)
        theme.legend(figure, theme.keys(results.axes, roles.hue, roles.style))
        theme.note(figure, theme.averaged(roles))
    return figure


def _lines(panel: Axes, frame: pd.DataFrame, results: Results, roles: Roles) -> None:
    """Draw one line per colour and style through the means, and a dot per repeat."""
    places = {value: place for place, value in enumerate(results.axes[roles.x or ""])}
    split = [axis for axis in (roles.hue, roles.style) if axis]
    for key, part in frame.groupby(split, sort=False) if split else [((), frame)]:
        values = dict(zip(split, key, strict=True))
        hue = values.get(roles.hue or "", "")
        paint = theme.colour(roles.hue, hue, results.axes)
        mean = part.groupby(roles.x)["y"].mean()
        xs = [places[x] for x in mean.index]
        ordered = sorted(zip(xs, mean, strict=True))
        style = theme.line(roles.style, values.get(roles.style or "", ""), results.axes)
        panel.plot(
            *zip(*ordered, strict=True), linestyle=style, marker=theme.marker(roles.hue, hue, results.axes), color=paint
        )
        panel.scatter([places[x] for x in part[roles.x]], part["y"], s=5, alpha=0.45, linewidths=0, color=paint)
    panel.set_ylim(bottom=0)


def _name_x(panel: Axes, results: Results, roles: Roles) -> None:
    values = results.axes[roles.x or ""]
    panel.set_xticks(range(len(values)), [str(value) for value in values])
    panel.set_xlim(-0.3, len(values) - 0.7)
    panel.set_xlabel(layout.title(roles.x or ""))
