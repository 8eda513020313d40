"""Maps of who is fastest under which condition: a cut over a link, a codec over a link, and where it is not clear."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.deployment.break_even import CODECS, RAW, codec_axis
from analysis.deployment.emulated import CONDITIONS, condition_word, is_emulated
from analysis.deployment.race import Runner, accuracy_cost, conditions_of, race, times_of, times_to
from analysis.figures import facets, theme
from analysis.figures import roles as layout
from analysis.figures.roles import NO_CHOICE, Choice, Roles
from analysis.figures.theme import NotShownError
from analysis.results.load import Results
from analysis.results.target_accuracy import common_target
from analysis.stats.intervals import FEWEST
from analysis.text.parameters import Value
from analysis.text.units import digits, human, points
from splitfed_core.records.metrics import metric

NO_EMULATION = "no cell emulates a link or a device"
_SAME = 1.005
_ON_DARK = "#ffffff"
_COLUMNS = ("algorithm", "cut_layer", "run", "clients", "batch_size")
_WIDEST = 1.5  # inches of a field
_LEAST, _MOST = 0.07, 0.62  # opacity of a field that is as good as the fastest, and of one ten times as slow

Rows = list[tuple[str, str]]
"""Of each row of panels its name, and the metric it shows; no metric is the time to the target accuracy."""


def link_map(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw which cut is fastest over which link: time of a round, and training time to a target accuracy."""
    emulated = is_emulated(results)
    if not (emulated & results.cells["usable"]).any():
        raise NotShownError(NO_EMULATION)
    liked = ("cut_layer", "algorithm", "batch_size", "clients", "aggregation", "strategy")
    if not any(axis in results.axes for axis in liked):
        raise NotShownError("the cells differ in nothing that could be chosen by the link")
    name = choice.metric if choice.metric and metric(choice.metric).unit == "s" else "round_p50_s"
    title = "time of a round" if name == "round_p50_s" else metric(name).title.lower()
    return _draw(results, choice, liked, [(title, name), ("", "")])


