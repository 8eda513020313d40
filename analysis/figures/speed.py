"""Latency and rates by the axes of the grid, and how they scale with the number of clients."""

from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import facets, theme
from analysis.figures import roles as layout
from analysis.figures.roles import NO_CHOICE, Choice, Roles
from analysis.figures.theme import NotShownError
from analysis.results.load import Results
from analysis.text.units import scale_for
from splitfed_core.errors import UsageError
from splitfed_core.records.metrics import metric

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


def any_metric(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw the metric that the user asked for."""
    if not choice.metric:
        raise UsageError("the figure 'metric' needs to know which: add --metric, such as --metric step_p95_s")
    return by_axes(results, (choice.metric,), choice)


def by_axes(results: Results, names: tuple[str, ...], choice: Choice) -> Figure:
    """Draw metrics as lines over one axis, one row of panels per metric; each dot is one repeat."""
    shown = [metric(name) for name in names if results.ok[name].notna().any()]
    if not results.axes:
        raise NotShownError("the grid has one cell, so there is nothing to compare along an axis")
    if not shown:
        raise NotShownError(f"no cell has {' or '.join(names)}")
    roles = layout.assign(results, _PARTS, choice)
    labels = facets.ticks(results, roles.x)
    rows = {
        measure.title.lower(): (measure.name, scale_for(measure.unit, results.ok[measure.name])) for measure in shown
    }
    with theme.themed():
        figure, panels = facets.facets(results, roles, rows=list(rows), height=2.1)
        for panel in panels:
            name, scale = rows[panel.row]
            frame = panel.pick(results.ok)
            _lines(panel.axes, frame.assign(y=frame[name] * scale.factor), results, roles)
            panel.label(f"({scale.unit})" if scale.unit else "", results.names.label(roles.x or ""))
            panel.ticks(labels)
        facets.close(panels, zero="y")
        theme.legend(figure, theme.keys(results, roles.hue, roles.style))
        theme.notes(figure, results, theme.averaged(results, roles), _swaps(results, names), host="step_p50_s" in names)
    return figure


def _swaps(results: Results, names: tuple[str, ...]) -> str:
    """Say how much of the time that rates are of went into changes of client."""
    shares = results.ok.groupby(["run", "cell_id"])["swap_share"].mean().dropna()
    if not {"samples_per_s", "steps_per_s"} & set(names) or not len(shares) or shares.max() == 0:
        return ""
    return f"switching clients took {shares.min() * 100:.0f} to {shares.max() * 100:.0f} % of the training time"


def _lines(axes: Axes, frame: pd.DataFrame, results: Results, roles: Roles) -> None:
    """Draw one line per colour and style through the means, and a dot per repeat."""
    places = {value: place for place, value in enumerate(results.axes[roles.x or ""])}
    split = [axis for axis in (roles.hue, roles.style) if axis]
    for key, part in frame.groupby(split, sort=False) if split else [((), frame)]:
        values = dict(zip(split, key, strict=True))
        hue = values.get(roles.hue or "", "")
        paint = theme.colour(roles.hue, hue, results.palette)
        mean = part.groupby(roles.x)["y"].mean()
        ordered = sorted(zip([places[x] for x in mean.index], mean, strict=True))
        style = (
            theme.line(roles.style, values.get(roles.style or "", ""), results.palette)
            if _is_scale(roles, results)
            else ""
        )
        axes.plot(
            *zip(*ordered, strict=True), ls=style, marker=theme.marker(roles.hue, hue, results.palette), color=paint
        )
        axes.scatter([places[x] for x in part[roles.x]], part["y"], s=5, alpha=0.45, linewidths=0, color=paint)


def _is_scale(roles: Roles, results: Results) -> bool:
    """Tell whether x is more or less of something; between mere names no line is drawn."""
    numbers = all(isinstance(value, int | float) for value in results.axes[roles.x or ""])
    return numbers or roles.x == "cut_layer"


def scaling(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw samples per second against the number of clients, relative to the fewest, beside linear growth."""
    counts = [value for value in results.axes.get("clients", ()) if isinstance(value, int)]
    if len(counts) < 2 or results.ok["samples_per_s"].isna().all():
        raise NotShownError("the grid has one number of clients")
    parts = {"col": ("cut_layer", "*"), "hue": ("batch_size", "aggregation", "*"), "style": ("aggregation", "*")}
    others = replace(results, axes={axis: values for axis, values in results.axes.items() if axis != "clients"})
    roles = layout.assign(others, parts, choice.without("clients"))
    with theme.themed():
        figure, panels = facets.facets(results, roles, height=2.9)
        for panel in panels:
            panel.axes.plot(counts, [count / counts[0] for count in counts], color=theme.INK, ls=":", lw=1)
            _growth(panel.axes, panel.pick(results.ok), counts, results, roles)
            over = f"speed-up over {results.names.word('clients', counts[0])} (×)"
            panel.label(over, results.names.label("clients"))
            panel.axes.set_xticks(counts, [results.names.tick("clients", count) for count in counts])
        facets.close(panels, zero="y")
        linear = [("linear", {"linestyle": ":", "linewidth": 1})]
        theme.legend(figure, linear + theme.keys(results, roles.hue, roles.style))
        theme.notes(figure, results, theme.averaged(results, roles), _swaps(results, ("samples_per_s",)))
    return figure


def _growth(axes: Axes, frame: pd.DataFrame, counts: list[int], results: Results, roles: Roles) -> None:
    split = [axis for axis in (roles.hue, roles.style) if axis]
    for key, part in frame.groupby(split, sort=False) if split else [((), frame)]:
        values = dict(zip(split, key, strict=True))
        rates = part.groupby("clients")["samples_per_s"].mean().reindex(counts)
        hue = values.get(roles.hue or "", "")
        axes.plot(
            counts,
            rates / rates.iloc[0],
            ls=theme.line(roles.style, values.get(roles.style or "", ""), results.palette),
            marker=theme.marker(roles.hue, hue, results.palette),
            color=theme.colour(roles.hue, hue, results.palette),
        )
