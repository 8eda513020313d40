"""Where a step's time goes: its phases, and how its length is spread."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import facets, theme
from analysis.figures import roles as layout
from analysis.figures.roles import NO_CHOICE, Choice, Roles
from analysis.figures.theme import NotShownError
from analysis.results.load import Results
from analysis.text.units import scale_for
from splitfed_core.records.rows import PHASES

_BARS = 8  # bars in a panel that can still be told apart at a glance
_NAMES = {
    "client_forward_s": "client forward",
    "encode_s": "client encode",
    "uplink_s": "uplink",
    "server_decode_s": "server decode",
    "server_queue_s": "wait for server",
    "server_compute_s": "server compute",
    "server_encode_s": "server encode",
    "downlink_s": "downlink",
    "decode_s": "client decode",
    "client_backward_s": "client backward",
}

Bars = Sequence[tuple[str, pd.DataFrame]]


def phases(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw the phases of a step as stacked bars, in milliseconds and as shares."""
    if results.phases.empty:
        raise NotShownError("no cell has an exchange with a main server, so a step has no phases")
    results = results.having("uplink_mean_s")
    facet, inner, note = _parts(results, choice)
    scale = scale_for("s", results.ok["step_p50_s"])
    columns = (f"mean of the middle half of the steps ({scale.unit})", "share of the step (%)")
    height = 0.21 * len(facets.combinations(results, inner)) + 0.4
    with theme.themed():
        figure, panels = facets.facets(
            results, Roles(row=facet), cols=columns, height=height, sharex="col", sharey="row"
        )
        for panel in panels:
            bars = [bar for bar in _bars(panel, results.phases, results, inner) if len(bar[1])]
            _stack(panel.axes, bars, scale.factor, share=not panel.left)
            panel.label("", panel.col)
            panel.axes.set_title("")
        theme.legend(
            figure, [(_NAMES[phase], {"facecolor": theme.PHASE_COLOURS[phase]}) for phase in PHASES], patches=True
        )
        theme.notes(figure, results, note, host=True)
    return figure


def _parts(results: Results, choice: Choice) -> tuple[str | None, tuple[str, ...], str]:
    """Give one axis to the panels and as many of the others as fit to the bars in them; the rest is averaged over."""
    parts = {"col": ("cut_layer", "*")} if len(results.axes) > 1 or choice.facet else {}
    roles = layout.assign(results, parts, Choice(facet=choice.facet))
    inner = facets.fit(results, roles.rest, "step_p50_s", _BARS)
    return (
        roles.col,
        inner,
        theme.averaged(results, Roles(rest=tuple(axis for axis in roles.rest if axis not in inner))),
    )


def _bars(panel: facets.Panel, frame: pd.DataFrame, results: Results, inner: Sequence[str]) -> Bars:
    """Return the label and the rows of each bar of a panel, the last one first: bars are drawn from below."""
    mine = panel.pick(frame)
    parts = [(results.names.words(v, inner), facets.only(mine, v)) for v in facets.combinations(results, inner)]
    return list(reversed(parts))


def _stack(axes: Axes, bars: Bars, factor: float, *, share: bool) -> None:
    for place, (_, part) in enumerate(bars):
        means = part.groupby("phase")["typical_s"].mean().reindex(list(PHASES)).fillna(0.0)
        widths = means / means.sum() * 100 if share else means * factor
        left = 0.0
        for phase, width in widths.items():
            axes.barh(place, width, left=left, height=0.78, color=theme.PHASE_COLOURS[str(phase)])
            left += width
    _rows(axes, bars)


def latency(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw the spread of the step time: quartiles, and those percentiles that there are enough steps for."""
    if results.latency.empty:
        raise NotShownError("no cell has timed steps")
    facet, inner, note = _parts(results, choice)
    scale = scale_for("s", results.latency["step_s"])
    height = 0.26 * len(facets.combinations(results, inner)) + 0.5
    with theme.themed():
        figure, panels = facets.facets(results, Roles(col=facet), height=height, sharey=True)
        for panel in panels:
            bars = _bars(panel, results.latency, results, inner)
            for place, (_, part) in enumerate(bars):
                _spread(panel.axes, place, part.groupby("q")["step_s"].mean() * scale.factor)
            _rows(panel.axes, bars)
            panel.label("", f"step latency ({scale.unit})")
        facets.close(panels, zero="x")
        theme.legend(figure, _SPREAD_KEY)
        theme.notes(figure, results, note, host=True)
    return figure


_SPREAD_KEY: list[theme.Entry] = [
    ("5th–95th percentile", {"linewidth": 1.2}),
    ("quartiles", {"linewidth": 5}),
    ("median", {"linestyle": "", "marker": "o", "markerfacecolor": theme.PAPER, "markersize": 5}),
    ("95th percentile", {"linestyle": "", "marker": "|", "markersize": 8}),
    ("99th percentile", {"linestyle": "", "marker": "D", "markersize": 4}),
]


def _spread(axes: Axes, place: int, at: "pd.Series[float]") -> None:
    """Draw the percentiles there are."""
    for low, high, width in ((0.05, 0.95, 1.2), (0.25, 0.75, 5.0)):
        if low in at and high in at:
            axes.plot([at[low], at[high]], [place, place], color=theme.INK, lw=width, solid_capstyle="butt")
    for q, shape, size in ((0.95, "|", 8), (0.99, "D", 4), (0.5, "o", 5)):
        if q in at:
            axes.plot(at[q], place, shape, color=theme.INK, mfc=theme.PAPER if q == 0.5 else theme.INK, ms=size)


def _rows(axes: Axes, bars: Bars) -> None:
    """Name the rows of a panel."""
    axes.set_yticks(range(len(bars)), [text for text, _ in bars])
    axes.set_ylim(-0.6, len(bars) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
