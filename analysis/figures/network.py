"""What crosses the network: time and bytes of uplink and downlink, and throughput over rounds."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from analysis import layout
from analysis.figures import theme
from analysis.figures.learning import over
from analysis.figures.theme import NotShownError
from analysis.layout import NO_CHOICE, Choice
from analysis.load import Results
from analysis.units import human, scale_for

_WAYS = (("uplink", "uplink (smashed data)", theme.UP, "^"), ("downlink", "downlink (gradient)", theme.DOWN, "v"))


def network(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw mean time and bytes of uplink and downlink per step."""
    ok = results.ok
    if not ok[["uplink_bytes_per_step", "uplink_mean_s"]].notna().any(axis=None):
        raise NotShownError("no cell exchanges anything between clients and main server")
    roles = layout.assign(
        results.axes, {"x": ("cut_layer", "aggregation", "*"), "col": ("batch_size", "clients", "*")}, choice
    )
    columns = results.axes[roles.col] if roles.col else (None,)
    kinds = (("mean_s", "s", "mean time per step"), ("bytes_per_step", "B", "bytes per step"))
    with theme.themed():
        figure, grid = theme.panels(2, len(columns), height=2.0)
        for row, (suffix, unit, what) in zip(grid, kinds, strict=True):
            row[0].set_ylabel(what)
            for panel, value in zip(row, columns, strict=True):
                frame = ok if value is None else ok[ok[roles.col] == value]
                _bars(panel, frame, suffix, unit, results, roles.x)
        for panel, value in zip(grid[0], columns, strict=True):
            panel.set_title("" if value is None else layout.word(roles.col or "", value))
        theme.legend(figure, [(text, {"facecolor": paint}) for _, text, paint, _ in _WAYS], patches=True)
        theme.note(figure, theme.averaged(roles))
    return figure


def _bars(panel: Axes, frame: pd.DataFrame, suffix: str, unit: str, results: Results, x: str | None) -> None:
    """Draw a pair of bars per value of `x`, with the number on each."""
    values = results.axes[x] if x else ("",)
    scale = scale_for(unit, results.ok[f"uplink_{suffix}"])
    for shift, (way, _, paint, _) in zip((-0.2, 0.2), _WAYS, strict=True):
        means = [(frame if not x else frame[frame[x] == value])[f"{way}_{suffix}"].mean() for value in values]
        bars = panel.bar([i + shift for i in range(len(values))], [m * scale.factor for m in means], 0.38, color=paint)
        panel.bar_label(bars, [human(m, unit).replace(" ", "\n") for m in means], fontsize=6.5, padding=1)
    panel.set_xticks(range(len(values)), [str(value) for value in values])
    panel.set_xlabel(layout.title(x) if x else "")
    panel.margins(y=0.25)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda y, _: human(y / scale.factor, unit) if y else "0"))


def network_over_rounds(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw network throughput by round, with and without aggregation."""
    frame = results.rounds
    if "network_kbit_per_s" not in frame or frame["network_kbit_per_s"].isna().all():
        raise NotShownError("no cell exchanges anything between clients and main server")
    scale = scale_for("kbit/s", frame["network_kbit_per_s"])
    frame = frame.assign(y=frame["network_kbit_per_s"] * scale.factor).dropna(subset=["y"])
    roles = layout.assign(
        results.axes, {"hue": ("aggregation", "*"), "col": ("cut_layer", "*"), "row": ("batch_size", "*")}, choice
    )
    return over(results, frame, ("round", "round"), ("y", f"throughput ({scale.unit})"), roles)
