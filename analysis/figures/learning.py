"""What training comes to: loss over steps; accuracy and loss by round, bytes and time; the way to a target accuracy."""

import itertools
import math
from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures import facets, theme
from analysis.figures import roles as layout
from analysis.figures.roles import NO_CHOICE, Choice, Roles
from analysis.figures.theme import NotShownError
from analysis.results.load import Results
from analysis.results.target_accuracy import reached, target_accuracy
from analysis.stats.intervals import band, log_band, sampling, widened
from analysis.text.units import Scale, scale_for

_OVER_STEPS = {"hue": ("aggregation", "*"), "col": ("clients", "*"), "row": ("batch_size", "*")}


def loss(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw the training loss over steps, with and without aggregation."""
    if results.curve.empty:
        raise NotShownError("no cell has a finite training loss")
    roles = layout.assign(results, _OVER_STEPS, choice)
    names = ("step", "step of a client"), ("loss", "training loss")
    return over(results, results.curve, *names, roles, sharex=False, log=bool((results.curve["loss"] > 0).all()))


def over(
    results: Results,
    frame: pd.DataFrame,
    x: tuple[str, str],
    y: tuple[str, str],
    roles: Roles,
    *,
    sharex: facets.Share = True,
    sharey: facets.Share = True,
    log: bool = False,
    zero: Literal["y", ""] = "",
) -> Figure:
    """Draw a column of `frame` over another (name and title each), as mean and 95 % band over repeats."""
    with theme.themed():
        height = 1.6 if roles.row else 2.6
        figure, panels = facets.facets(results, roles, height=height, sharex=sharex, sharey=sharey)
        for panel in panels:
            part = panel.pick(frame)
            for value in results.axes[roles.hue] if roles.hue else ("",):
                mine = facets.only(part, {roles.hue: value} if roles.hue else {})
                stats = log_band(mine, x[0], y[0]) if log else band(mine, x[0], y[0])
                _band(panel.axes, stats, x[0], theme.colour(roles.hue, value, results.palette))
            panel.label(y[1], x[1])
            if log:
                facets.log_scale(panel.axes, "y", "")
            panel.axes.xaxis.set_major_locator(MaxNLocator(5 if panel.width > 1.6 else 3, integer=True))
        facets.close(panels, zero=zero)
        theme.legend(figure, theme.keys(results, roles.hue, None, markers=False))
        theme.note(figure, theme.averaged(results, roles))
    return figure


def _band(axes: Axes, stats: pd.DataFrame, x: str, paint: str) -> None:
    if stats.empty:
        return
    axes.plot(stats[x], stats["mean"], color=paint)
    axes.fill_between(stats[x], stats["low"], stats["high"], color=paint, alpha=0.22, linewidth=0)


def learning(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw test accuracy and loss by round, by bytes sent and by training time, for one slice of the grid."""
    measures = [(name, title) for name, title in _MEASURES if results.rounds[name].notna().any()]
    if not measures:
        raise NotShownError("no cell was evaluated")
    roles = layout.assign(results, {"hue": ("aggregation", "*")}, Choice(hue=choice.hue))
    where = facets.middle(results, roles.rest)
    frame = facets.only(results.rounds, where).dropna(subset=[name for name, _ in measures], how="all")
    ways = _ways(frame)
    examples = float(facets.only(results.ok, where)["test_examples"].min())
    tested = f"accuracy on {examples:,.0f} test examples" if examples == examples else ""
    with theme.themed():
        figure, panels = facets.facets(
            results, Roles(), height=2.1, rows=[t for _, t in measures], cols=["", "", ""], sharex="col"
        )
        for place, panel in enumerate(panels):
            name, way = measures[place // len(ways)][0], ways[place % len(ways)]
            for value in results.axes[roles.hue] if roles.hue else ("",):
                mine = facets.only(frame, {roles.hue: value} if roles.hue else {})
                _by(panel.axes, mine, way, name, theme.colour(roles.hue, value, results.palette), examples)
            panel.label("", way[2])
            panel.axes.xaxis.set_major_locator(MaxNLocator(6, integer=way[0] == "done"))
        facets.close(panels)
        theme.legend(figure, theme.keys(results, roles.hue, None, markers=False))
        theme.notes(figure, results, results.names.words(where, where) if where else "", tested)
    return figure


_MEASURES = (("eval_accuracy", "test accuracy (%)"), ("eval_loss", "test loss"))
Way = tuple[str, Scale, str]


def _ways(frame: pd.DataFrame) -> list[Way]:
    """Return what learning is drawn over: column, scale, title."""
    sent, time = scale_for("B", frame["total_bytes"]), scale_for("s", frame["elapsed_s"])
    return [
        ("done", Scale("", 1.0), "rounds done"),
        ("total_bytes", sent, f"sent so far ({sent.unit})"),
        ("elapsed_s", time, f"training time so far ({time.unit})"),
    ]


def _by(axes: Axes, frame: pd.DataFrame, way: Way, name: str, paint: str, examples: float) -> None:
    """Average repeats round by round: the mean of what was reached over the mean of what it took."""
    factor = 100.0 if name == "eval_accuracy" else 1.0
    stats = band(frame.assign(y=frame[name] * factor), "done", "y")
    if name == "eval_accuracy":
        reach = widened(stats["high"] - stats["mean"], sampling(stats["mean"] / 100, examples) * 100**2)
        stats = stats.assign(low=stats["mean"] - reach, high=(stats["mean"] + reach).clip(upper=100))
    x = frame.assign(x=frame[way[0]]).groupby("done")["x"].mean().reindex(stats["done"]).to_numpy() * way[1].factor
    _band(axes, stats.assign(x=x), "x", paint)


def target(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw how long, and how many bytes, each cell needs to a target accuracy."""
    goal = target_accuracy(results)
    if goal is None:
        raise NotShownError("no cell came to a test accuracy that half of the cells reach")
    got = reached(results, goal)
    several = len(results.axes.keys() - {"aggregation"}) > 1
    parts = {"hue": ("aggregation",)} | ({"col": ("cut_layer", "*")} if several else {})
    roles = layout.assign(results, parts, choice)
    inner = facets.fit(results, roles.rest, "step_p50_s", 6)
    columns = [
        ("elapsed_s", scale_for("s", got["elapsed_s"]), "training time"),
        ("total_bytes", scale_for("B", got["total_bytes"]), "sent"),
    ]
    needed = _needed(got, [axis for axis in (*inner, roles.hue, roles.col) if axis])
    bars = len(facets.combinations(results, inner))
    with theme.themed():
        figure, panels = facets.facets(
            results, Roles(row=roles.col), height=0.24 * bars + 0.5, cols=["time", "bytes"], sharex="col", sharey=True
        )
        for panel in panels:
            name, scale, title = columns[0 if panel.left else 1]
            _dots(panel, needed, results, roles.hue, inner, (name, scale))
            panel.label("", f"{title} to {goal * 100:g} % test accuracy ({scale.unit})")
            panel.axes.set_title("")
        facets.close(panels, zero="x")
        missing = [("not reached", {"linestyle": "", "marker": "x"})] if got["elapsed_s"].isna().any() else []
        keys = [(text, {**look, "linestyle": ""}) for text, look in theme.keys(results, roles.hue, None)]
        theme.legend(figure, keys + missing)
        theme.note(figure, theme.averaged(results, Roles(rest=tuple(a for a in roles.rest if a not in inner))))
    return figure


def _needed(got: pd.DataFrame, split: list[str]) -> pd.DataFrame:
    """Average what the repeats needed; empty where one of them never got there."""
    if not split:
        return got[["elapsed_s", "total_bytes"]].mean(skipna=False).to_frame().T
    cells = got.groupby(split)[["elapsed_s", "total_bytes"]]
    everywhere = cells.count().eq(cells.size(), axis=0)
    return cells.mean().where(everywhere).reset_index()


def _dots(
    panel: facets.Panel,
    needed: pd.DataFrame,
    results: Results,
    hue: str | None,
    inner: tuple[str, ...],
    what: tuple[str, Scale],
) -> None:
    """Draw a dot per cell at what it needed; a cross at the right end where a repeat never got there."""
    name, scale = what
    places = list(reversed(facets.combinations(results, inner)))
    end = float(needed[name].max()) * scale.factor * 1.06
    colours = results.axes[hue] if hue else ("",)
    for (place, values), (i, value) in itertools.product(enumerate(places), enumerate(colours)):
        height = place + 0.24 * ((len(colours) - 1) / 2 - i)  # side by side: none hides another
        for mean in facets.only(panel.pick(needed), values | ({hue: value} if hue else {}))[name]:
            there = not math.isnan(mean)
            shape = theme.marker(hue, value, results.palette) if there else "x"
            x = mean * scale.factor if there else end
            panel.axes.plot(x, height, shape, color=theme.colour(hue, value, results.palette), ms=5.5)
    panel.axes.set_yticks(range(len(places)), [results.names.words(values, inner) for values in places])
    panel.axes.set_ylim(-0.6, len(places) - 0.4)
    panel.axes.grid(visible=True, axis="both")
