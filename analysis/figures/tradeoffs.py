"""What a choice costs: the effect of each axis on each metric, and any metric over two axes."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.figures import facets, theme
from analysis.figures import roles as layout
from analysis.figures.roles import NO_CHOICE, Choice, Roles
from analysis.figures.theme import NotShownError
from analysis.results.load import Results
from analysis.results.ratios import Ratio, paired_ratio
from analysis.text.parameters import NOTHING
from analysis.text.units import digits, scale_for
from splitfed_core.records.metrics import Metric, metric

_EFFECTS = ("step_p50_s", "samples_per_s", "bytes_per_round", "final_eval_loss")
_MOST = 14
_SMALLEST = 0.01


def effects(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw what each step along an axis does to latency, throughput, bytes and loss, with 95 % intervals."""
    names = (choice.metric,) if choice.metric else _EFFECTS
    contrasts = [c for c in _contrasts(results) if any(paired_ratio(results, *c, name) for name in names)][:_MOST]
    measures = [m for m in map(metric, names) if any(paired_ratio(results, *c, m.name) for c in contrasts)]
    if not contrasts or not measures:
        raise NotShownError("no two cells differ in one axis alone, so no choice can be compared with another")
    with theme.themed():
        figure, panels = facets.facets(
            results,
            Roles(),
            cols=[_heading(m) for m in measures],
            height=0.27 * len(contrasts) + 0.5,
            sharex=False,
            sharey=True,
        )
        for panel, measure in zip(panels, measures, strict=True):
            _forest(panel.axes, results, contrasts, measure)
            panel.label("", "ratio")
        panels[0].axes.set_yticks(range(len(contrasts)), [_versus(results, *contrast) for contrast in contrasts])
        panels[0].axes.set_ylim(len(contrasts) - 0.4, -0.6)
        theme.legend(figure, _VERDICTS)
        theme.notes(figure, results, host=True)
    return figure


_VERDICTS: list[theme.Entry] = [
    ("better", {"color": theme.BETTER, "marker": "o"}),
    ("worse", {"color": theme.WORSE, "marker": "s"}),
    ("no clear difference", {"color": theme.UNCLEAR, "marker": "D"}),
]


def _contrasts(results: Results) -> list[tuple[str, object, object]]:
    """Return what is compared: each value of an axis with its first one; aggregation on with off."""
    found: list[tuple[str, object, object]] = []
    for axis in sorted(results.axes, key=layout.reader_rank):
        values = [value for value in results.axes[axis] if value != NOTHING]
        base, *others = reversed(values) if axis == "aggregation" else values
        found += [(axis, value, base) for value in others]
    return found


def _versus(results: Results, axis: str, value: object, base: object) -> str:
    """Name a contrast: `cut dense1 vs conv1`."""
    return f"{results.names.word(axis, value)} vs {results.names.tick(axis, base)}"


def _heading(measure: Metric) -> str:
    arrow = "→ better" if measure.better == "higher" else "← better"
    return f"{measure.title.lower().removesuffix(', median')}\n({arrow})"


def _forest(axes: Axes, results: Results, contrasts: list[tuple[str, object, object]], measure: Metric) -> None:
    """Draw the ratio of each contrast with its interval, and its value at the right."""
    far = math.log(2)
    for place, (axis, value, base) in enumerate(contrasts):
        ratio = paired_ratio(results, axis, value, base, measure.name)
        if ratio is None:
            continue
        paint, shape = _verdict(ratio, measure)
        if not math.isnan(ratio.low):
            axes.plot([ratio.low, ratio.high], [place, place], color=paint, lw=1.5)
        axes.plot(ratio.ratio, place, shape, color=paint, ms=5)
        at_right = axes.get_yaxis_transform()
        axes.text(0.99, place, f"{digits(ratio.ratio)}×", ha="right", va="center", fontsize=7, transform=at_right)
        far = max(far, *(abs(math.log(v)) for v in (ratio.ratio, ratio.low, ratio.high) if v > 0))
    axes.axvline(1, color=theme.INK, lw=0.8)
    _ratio_axis(axes, far)


def _verdict(ratio: Ratio, measure: Metric) -> tuple[str, str]:
    """Choose colour and mark: a difference under 1 %, or one whose interval crosses 1, is not clear."""
    if abs(ratio.ratio - 1) < _SMALLEST or not (ratio.clear or measure.exact):
        return theme.UNCLEAR, "D"
    good = (ratio.ratio > 1) == (measure.better == "higher")
    return (theme.BETTER, "o") if good else (theme.WORSE, "s")


def _ratio_axis(axes: Axes, far: float) -> None:
    """Scale an axis of ratios: logarithmic, few ticks, room for the values at the right."""
    axes.set_xscale("log")
    axes.set_xlim(math.exp(-1.15 * far), math.exp(2.1 * far))
    step = next((step for step in (2, 5, 10, 100) if math.log(step) >= 0.6 * far), 1000)
    axes.set_xticks([1 / step, 1, step], [f"1/{step}", "1×", f"{step}×"])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(visible=True, axis="x")


def heatmap(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw a metric over two axes."""
    import seaborn as sns  # here: it brings scipy.stats, 0.7 s of processor time, and no other figure needs it

    if len(results.axes) < 2:
        raise NotShownError("a heat map needs a grid with two axes or more")
    measure = metric(choice.metric or "samples_per_s")
    if results.ok[measure.name].isna().all():
        raise NotShownError(f"no cell has {measure.name}")
    parts = {"x": ("clients", "*"), "y": ("cut_layer", "*"), "col": ("batch_size", "*")}
    roles = layout.assign(results, parts, choice)
    scale = scale_for(measure.unit, results.ok[measure.name])
    cells = results.ok.assign(shown=results.ok[measure.name] * scale.factor)
    low, high = cells.groupby(list(roles.used))["shown"].mean().agg(["min", "max"])
    with theme.themed():
        y = roles.y or ""
        shown = Roles(col=roles.col)
        figure, panels = facets.facets(
            results, shown, height=0.42 * len(results.axes[y]) + 0.5, sharex=False, sharey=True
        )
        for panel in panels:
            table = panel.pick(cells).pivot_table(index=y, columns=roles.x, values="shown", observed=True)
            table = table.reindex(index=list(results.axes[y]), columns=list(results.axes[roles.x or ""]))
            notes = table.map(lambda value: "" if np.isnan(value) else digits(value))
            look = {"cmap": "cividis", "cbar": False, "linewidths": 1, "linecolor": theme.PAPER}
            sns.heatmap(table, ax=panel.axes, vmin=low, vmax=high, annot=notes, fmt="", **look)
            panel.axes.grid(visible=False)
            panel.axes.set_xticks(panel.axes.get_xticks(), facets.ticks(results, roles.x))
            panel.axes.set_yticks(np.arange(table.shape[0]) + 0.5, facets.ticks(results, y))
            panel.axes.tick_params(length=0, rotation=0, labelleft=panel.left)
            panel.label(results.names.label(y), results.names.label(roles.x or ""))
            panel.axes.set_ylabel(results.names.label(y) if panel.left else "")
        what = f"{measure.title.lower()}{f' ({scale.unit})' if scale.unit else ''}, {measure.better} is better"
        theme.notes(figure, results, what, theme.averaged(results, roles))
    return figure
