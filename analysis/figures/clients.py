"""Client by client and role by role: whose time, whose memory, whose data."""

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import facets, theme
from analysis.figures import roles as layout
from analysis.figures.roles import NO_CHOICE, Choice
from analysis.figures.theme import NotShownError
from analysis.results.load import Results
from analysis.text.units import scale_for

_MOST_BARS = 60
_MOST_PARTITIONS = 40
_MOST_LABELS = 12
_LABEL_COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
"""Petroff's ten colours, made to be told apart with any kind of colour vision."""


def stragglers(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw how long each client trains in a round, and how long it then waits for the others."""
    if results.clients.empty:
        raise NotShownError("no cell has rows of its clients")
    roles = layout.assign(results, {"col": ("clients", "aggregation", "*")}, Choice(facet=choice.facet))
    where = facets.middle(results, roles.rest)
    frame = facets.only(results.clients, where)
    scale = scale_for("s", frame["local_s"])
    with theme.themed():
        figure, panels = facets.facets(results, roles, height=2.6, frame=frame, sharex=False)
        for panel in panels:
            means = panel.pick(frame).groupby("client_id")[["local_s", "wait_s"]].mean().fillna(0.0) * scale.factor
            _rounds(panel, means)
            panel.label(f"median time in a round ({scale.unit})", "client")
        facets.close(panels)
        theme.legend(
            figure,
            [("trains", {"facecolor": theme.TRAIN}), ("waits for aggregation", {"facecolor": theme.WAIT})],
            patches=True,
        )
        theme.notes(figure, results, results.names.words(where, where) if where else "", host=True)
    return figure


def _rounds(panel: facets.Panel, means: pd.DataFrame) -> None:
    """Draw bars, or the outline of bars where there are too many clients to tell apart (the slowest first, then)."""
    if means.empty:
        return
    axes, places = panel.axes, range(len(means))
    if len(means) <= _MOST_BARS:
        axes.bar(places, means["local_s"], color=theme.TRAIN)
        axes.bar(places, means["wait_s"], bottom=means["local_s"], color=theme.WAIT)
        panel.ticks([f"{client:.0f}" for client in means.index])
    else:
        ordered = means.sort_values("local_s", ascending=False)
        edges = np.arange(len(ordered) + 1)
        axes.stairs(ordered["local_s"] + ordered["wait_s"], edges, fill=True, color=theme.WAIT)
        axes.stairs(ordered["local_s"], edges, fill=True, color=theme.TRAIN)
    axes.axhline(float(means["local_s"].median()), color=theme.INK, lw=0.8, ls=":")


def resources(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw processor time and memory of clients, main server and fed server."""
    asked = {"processor time of a round": ("cpu_s", "s"), "peak memory": ("rss_bytes", "B")}
    used = {row: [role for role in theme.ROLE_COLOURS if _known(results, role, of)] for row, (of, _) in asked.items()}
    rows = {row: of for row, of in asked.items() if used[row]}  # memory is known where cells have fresh processes
    if not rows:
        raise NotShownError("no cell has recorded processor time and memory")
    roles_used = [role for role in theme.ROLE_COLOURS if any(role in some for some in used.values())]
    parts = {"x": ("clients", "batch_size", "*"), "col": ("cut_layer", "*")}
    roles = layout.assign(results, parts, choice)
    with theme.themed():
        figure, panels = facets.facets(results, roles, rows=list(rows), height=1.9)
        for panel in panels:
            suffix, unit = rows[panel.row]
            names = [f"{role}_{suffix}" for role in used[panel.row]]
            scale = scale_for(unit, results.ok[names].sum(axis=1))
            values = results.axes[roles.x] if roles.x else ("",)
            below = np.zeros(len(values))
            for role, name in zip(used[panel.row], names, strict=True):
                found = [
                    facets.only(panel.pick(results.ok), {roles.x: v} if roles.x else {})[name].mean() * scale.factor
                    for v in values
                ]
                heights = np.nan_to_num(np.array(found, dtype=float))
                panel.axes.bar(range(len(values)), heights, 0.6, bottom=below, color=theme.ROLE_COLOURS[role])
                below = below + heights
            panel.ticks(facets.ticks(results, roles.x))
            panel.label(f"({scale.unit})", results.names.label(roles.x) if roles.x else "")
        theme.legend(
            figure,
            [(role.replace("_", " "), {"facecolor": theme.ROLE_COLOURS[role]}) for role in roles_used],
            patches=True,
        )
        theme.note(figure, theme.averaged(results, roles))
    return figure


def _known(results: Results, role: str, suffix: str) -> bool:
    """Tell whether some cell has this number of a role."""
    return bool(results.ok.get(f"{role}_{suffix}", pd.Series(dtype=float)).notna().any())


def label_counts(results: Results, choice: Choice = NO_CHOICE) -> Figure:
    """Draw how many examples of each label each client holds."""
    if results.labels.empty:
        raise NotShownError("no cell has saved its label counts")
    roles = layout.assign(results, {"col": ("partitioner", "clients")}, Choice(facet=choice.facet))
    where = facets.middle(results, roles.rest)
    frame = facets.only(results.labels, where)
    many = frame["label"].nunique() > _MOST_LABELS
    with theme.themed():
        figure, panels = facets.facets(results, roles, height=2.9, frame=frame, sharex=False)
        for panel in panels:
            mine = panel.pick(frame)
            if len(mine):
                _deal(panel.axes, mine[mine["repeat"] == mine["repeat"].min()], heat=many)
            panel.label("training examples" if not many else "client", "client" if not many else "label")
        facets.close(panels)
        if not many:
            handles, texts = panels[0].axes.get_legend_handles_labels()
            figure.legend(handles[::-1], texts[::-1], title="label", loc="outside right center")
        where.pop("aggregation", None)  # the data are dealt alike
        theme.note(figure, "repeat 0" if frame["repeat"].nunique() > 1 else "")
    return figure


def _deal(axes: Axes, counts: pd.DataFrame, *, heat: bool) -> None:
    """Draw one deal: a bar per client, stacked by label; a map of them where labels are too many for colours."""
    names = sorted(
        counts["label"].unique(), key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name)
    )
    held = counts.pivot_table(index="client_id", columns="label", values="examples", aggfunc="sum", fill_value=0)
    held = held.reindex(columns=names).head(_MOST_PARTITIONS)
    clients = [str(client) for client in held.index]
    if heat:
        shown = axes.imshow(held.T.to_numpy(), cmap="cividis", aspect="auto", interpolation="nearest")
        axes.set_xticks(range(len(clients)), clients)
        axes.set_yticks(range(len(names)), names)
        axes.grid(visible=False)
        axes.figure.colorbar(shown, ax=axes, label="training examples")
        return
    below = np.zeros(len(held))
    for name, colour in zip(names, itertools.cycle(_LABEL_COLOURS), strict=False):
        axes.bar(clients, held[name], 0.6, bottom=below, label=name, color=colour)
        below = below + held[name].to_numpy()
