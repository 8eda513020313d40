"""What emulated links and devices do to steps and rounds, and to each client of a mixed fleet."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.deployment.emulated import clients_by_kind, condition, condition_word, mixed_fleets, predicted_steps
from analysis.figures import facets, theme
from analysis.figures import roles as layout
from analysis.figures.roles import NO_CHOICE, Choice, Roles
from analysis.figures.theme import NotShownError
from analysis.results.load import Results
from analysis.text.units import scale_for

_TIMES = {"step latency, median": "step_p50_s", "round time, median": "round_p50_s"}
_MOST_ROWS = 12


def link_times(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw the measured time of a step and of a round by link or device, and beside it what was predicted of a step."""
    across = condition(results)
    if across is None:
        raise NotShownError("links and devices are the same in all cells")
    parts = {"x": (across,), "hue": ("cut_layer", "codec", "*"), "col": ("algorithm", "*")}
    roles = layout.assign(results, parts, Choice(hue=choice.hue, facet=choice.facet))
    predicted = predicted_steps(results)
    heads = [condition_word(results, roles.x, value).replace(", ", ",\n") for value in results.axes[across]]
    rows = {row: name for row, name in _TIMES.items() if results.ok[name].notna().any()}
    with theme.themed():
        figure, panels = facets.facets(results, roles, rows=list(rows), height=2.1)
        for panel in panels:
            name = rows[panel.row]
            _marks(panel.axes, panel.pick(results.ok), name, results, roles, full=True)
            if name == "step_p50_s" and len(predicted):
                _marks(panel.axes, panel.pick(predicted), "predicted_s", results, roles, full=False)
            facets.log_scale(panel.axes, "y", "s")
            panel.label("", "")
            panel.ticks(heads)
        facets.close(panels)
        keys = [(text, {**look, "linestyle": ""}) for text, look in theme.keys(results, roles.hue, None)]
        theme.legend(figure, keys + (_PREDICTED if len(predicted) else []))
        theme.notes(figure, results, prediction_error(predicted), theme.averaged(results, roles), host=True)
    return figure


_PREDICTED: list[theme.Entry] = [
    ("predicted from bytes, link and computing", {"linestyle": "", "marker": "o", "markerfacecolor": "none", "ms": 7})
]


def prediction_error(predicted: pd.DataFrame) -> str:
    """Say by how much steps were predicted wrongly; nothing where none was predicted."""
    if predicted.empty:
        return ""
    off = (predicted["predicted_s"] / predicted["measured_s"] - 1).abs() * 100
    return f"rings: predictions, off by {off.median():.1f} % in the median, {off.max():.1f} % at most"


def _marks(axes: Axes, frame: pd.DataFrame, name: str, results: Results, roles: Roles, *, full: bool) -> None:
    """Draw a mark at each mean, the values of a colour side by side; a dot per repeat, or a ring for a prediction."""
    across, values = list(results.axes[roles.x or ""]), results.axes[roles.hue] if roles.hue else ("",)
    for i, value in enumerate(values):
        mine = facets.only(frame, {roles.hue: value} if roles.hue else {})
        paint, shape = theme.colour(roles.hue, value, results.palette), theme.marker(roles.hue, value, results.palette)
        shift = 0.6 * ((i + 0.5) / len(values) - 0.5)
        means = mine.groupby(roles.x)[name].mean()
        places = [across.index(x) + shift for x in means.index]
        face = paint if full else "none"
        axes.plot(places, means, ls="", marker=shape, color=paint, mfc=face, ms=5 if full else 9, mew=1.0)
        if full:
            own = [across.index(x) + shift for x in mine[roles.x]]
            axes.scatter(own, mine[name], s=5, alpha=0.45, linewidths=0, color=paint)


def fleets(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw how long clients of a mixed fleet train in a round and then wait, by their own link and device."""
    results = mixed_fleets(results)
    if results.ok.empty or results.clients.empty:
        raise NotShownError("no cell has clients with different links or devices")
    parts = {"col": ("cut_layer", "codec", "*"), "row": ("algorithm", "link", "device", "*")}
    roles = layout.assign(results, parts, Choice(facet=choice.facet))
    frame = clients_by_kind(results)
    kinds = list(frame.groupby("kind")["local_s"].median().sort_values().index)[-_MOST_ROWS:]
    scale = scale_for("s", frame["local_s"] + frame["wait_s"].fillna(0))
    with theme.themed():
        height = 0.3 * len(kinds) + 0.55
        figure, panels = facets.facets(results, roles, height=height, frame=frame, sharey=True)
        for panel in panels:
            _by_kind(panel.axes, panel.pick(frame), kinds, scale.factor)
            panel.label("", f"time in a round ({scale.unit})")
            panel.axes.set_yticks(range(len(kinds)), kinds)
            panel.axes.set_ylim(-0.6, len(kinds) - 0.4)
            panel.axes.grid(visible=True, axis="x")
            panel.axes.grid(visible=False, axis="y")
        facets.close(panels, zero="x")
        theme.legend(
            figure,
            [
                ("trains", {"facecolor": theme.TRAIN}),
                ("sends its model and waits for the others", {"facecolor": theme.WAIT}),
                ("one client", {"facecolor": theme.INK}),
            ],
            patches=True,
        )
        which = "bars are medians, dots single clients in single repeats"
        theme.notes(figure, results, which, theme.averaged(results, roles), host=True)
    return figure


def _by_kind(axes: Axes, frame: pd.DataFrame, kinds: list[str], factor: float) -> None:
    medians = frame.groupby("kind")[["local_s", "wait_s"]].median().fillna(0.0).reindex(kinds) * factor
    places = np.arange(len(kinds))
    axes.barh(places, medians["local_s"], 0.6, color=theme.TRAIN)
    axes.barh(places, medians["wait_s"], 0.6, left=medians["local_s"], color=theme.WAIT)
    for place, kind in enumerate(kinds):
        own = frame.loc[frame["kind"] == kind, "local_s"].to_numpy() * factor
        spread = np.linspace(-0.2, 0.2, len(own)) if len(own) > 1 else np.zeros(len(own))
        axes.scatter(own, place + spread, s=4, color=theme.INK, linewidths=0, alpha=0.6, zorder=3)
