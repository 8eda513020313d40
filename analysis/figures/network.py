"""What crosses the network: time and bytes, throughput over rounds, and a prediction for slower links."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from analysis.deployment.emulated import has_links
from analysis.figures import facets, theme
from analysis.figures import roles as layout
from analysis.figures.learning import over
from analysis.figures.roles import NO_CHOICE, Choice, Roles
from analysis.figures.theme import NotShownError
from analysis.results.link_prediction import LINKS, predict
from analysis.results.load import Results
from analysis.text.units import human, scale_for

_WAYS = (("uplink", "uplink (smashed data and labels)", theme.UP), ("downlink", "downlink (gradient)", theme.DOWN))
_NOTHING = "no cell exchanges anything between clients and a main server"


def network(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw mean time and bytes of uplink and downlink per step."""
    results = _exchanging(results)
    parts = {"x": ("cut_layer", "aggregation", "*"), "col": ("batch_size", "clients", "*")}
    roles = layout.assign(results, parts, choice)
    rows = {"mean time of a step": ("mean_s", "s"), "bytes of a step": ("bytes_per_step", "B")}
    with theme.themed():
        figure, panels = facets.facets(results, roles, rows=list(rows), height=2.0)
        for panel in panels:
            suffix, unit = rows[panel.row]
            scale = scale_for(unit, results.ok[f"uplink_{suffix}"])
            _pairs(panel.axes, panel.pick(results.ok), (suffix, unit), results, roles.x)
            panel.ticks(facets.ticks(results, roles.x))
            panel.label(f"({scale.unit})", results.names.label(roles.x) if roles.x else "")
            panel.axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _, by=scale.factor: f"{y * by:,.6g}"))
        theme.legend(figure, [(text, {"facecolor": paint}) for _, text, paint in _WAYS], patches=True)
        theme.note(figure, theme.averaged(results, roles))
    return figure


def _exchanging(results: Results) -> Results:
    """Leave out cells that exchange nothing step by step (fl, central)."""
    if results.ok["uplink_mean_s"].isna().all():
        raise NotShownError(_NOTHING)
    return results.having("uplink_mean_s")


def _pairs(axes: Axes, frame: pd.DataFrame, what: tuple[str, str], results: Results, x: str | None) -> None:
    """Draw a pair of bars per value of `x`, with the number on each."""
    suffix, unit = what
    values = results.axes[x] if x else ("",)
    for shift, (way, _, paint) in zip((-0.2, 0.2), _WAYS, strict=True):
        means = [facets.only(frame, {x: value} if x else {})[f"{way}_{suffix}"].mean() for value in values]
        bars = axes.bar([place + shift for place in range(len(values))], means, 0.38, color=paint)
        axes.bar_label(bars, [human(mean, unit).replace(" ", "\n") for mean in means], fontsize=6.5, padding=1)
    axes.margins(y=0.25)


def network_over_rounds(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw network throughput by round, with and without aggregation."""
    results = _exchanging(results)
    frame = results.rounds
    scale = scale_for("kbit/s", frame["network_kbit_per_s"])
    frame = frame.assign(y=frame["network_kbit_per_s"] * scale.factor).dropna(subset=["y"])
    parts = {"hue": ("aggregation", "*"), "col": ("cut_layer", "*"), "row": ("batch_size", "*")}
    roles = layout.assign(results, parts, choice)
    return over(
        results, frame, ("done", "rounds done"), ("y", f"throughput\n({scale.unit})"), roles, sharey="col", zero="y"
    )


def links(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Predict the time of a round over slower links, from measured compute and counted bytes."""
    if (has_links(results) & results.cells["usable"]).any():
        raise NotShownError("links were emulated; the step and round by link are measured, with the prediction's error")
    results = _exchanging(results)
    predicted = predict(results)
    parts = {"hue": ("cut_layer", "batch_size", "*"), "col": ("batch_size", "clients", "*")}
    roles = layout.assign(results, parts, choice)
    names = ["loopback", *(link.name for link in LINKS)]
    with theme.themed():
        figure, panels = facets.facets(results, roles, height=2.9)
        for panel in panels:
            _fan(panel.axes, panel.pick(predicted), results, roles)
            panel.ticks(names)
            panel.label("time of a round", "link of each client")
        theme.legend(figure, theme.keys(results, roles.hue, None) + _PREDICTED)
        warning = "PREDICTION, not a measurement"
        theme.notes(figure, results, warning, theme.averaged(results, roles), host=True)
    return figure


_PREDICTED: list[theme.Entry] = [
    ("of measured steps", {"linestyle": "", "marker": "o"}),
    ("predicted", {"linestyle": "--", "marker": "o", "markerfacecolor": theme.PAPER}),
]


def _fan(axes: Axes, frame: pd.DataFrame, results: Results, roles: Roles) -> None:
    """Draw the round of measured steps as a full mark and the predicted ones as hollow marks on a dashed line."""
    for value in results.axes[roles.hue] if roles.hue else ("",):
        means = facets.only(frame, {roles.hue: value} if roles.hue else {}).groupby("link")["round_s"].mean()
        paint, shape = theme.colour(roles.hue, value, results.palette), theme.marker(roles.hue, value, results.palette)
        axes.plot(means.index, means, ls="--", lw=1.2, marker=shape, color=paint, mfc=theme.PAPER)
        axes.plot(means.index[:1], means.iloc[:1], ls="", marker=shape, color=paint)
    facets.log_scale(axes, "y", "s")
