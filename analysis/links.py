"""A prediction: what a step would take over slower links, from measured compute and counted bytes.

Loopback flatters early cuts: it moves megabytes in a millisecond. Over a link, a message takes its bits divided by the
bandwidth, or what loopback took if that is longer. Everything else of the step stays as measured. Left out: propagation
delay, loss, and clients that share a link.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.results import KEY, Results


@dataclass(frozen=True)
class Link:
    """A link by its bandwidth."""

    name: str
    bits_per_s: float


LINKS = (Link("1 Gbit/s", 1e9), Link("100 Mbit/s", 1e8), Link("10 Mbit/s", 1e7))


def predict(results: Results) -> pd.DataFrame:
    """Return the mean step time of each repeat of a cell by link: 0 is loopback as measured, then `LINKS` in order."""
    if results.phases.empty:
        return pd.DataFrame()
    means = results.phases.pivot_table(index=list(KEY), columns="phase", values="mean_s").reset_index()
    phases = [column for column in means if column not in KEY]
    frame = results.ok.merge(means.assign(measured_s=means[phases].sum(axis=1)), on=list(KEY), suffixes=("", "_phase"))
    axes = [axis for axis in results.axes if axis != "run"]
    kept = frame[[*KEY, *axes]]
    lines = [kept.assign(link=0, step_s=frame["measured_s"])]
    for place, link in enumerate(LINKS, start=1):
        step_s = frame["measured_s"] - frame["uplink_s"] - frame["downlink_s"]
        for way in ("uplink", "downlink"):
            step_s = step_s + np.maximum(frame[f"{way}_s"], frame[f"{way}_bytes_per_step"] * 8 / link.bits_per_s)
        lines.append(kept.assign(link=place, step_s=step_s))
    return pd.concat(lines, ignore_index=True).dropna(subset=["step_s"])
