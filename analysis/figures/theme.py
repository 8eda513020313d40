"""How all figures look: one colour for one meaning, legends outside the data, units on every axis, no empty panel."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.figures import roles as layout
from analysis.results.axes import Axes as GridAxes
from analysis.results.load import Results
from splitfed_core.errors import DataError

INK, GRID, PAPER = "#1b1f24", "#d5dae0", "#fefefe"
"""Text, grid lines, background: the page replaces these three by its own, so figures follow light and dark."""

ON, OFF = "#0072b2", "#d55e00"
UP, DOWN = "#7b5ea7", "#c2568f"
PHASE_COLOURS = {
    "client_forward_s": "#1b9e77",
    "encode_s": "#a6a6a6",
    "uplink_s": UP,
    "server_decode_s": "#8c8c8c",
    "server_queue_s": "#e0b04a",
    "server_compute_s": "#b8742a",
    "server_encode_s": "#747474",
    "downlink_s": DOWN,
    "decode_s": "#bdbdbd",
    "client_backward_s": "#56b893",
}
BETTER, WORSE, UNCLEAR = "#1b8a6b", "#c2571a", "#8a8f98"
TRAIN, WAIT = "#2f8f5b", "#e0b04a"
ROLE_COLOURS = {"clients": "#2f8f5b", "main_server": "#b8742a", "fed_server": "#7b5ea7"}
_NAMED = ("#604c9e", "#60ae13", "#689ed3", "#894c0f", "#3e8282", "#9e50eb", "#c2568f", "#7f7f7f")
_NUMBERED = ("#8a3ab9", "#b98a12", "#3d6b4f", "#c07caf", "#4f8fa8", "#894c0f", "#7f7f7f", "#6b8e23")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_LINES = ("-", "--", ":", "-.")
WIDTH = 7.4
_NOTE = 125  # characters of a line above the panels
_CHARACTERS = 105  # of a legend's size, across a figure

Entry = tuple[str, dict[str, Any]]

_RC: Any = {
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "path",
    "text.parse_math": False,  # names come from run directories: a dollar in one is a dollar
}


class NotShownError(DataError):
    """A figure has nothing to show; the text is the reason that the report gives."""


@contextmanager
def themed() -> Iterator[None]:
    """Draw with the look of all our figures, whatever the user's own settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        yield


def colour(axis: str | None, value: object, axes: GridAxes) -> str:
    """Return the one colour that a value of an axis has in every figure."""
    if axis == "aggregation":
        return {"on": ON, "off": OFF}.get(str(value), UNCLEAR)
    if axis is None or value not in axes[axis]:
        return ON
    palette = _NUMBERED if isinstance(value, int | float) else _NAMED
    return palette[axes[axis].index(value) % len(palette)]


def marker(axis: str | None, value: object, axes: GridAxes) -> str:
    """Return the marker of a value, so that colour is never the only difference."""
    return _MARKERS[axes[axis].index(value) % len(_MARKERS)] if axis else "o"


def line(axis: str | None, value: object, axes: GridAxes) -> str:
    """Return the line style of a value."""
    return _LINES[axes[axis].index(value) % len(_LINES)] if axis else "-"


def legend(figure: Figure, entries: Sequence[Entry], *, patches: bool = False, columns: int = 5) -> None:
    """Put one legend below the panels, never on the data; each entry is a text and the line's properties."""
    handles: list[Artist] = [
        Patch(label=text, **look) if patches else Line2D([], [], label=text, **{"color": INK, **look})
        for text, look in entries
    ]
    if handles:
        columns = _columns([text for text, _ in entries], columns)
        figure.legend(
            handles=_across(handles, columns),
            loc="outside lower center",
            ncols=columns,
            handlelength=2.2,
            columnspacing=1.4,
        )


def _columns(texts: Sequence[str], most: int) -> int:
    """Return in how many columns, as even as can be, a legend fits the figure."""

    def width(columns: int) -> int:
        return sum(max(len(text) for text in texts[column::columns]) + 6 for column in range(columns))

    fitting = [columns for columns in range(1, min(most, len(texts)) + 1) if width(columns) <= _CHARACTERS]
    lines = -(-len(texts) // max(fitting, default=1))
    return -(-len(texts) // lines)


def _across(handles: list[Artist], columns: int) -> list[Artist]:
    """Order legend entries so that they read line by line: matplotlib fills column by column."""
    return [handle for column in range(columns) for handle in handles[column::columns]]


def keys(results: Results, hue: str | None, style: str | None, *, markers: bool = True) -> list[Entry]:
    """Return the legend entries of a colour axis and a line-style axis."""
    entries: list[Entry] = []
    if hue:
        for value in results.axes[hue]:
            shape = marker(hue, value, results.palette) if markers else ""
            entries += [
                (results.names.word(hue, value), {"color": colour(hue, value, results.palette), "marker": shape})
            ]
    if style:
        for value in results.axes[style]:
            entries += [(results.names.word(style, value), {"linestyle": line(style, value, results.palette)})]
    return entries


def note(figure: Figure, text: str) -> None:
    """Say above the panels under which conditions the numbers hold."""
    if text:
        figure.suptitle(textwrap.fill(text, _NOTE), x=0.005, ha="left", fontsize=8)


def notes(figure: Figure, results: Results, *texts: str, host: bool = False) -> None:
    """Say the conditions that there are; with `host` also in which cells clients waited for a process of this host."""
    notes = [text for text in texts if text]
    crowded = (
        results.ok.loc[results.ok["crowded"], ["clients", "workers_used"]].drop_duplicates().sort_values("clients")
    )
    if host and len(crowded):
        which = ", ".join(f"{clients} in {workers:.0f}" for clients, workers in crowded.itertuples(index=False))
        notes.append(f"clients in fewer workers ({which}): latency, queue and stragglers are those of the host")
    note(figure, " · ".join(notes))


def averaged(results: Results, roles: layout.Roles) -> str:
    """Say over which axes a figure averages, if any."""
    return f"mean over {', '.join(results.names.title(axis) for axis in roles.rest)}" if roles.rest else ""
