"""The figure of what the instrument costs: every goal by how many times it is better than its bound."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from analysis.figures.theme import BETTER, GRID, INK, WIDTH, WORSE, legend, note, themed
from analysis.own_cost.goals import MeasuredGoal, shown_digits

_LONGEST = 62


def draw_goals(goals: Sequence[MeasuredGoal]) -> Figure:
    """Draw goals with the first on top; right of the line is better than the bound, the scale is logarithmic."""
    with themed():
        figure = Figure(figsize=(WIDTH, 1.4 + 0.36 * len(goals)), layout="constrained")
        axes = figure.subplots()
        for y, goal in enumerate(reversed(goals)):
            colour = BETTER if goal.reached else WORSE
            margins = sorted((goal.margin(goal.low), goal.margin(goal.high)))
            axes.plot(margins, [y, y], color=colour, linewidth=2, solid_capstyle="butt")
            axes.plot(goal.margin(goal.measured), y, color=colour, marker="o" if goal.reached else "X", markersize=6)
            if goal.aim:
                axes.plot(goal.margin(goal.aim), y, color=INK, marker="|", markersize=9, linestyle="")
            unit = f" {goal.unit}" if goal.unit else "×"
            sign = "≥" if goal.better == "higher" else "≤"
            label = f"{shown_digits(goal.measured)}{unit}  ({sign} {goal.reach:g})"
            axes.annotate(label, (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=8)
        axes.set_xscale("log")
        axes.axvline(1, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(goals)), [_shortened(goal.what) for goal in reversed(goals)])
        axes.set_ylim(-0.6, len(goals) - 0.4)
        ticks = [0.25, 0.5, 1, 2, 4, 8, 16]
        axes.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
        axes.minorticks_off()
        axes.grid(axis="x", color=GRID)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("times better than the bound (right is better)")
        note(figure, "Median and range of the runs; at the right the measured value and its bound")
        entries = [
            ("kept", {"color": BETTER, "marker": "o", "linestyle": ""}),
            ("falls short", {"color": WORSE, "marker": "X", "linestyle": ""}),
            ("aim", {"color": INK, "marker": "|", "linestyle": ""}),
        ]
        legend(figure, entries)
    return figure


def _shortened(text: str) -> str:
    """Break a long line where the division stands."""
    return text if len(text) <= _LONGEST else text.replace(" ÷ ", "\n÷ ", 1)
