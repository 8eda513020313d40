"""The Pareto front: accuracy against bytes and time, and which cells are on the front in most resamples."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.figures import facets, theme
from analysis.figures import roles as layout
from analysis.figures.roles import NO_CHOICE, Choice, Roles
from analysis.figures.theme import NotShownError
from analysis.results.load import Results
from analysis.results.pareto_front import front_of
from analysis.results.resampling import MOST, floored_percent
from analysis.text.units import human

_MOST_NUMBERED = 6
_WAYS = {"bytes sent in all (← better)": ("total_bytes", "B"), "training time (← better)": ("train_s", "s")}


def pareto(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw final accuracy against bytes and time; cells that in most resamples no other beats are numbered."""
    frame = front_of(results)
    if len(frame) < 2:
        raise NotShownError("the grid has fewer than two cells with a test accuracy")
    roles = layout.assign(results, {"hue": ("aggregation", "*")}, Choice(hue=choice.hue))
    front = _some(frame[frame["front_share"] > MOST])
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


def _some(front: pd.DataFrame) -> pd.DataFrame:
    """Return as many cells of the front as can be numbered, the surest ones, from the worst accuracy to the best."""
    surest = front.sort_values("front_share", ascending=False, kind="stable").head(_MOST_NUMBERED)
    return surest.sort_values("final_eval_accuracy", kind="stable").reset_index(drop=True)


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
    words = [(i, results.names.words(line, results.axes, short=True), line["front_share"]) for i, line in lines]
    return colours + [(f"{i}: {label} ({floored_percent(share)})", ring) for i, label, share in words]
