"""The figure of a comparison: the effect on every cell with its interval, sorted, against the smallest that matters."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.compare.gate import Judged, Judgement
from analysis.figures.theme import BETTER, GRID, INK, UNCLEAR, WIDTH, WORSE, legend, note, themed
from analysis.stats.verdicts import Outcome

_MOST = 60
"""With more cells, only those that moved most are drawn."""

_COLOURS: dict[Outcome, str] = {
    "regression": WORSE,
    "improvement": BETTER,
    "unchanged": INK,
    "inconclusive": UNCLEAR,
    "error": UNCLEAR,
}
_MARKS: dict[Outcome, str] = {
    "regression": "X",
    "improvement": "P",
    "unchanged": "o",
    "inconclusive": "s",
    "error": "x",
}

Line = tuple[str, Judged]


def draw_effects(judgement: Judgement, name: str) -> Figure | None:
    """Draw one metric, or nothing where no cell has a verdict on it with an interval."""
    lines = [
        (cell.pairs.label, judged)
        for cell in judgement.cells
        for judged in cell.metrics
        if judged.metric.name == name and not math.isnan(judged.shown[0])
    ]
    if not lines:
        return None
    lines.sort(key=lambda line: line[1].verdict.estimate)
    kept = sorted(lines, key=lambda line: -abs(line[1].verdict.estimate))[:_MOST]
    shown = [line for line in lines if line in kept]
    whole = [("all cells (mean)", judged) for judged in judgement.grid if judged.metric.name == name]
    with themed():
        return _figure(shown + whole, len(lines) - len(shown))


def _figure(lines: list[Line], left_out: int) -> Figure:
    figure = Figure(figsize=(WIDTH, 1.3 + 0.24 * len(lines)), layout="constrained")
    axes = figure.subplots()
    scale = 1.0 if lines[0][1].metric.kind == "loss" else 100.0
    for y, (_, judged) in enumerate(lines):
        smallest = judged.min_effect * scale
        axes.barh(y, 2 * smallest, left=-smallest, height=0.9, color=GRID, alpha=0.6, linewidth=0)
        _mark(axes, y, judged, scale)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(lines)), [label for label, _ in lines])
    axes.set_ylim(-0.6, len(lines) - 0.4)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(_x_label(lines[0][1]))
    left = f"; {left_out} cells that moved less are left out" if left_out else ""
    note(figure, f"Hodges–Lehmann estimate and 95 % bootstrap interval over pairs, worst on top{left}")
    seen = [name for name in _COLOURS if any(judged.verdict.outcome == name for _, judged in lines)]
    entries = [(name, {"color": _COLOURS[name], "marker": _MARKS[name], "linestyle": ""}) for name in seen]
    legend(figure, [*entries, ("band: the smallest change that matters", {"color": GRID, "linewidth": 6})])
    return figure


def _mark(axes: Axes, y: int, judged: Judged, scale: float) -> None:
    low, high = (judged.change(bound) * scale for bound in judged.shown)
    colour, mark = _COLOURS[judged.verdict.outcome], _MARKS[judged.verdict.outcome]
    axes.plot([low, high], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
    axes.plot(judged.change(judged.verdict.estimate) * scale, y, color=colour, marker=mark, markersize=6)


def _x_label(judged: Judged) -> str:
    unit = {"loss": "", "accuracy": " (points)"}.get(judged.metric.kind, " (%)")
    worse = "right is worse" if judged.metric.better == "lower" else "left is worse"
    return f"{judged.metric.title.lower()}: change of HEAD against BASE{unit}; {worse}"