def codec_map(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw which codec is first over which link: training time to a target accuracy, time of a round, accuracy."""
    if codec_axis(results) is None:
        raise NotShownError("no codec varies")
    rows: Rows = [("", "")] if common_target(results) else [("time of a round", "round_p50_s")]
    return _draw(results, choice, CODECS, rows, costs=True)


def _draw(results: Results, choice: Choice, liked: Sequence[str], rows: Rows, *, costs: bool = False) -> Figure:
    parts = {"x": CONDITIONS, "y": liked, "col": _COLUMNS}
    asked = {part: axis for part, axis in (("x", choice.x), ("facet", choice.facet)) if axis in results.axes}
    roles = layout.assign(results, parts, Choice(**asked))
    goal = common_target(results)
    rows = [(f"time to {100 * goal:g} %" if goal and not name else row, name) for row, name in rows]
    rows = [(row, name) for row, name in rows if (name and results.ok[name].notna().any()) or (not name and goal)]
    if roles.y is None or not rows:
        raise NotShownError("no cell has a time that could be compared")
    costs = costs and RAW in results.axes[roles.y] and bool(results.ok["final_eval_accuracy"].notna().any())
    heads = [
        condition_word(results, roles.x, value).replace(", ", ",\n")
        for value in (results.axes[roles.x] if roles.x else ("",))
    ]
    with theme.themed():
        height = 0.36 * len(results.axes[roles.y]) + 0.45
        figure, panels = facets.facets(
            results, Roles(col=roles.col), height=height, rows=[r for r, _ in rows], sharey=True
        )
        for panel in panels:
            part = _part(results, panel.where)
            name = dict(rows)[panel.row]
            times = times_of(part, name) if name else times_to(part, goal or 0.0)
            _fields(panel, results, part, times, roles)
            if costs:
                _costs(panel, part, roles.y, results.axes[roles.y], len(heads))
            panel.ticks([*heads, *(["accuracy"] * costs)])
            places = len(heads) + costs
            panel.axes.set_xlim(-0.5, max(places, panel.width / _WIDEST) - 0.5)
            panel.label("", "")
            panel.axes.set_yticks(range(len(results.axes[roles.y])), facets.ticks(results, roles.y))
            panel.axes.set_ylim(len(results.axes[roles.y]) - 0.5, -0.5)
            panel.axes.tick_params(length=0)
            panel.axes.spines[:].set_visible(False)
            panel.axes.grid(visible=False)
        few = bool(results.ok.groupby(["run", "cell_id"]).size().max() < FEWEST)
        theme.legend(figure, _legend(few=few), patches=True)
        theme.notes(figure, results, *_said(results, roles, few=few, costs=costs), host=True)
    return figure


def _legend(*, few: bool) -> list[theme.Entry]:
    return [
        ("fastest, by more than 10 %" if few else "clearly the fastest", {"facecolor": theme.BETTER}),
        ("not clear who of these", {"facecolor": "none", "edgecolor": theme.BETTER, "hatch": "////", "alpha": 0.5}),
        ("slower, the redder the more", {"facecolor": theme.WORSE, "alpha": 0.45}),
    ]


def _said(results: Results, roles: Roles, *, few: bool, costs: bool) -> list[str]:
    return [
        "each column compared in pairs of repeats, " + ("too few for intervals" if few else "by 95 % intervals"),
        "accuracy: points against raw at the end, grey where not clear" if costs else "",
        theme.averaged(results, roles),
    ]


def _part(results: Results, where: Mapping[str, object]) -> Results:
    """Return the results of a panel; its axis is the same in all of them."""
    chosen = results.cells["usable"]
    for axis, value in where.items():
        chosen = chosen & (results.cells[axis] == value)
    return results.where(chosen)


def _fields(panel: facets.Panel, results: Results, part: Results, times: pd.DataFrame, roles: Roles) -> None:
    """Draw a column of fields for each condition: places are those of the whole grid, whatever a panel lacks."""
    down = results.axes[roles.y or ""]
    across: list[Value] = list(results.axes[roles.x]) if roles.x else [""]
    for value, under in conditions_of(times, roles.x, across):
        for runner in race(under, roles.y or "", down, _alike(part, roles)):
            _field(panel.axes, across.index(value), down.index(runner.choice), runner)


def _alike(part: Results, roles: Roles) -> list[str]:
    """Return the axes in which cells of a panel are alike when they are compared under one condition."""
    return [axis for axis in part.axes if axis not in (roles.x, roles.y, "run")]


def _field(axes: Axes, x: float, y: float, runner: Runner) -> None:
    fastest, slower = runner.verdict == "fastest", runner.verdict == "slower"
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": theme.GRID, "linewidth": 0.6}
    if fastest:
        look = {"facecolor": theme.BETTER, "linewidth": 0}
    elif slower:
        shade = min(_MOST, _LEAST + (_MOST - _LEAST) * math.log10(runner.ratio))
        look = {"facecolor": theme.WORSE, "alpha": shade, "linewidth": 0}
    elif runner.verdict == "tied":
        look |= {"edgecolor": theme.BETTER, "hatch": "////", "alpha": 0.4}
    axes.add_patch(Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, **look))
    factor = f"\n{digits(runner.ratio)}×" if runner.ratio > _SAME else ""
    text = "not reached" if runner.verdict == "never" else f"{human(runner.time_s, 's')}{factor}"
    paint, weight = (_ON_DARK, "bold") if fastest else (theme.INK, "normal")
    axes.text(x, y, text, ha="center", va="center", fontsize=7, color=paint, weight=weight, linespacing=0.95)


def _costs(panel: facets.Panel, part: Results, axis: str, values: Sequence[Value], x: int) -> None:
    """Write beside the fields what each codec costs in accuracy."""
    for y, value in enumerate(values):
        cost = accuracy_cost(part, axis, value, RAW) if value != RAW else None
        if cost is None:
            continue
        good, bad = cost.clear and cost.mean > 0, cost.clear and cost.mean < 0
        paint = theme.BETTER if good else theme.WORSE if bad else theme.UNCLEAR
        panel.axes.text(x, y, points(cost.mean), ha="center", va="center", fontsize=7.5, color=paint, weight="bold")
