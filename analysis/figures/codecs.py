"""What codecs save and cost: accuracy against bytes, compression over rounds, and below which bandwidth they pay."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.deployment.break_even import RAW, BreakEven, break_evens, codec_axis, compression
from analysis.deployment.emulated import link_rates
from analysis.figures import facets, theme
from analysis.figures import roles as layout
from analysis.figures.roles import NO_CHOICE, Choice, Roles
from analysis.figures.theme import NotShownError
from analysis.results.load import Results
from analysis.stats.intervals import band
from analysis.text.units import human, scale_for

_ACCURACY, _COMPRESSION = "test accuracy (%)", "times smaller than raw"
_MOST_LINKS = 4
_FAR = 5.0  # from here on a factor is shown on a logarithmic axis


def codecs(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw test accuracy over the bytes sent so far, and how many times smaller than raw the bytes of a round are."""
    axis = codec_axis(results)
    if axis is None:
        raise NotShownError("no codec varies")
    roles = layout.assign(results, {"hue": (axis,), "col": ("cut_layer", "algorithm")}, Choice(facet=choice.facet))
    smaller = compression(results, axis) if RAW in results.axes[axis] else results.rounds[:0].assign(times=[])
    evaluated = results.rounds.dropna(subset=["eval_accuracy"])
    rows = [_ACCURACY] * bool(len(evaluated)) + [_COMPRESSION] * bool(len(smaller))
    if not rows:
        raise NotShownError("no cell was evaluated, and none has codec raw to compare with")
    scale = scale_for("B", evaluated["total_bytes"])
    with theme.themed():
        figure, panels = facets.facets(results, roles, rows=rows, height=2.2, sharex=False)
        for panel in panels:
            by_bytes = panel.row == _ACCURACY
            frame = panel.pick(evaluated if by_bytes else smaller)
            for value in results.axes[axis]:
                paint, style = theme.colour(axis, value, results.palette), theme.line(axis, value, results.palette)
                mine = frame[frame[axis] == value]
                if by_bytes:
                    stats = band(mine.assign(y=100 * mine["eval_accuracy"]), "done", "y")
                    x = mine.groupby("done")["total_bytes"].mean().reindex(stats["done"]) * scale.factor
                else:
                    stats = band(mine, "done", "times")
                    x = stats["done"]
                panel.axes.plot(x, stats["mean"], lw=1.3, color=paint, ls=style)
                panel.axes.fill_between(x, stats["low"], stats["high"], color=paint, alpha=0.15, linewidth=0)
            panel.axes.set_ylabel(panel.row if panel.left else "")
            panel.axes.set_xlabel(f"sent so far ({scale.unit})" if by_bytes else "rounds done")
            if not by_bytes:
                if frame["times"].max() > _FAR * frame["times"].min():
                    facets.log_scale(panel.axes, "y", "")
                panel.axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        facets.close(panels)
        entries = [
            (results.names.word(axis, value), {"color": theme.colour(axis, value, results.palette),
             "linestyle": theme.line(axis, value, results.palette)})
            for value in results.axes[axis]
        ]  # fmt: skip
        theme.legend(figure, entries)
        theme.notes(figure, results, "bands: 95 % intervals over repeats", theme.averaged(results, roles))
    return figure


def break_even(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw below which bandwidth each codec pays, by cut and direction, beside the links that were run."""
    del choice
    found = break_evens(results)
    if not found:
        raise NotShownError("no codec can be compared with raw in cells alike in everything else")
    directions = [way for way in ("uplink", "downlink") if any(one.direction == way for one in found)]
    rows = list(dict.fromkeys((one.axis, one.codec, one.where) for one in found))
    low, high = _span(found, results, directions)
    with theme.themed():
        height = 0.24 * len(rows) + 0.55
        figure, panels = facets.facets(results, Roles(), cols=directions, height=height, sharey=True)
        for panel in panels:
            axes = panel.axes
            axes.set_xscale("log")
            axes.set_xlim(low, high)
            for one in (one for one in found if one.direction == panel.col):
                _line(axes, rows.index((one.axis, one.codec, one.where)), one, (low, high))
            _mark_links(axes, link_rates(results, panel.col), (low, high))
            facets.log_scale(axes, "x", "bit/s")
            axes.set_title("")
            axes.set_xlabel(f"bandwidth of the {panel.col}")
            axes.set_yticks(range(len(rows)), [_name(results, *row) for row in rows])
            axes.set_ylim(len(rows) - 0.4, -0.6)
        theme.legend(figure, _PAYS)
        several = [axis for axis in results.axes if axis not in (*(a for a, _, _ in rows), "run", *dict(rows[0][2]))]
        mean = f"mean over {', '.join(map(results.names.title, several))}" if several else ""
        theme.notes(figure, results, "left of the mark a codec pays, right of it raw is quicker", mean)
    return figure


_PAYS: list[theme.Entry] = [
    ("pays below", {"color": theme.BETTER, "marker": "o", "linestyle": "-"}),
    ("95 % interval", {"color": theme.INK, "linestyle": "-", "linewidth": 1.0}),
    ("pays always: no slower than raw", {"color": theme.BETTER, "marker": ">", "linestyle": ""}),
    ("pays never: no smaller", {"color": theme.WORSE, "marker": "x", "linestyle": ""}),
]


def _name(results: Results, axis: str, codec: object, where: tuple[tuple[str, object], ...]) -> str:
    own = results.names.tick(axis, codec) if axis == "codec" else results.names.word(axis, codec)
    return " · ".join([own, *(results.names.tick(name, value) for name, value in where)])


def _span(found: list[BreakEven], results: Results, directions: list[str]) -> tuple[float, float]:
    """Return the bandwidths that are drawn: all break-evens and all links, and room at both ends."""
    seen = [rate for one in found for rate in (one.bits_per_s, one.low, one.high) if 0 < rate < math.inf]
    seen += [rate for way in directions for rate in link_rates(results, way).values()]
    return (min(seen, default=1e6) / 3, max(seen, default=1e9) * 3)


def _line(axes: Axes, place: int, one: BreakEven, span: tuple[float, float]) -> None:
    left, right = span
    if one.pays == "never":
        axes.plot(left * 1.25, place, "x", color=theme.WORSE, ms=5)
        return
    end = min(one.bits_per_s, right / 1.25)
    axes.plot([left, end], [place, place], color=theme.BETTER, lw=4, alpha=0.35, solid_capstyle="butt")
    if one.low == one.low:
        axes.plot([max(one.low, left), min(one.high, right)], [place, place], color=theme.INK, lw=1.0)
    axes.plot(end, place, "o" if one.bits_per_s < math.inf else ">", color=theme.BETTER, ms=5)
    if one.bits_per_s < math.inf:
        axes.annotate(
            human(one.bits_per_s, "bit/s"), (end, place), (0, 5), textcoords="offset points", fontsize=6.5, ha="center"
        )


def _mark_links(axes: Axes, rates: dict[str, float], span: tuple[float, float]) -> None:
    for name, rate in list(rates.items())[:_MOST_LINKS]:
        if span[0] <= rate <= span[1]:
            axes.axvline(rate, color=theme.INK, lw=0.8, ls=":", zorder=0)
            axes.text(rate, 1.01, name, transform=axes.get_xaxis_transform(), fontsize=6.5, ha="center", va="bottom")
