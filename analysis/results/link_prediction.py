"""A prediction: what a round would take over slower links, from measured compute and counted bytes.

Loopback flatters early cuts: it moves megabytes in a millisecond. A round is the steps of a client, one after the
other, then its model to the fed server and back. Over a link, a message takes its bits divided by the bandwidth, or
what loopback took at its quickest if that is longer; so what clients of one host cost each other on the way is not in
it. Computing and waiting for the main server stay as measured. Clients work at the same time, each on a link of its
own; with `sl` they take turns. Left out: propagation delay and loss, changes of client, stragglers.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.results.load import KEY, Results
from splitfed_core.algorithms import trains_in_line


@dataclass(frozen=True)
class Link:
    """A link by its bandwidth."""

    name: str
    bits_per_s: float


LINKS = (Link("1 Gbit/s", 1e9), Link("100 Mbit/s", 1e8), Link("10 Mbit/s", 1e7))

_WAYS = ("uplink", "downlink")


def predict(results: Results) -> pd.DataFrame:
    """Return the step and the round of each repeat of a cell by link: 0 is loopback as measured, then `LINKS`.

    Columns: run, cell_id, repeat, the axes, `link`, `step_s`, `round_s`.
    """
    if results.phases.empty:
        return pd.DataFrame()
    frame = _parts(results)
    lines = [_line(results, frame, 0, frame["measured_s"], frame["aggregation_s"])]
    for place, link in enumerate(LINKS, start=1):
        step_s = frame["measured_s"] - frame["uplink_s"] - frame["downlink_s"]
        for way in _WAYS:
            sent_s = frame[f"{way}_bytes_per_step"] * 8 / link.bits_per_s
            step_s = step_s + sent_s.clip(lower=frame[f"least_{way}_s"])
        models_s = (frame["model_bytes"] * 8 / link.bits_per_s).clip(lower=frame["aggregation_s"])
        lines.append(_line(results, frame, place, step_s, models_s))
    return pd.concat(lines, ignore_index=True).dropna(subset=["step_s"])


def _parts(results: Results) -> pd.DataFrame:
    """Return what a round is made of, a line per repeat of a cell."""
    typical, least = (
        results.phases.pivot_table(index=list(KEY), columns="phase", values=name) for name in ("typical_s", "least_s")
    )
    phases = typical.assign(
        measured_s=typical.sum(axis=1), **{f"least_{way}_s": least[f"{way}_s"] for way in _WAYS}
    ).reset_index()
    frame = results.ok.merge(phases, on=list(KEY), suffixes=("", "_phase"))
    together = ~frame["algorithm"].map(trains_in_line).astype(bool) if "algorithm" in frame else True
    steps, sent = frame["steps"] / frame["rounds_done"], frame["model_bytes_per_round"]
    return frame.assign(
        aggregation_s=frame["aggregation_p50_s"].fillna(0.0),
        steps_in_turn=np.where(together, steps / frame["participants"], steps),
        model_bytes=np.where(together, sent / frame["participants"], sent),
    )


def _line(
    results: Results, frame: pd.DataFrame, place: int, step_s: "pd.Series[float]", models_s: "pd.Series[float]"
) -> pd.DataFrame:
    kept = frame[[*KEY, *(axis for axis in results.axes if axis not in KEY)]]
    return kept.assign(link=place, step_s=step_s, round_s=frame["steps_in_turn"] * step_s + models_s)
