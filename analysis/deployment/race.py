"""Who is fastest under which condition: the numbers behind the maps and their sentences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from analysis.results.load import KEY, Results
from analysis.results.target_accuracy import reached
from analysis.stats.intervals import interval, sampling, widened
from analysis.text.parameters import Value

Verdict = Literal["fastest", "tied", "slower", "never"]

_SMALLEST = 0.02
"""A difference smaller than this matters to nobody."""

_UNSURE = 0.1
"""Without an interval, a difference must be larger than this to count."""

_SHORTEST_S = 1e-3  # a target that was reached within the warm-up took some time nevertheless


@dataclass(frozen=True)
class Runner:
    """One choice under one condition.

    Attributes:
        choice: Its value of the axis that is chosen.
        time_s: Geometric mean over repeats, and over cells alike in choice and condition; NaN if never there.
        ratio: Of its time to that of the fastest one, at least 1.
        low: Lower end of the 95 % interval of the ratio, NaN with fewer than three repeats.
        high: Upper end.
        verdict: `fastest`: alone; `tied`: it, or not clearly slower than it; `never`: some repeat never got there.
    """

    choice: Value
    time_s: float
    ratio: float
    low: float
    high: float
    verdict: Verdict


@dataclass(frozen=True)
class Points:
    """A difference of accuracies: mean and reach of its 95 % interval; NaN with fewer than three repeats."""

    mean: float
    reach: float

    @property
    def clear(self) -> bool:
        """Whether the interval leaves 0 on one side."""
        return abs(self.mean) > self.reach


def times_of(results: Results, name: str) -> pd.DataFrame:
    """Return a metric in seconds of every repeat of a cell as `time_s`, beside the axes."""
    return _by_repeat(results).assign(time_s=results.ok[name])


def times_to(results: Results, goal: float) -> pd.DataFrame:
    """Return the training time to an accuracy as `time_s`, beside the axes; NaN where a repeat never got there."""
    got = reached(results, goal)
    return got.assign(time_s=got["elapsed_s"].clip(lower=_SHORTEST_S))


def race(times: pd.DataFrame, axis: str, values: Sequence[Value], alike: Sequence[str]) -> list[Runner]:
    """Compare the values of an axis, repeat by repeat, in cells that are alike.

    A time is that of the fastest one, times the ratio of pairs: what one lacks makes no other look faster or slower.

    Args:
        times: `time_s` by repeats of cells, under one condition.
        axis: What is chosen.
        values: Its values, in order.
        alike: The axes in which cells are alike to be compared.
    """
    wide = times.pivot_table(index=[*alike, "run", "repeat"], columns=axis, values="time_s", dropna=False)
    there = [value for value in values if value in set(times[axis])]
    never = set(times.loc[times["time_s"].isna(), axis])
    running = [value for value in there if value not in never]
    logs = wide.reindex(columns=running).map(math.log, na_action="ignore").dropna(how="all")
    best = max(running, key=lambda one: min(_gap(logs, other, one)[0] for other in running), default=None)
    gaps = {value: _gap(logs, value, best) for value in running}
    slower = {value for value, gap in gaps.items() if _is_clear(*gap)}
    alone = len(slower) == len(running) - 1 > 0
    found = []
    for value in there:
        if value in never:
            found.append(Runner(value, math.nan, math.nan, math.nan, math.nan, "never"))
            continue
        gap, reach = gaps[value]
        verdict: Verdict = "slower" if value in slower else "fastest" if alone else "tied"
        time_s = math.exp(float(logs[best].mean()) + gap)
        found.append(Runner(value, time_s, math.exp(gap), math.exp(gap - reach), math.exp(gap + reach), verdict))
    return found


def _gap(logs: pd.DataFrame, value: Value, best: Value | None) -> tuple[float, float]:
    """Return by how much the logarithm of a time is behind another one, and the reach of its 95 % interval.

    Both are of the cells and repeats that both have; where there is none, nothing says who is faster.
    """
    by_repeat = (logs[value] - logs[best]).dropna().groupby(["run", "repeat"]).mean()
    return interval(by_repeat.to_numpy(dtype=float)) if len(by_repeat) else (0.0, math.inf)


def _is_clear(gap: float, reach: float) -> bool:
    least = math.log1p(_UNSURE if math.isnan(reach) else _SMALLEST)
    return gap >= least and not gap - reach <= 0


def accuracy_cost(results: Results, axis: str, value: Value, base: Value) -> Points | None:
    """Return by how much the final test accuracy of a value differs from that of another, in pairs of repeats."""
    alike = [other for other in results.axes if other not in (axis, "run")]
    wide = results.ok.pivot_table(index=[*alike, "run", "repeat"], columns=axis, values="final_eval_accuracy")
    if value not in wide or base not in wide or (pairs := wide[[value, base]].dropna()).empty:
        return None
    mean, reach = interval((pairs[value] - pairs[base]).groupby(["run", "repeat"]).mean().to_numpy(dtype=float))
    examples = float(results.ok["test_examples"].min())
    drawn = sum(float(sampling(float(pairs[side].mean()), examples)) for side in (value, base))
    return Points(mean, float(widened(reach, drawn)))


def conditions_of(times: pd.DataFrame, axis: str | None, values: Sequence[Value]) -> list[tuple[Value, pd.DataFrame]]:
    """Return the times under each value of an axis, in its order; all of them where none varies."""
    if axis is None:
        return [("", times)]
    return [(value, part) for value in values if len(part := times[times[axis] == value])]


def _by_repeat(results: Results) -> pd.DataFrame:
    return results.ok[[*KEY, *(axis for axis in results.palette if axis != "run")]]
