"""The figure of codecs: the bits that an element takes, how far it is off then, and the CPU time that costs."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.theme import GRID, PAPER, WIDTH, legend, note, themed
from analysis.own_cost.codec_prices import CodecPrice

_LOOKS = (("#0072b2", "o"), ("#d55e00", "s"), ("#1b8a6b", "^"))
"""Colour and marker of each cut."""

_NONE = 3e-5  # where what is not off at all is drawn


def draw_codecs(prices: Sequence[CodecPrice]) -> Figure:
    """Draw a line for each codec, and a dot for smashed data at each cut: hollow early in training, filled late."""
    shown = [price for price in prices if price.tensor != "gradient"]
    cuts = list(dict.fromkeys(price.cut for price in shown))
    first = {price.codec: price.bits for price in shown if (price.cut, price.when) == (cuts[0], "late")}
    order = sorted(first, key=lambda codec: first[codec])
    with themed():
        figure = Figure(figsize=(WIDTH, 1.6 + 0.22 * len(order)), layout="constrained")
        rate, distortion, time = figure.subplots(1, 3, sharey=True)
        for axes, value in ((rate, _bits), (distortion, _error), (time, _time)):
            axes.set_xscale("log")
            _dots(axes, shown, order, cuts, value)
            axes.grid(axis="both", color=GRID)
            axes.minorticks_off()
        rate.set_yticks(range(len(order)), order)
        rate.set_ylim(-0.6, len(order) - 0.4)
        _scale(rate, "bits of an element", {bits: f"{bits:g}" for bits in (0.5, 1, 2, 4, 8, 16, 32)})
        errors = {_NONE: "none", 1e-3: "0.1 %", 1e-2: "1 %", 1e-1: "10 %", 1.0: "100 %"}
        _scale(distortion, "error, relative to the whole", errors)
        _scale(time, "encode + decode, ns an element", {ns: f"{ns:g}" for ns in (1, 10, 100)})
        note(figure, "Smashed data of a batch of 128, real ones; CPU time late in training; left is better everywhere")
        looks: list[tuple[str, dict[str, object]]] = [
            (cut, {"color": colour, "marker": marker, "linestyle": ""})
            for cut, (colour, marker) in zip(cuts, _LOOKS, strict=False)
        ]
        hollow = {"marker": "o", "linestyle": "", "markerfacecolor": PAPER}
        legend(figure, [*looks, ("early in training", hollow), ("late", {"marker": "o", "linestyle": ""})])
    return figure


def _bits(price: CodecPrice) -> float:
    return price.bits


def _error(price: CodecPrice) -> float:
    return max(price.relative_error, _NONE)


def _time(price: CodecPrice) -> float | None:
    """Return none where nothing is copied, and early: time hardly depends on the values."""
    return None if price.codec == "raw" or price.when == "early" else price.nanoseconds


def _dots(
    axes: Axes,
    prices: Sequence[CodecPrice],
    order: Sequence[str],
    cuts: Sequence[str],
    value: Callable[[CodecPrice], float | None],
) -> None:
    """Draw the dots of a panel, the cuts of a codec a little apart."""
    for price in sorted(prices, key=lambda price: price.when):  # what is late lies on top
        place = value(price)
        if place is None:
            continue
        column = cuts.index(price.cut)
        colour, marker = _LOOKS[column % len(_LOOKS)]
        height = order.index(price.codec) + 0.22 * (1 - column)
        face = colour if price.when == "late" else PAPER
        axes.plot(place, height, color=colour, marker=marker, markerfacecolor=face, markersize=3.6, linestyle="")


def _scale(axes: Axes, label: str, ticks: dict[float, str]) -> None:
    axes.set_xlabel(label)
    axes.set_xticks(list(ticks), list(ticks.values()))
