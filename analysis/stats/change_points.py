"""Where a series of measurements changes its level: advice on where to look, not a verdict.

Levels are found by PELT (Killick et al. 2012, as `ruptures` has it) with squared errors around the mean of each level.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from ruptures import KernelCPD

from analysis.stats.signed_rank import Array
from splitfed_core.records.metrics import ADDITIVE, MIN_EFFECT, Metric

_LEAST = 3
"""How many points make a level: one slow evening is not one."""

_PENALTY = 6.0
"""Price of a further level, times the logarithm of the number of points: see docs/ci.md for how often noise pays it."""


@dataclass(frozen=True)
class Change:
    """A change of level.

    Args:
        at: Place in the series of the first point of the new level.
        before: Median of the level before, in the metric's unit.
        after: Median of the new level.
        points: How many points the two levels are of.
        size: What it changed by: a share of the level before, of losses and accuracies the difference.
        worse: Whether it went the wrong way.
    """

    at: int
    before: float
    after: float
    points: tuple[int, int]
    size: float
    worse: bool


def find_changes(metric: Metric, values: Sequence[float], *, exact: bool = False) -> list[Change]:
    """Find the changes of level that are at least as large as a change of this kind has to be to matter.

    Where a metric is exact, it has no noise: every difference is a change.
    """
    series = np.asarray(values, dtype=float)
    ends = _steps(series) if exact else _levels(_comparable(metric, series), MIN_EFFECT[metric.kind])
    bounds = [0, *ends, len(series)]
    levels = [series[start:end] for start, end in pairwise(bounds)]
    changes = [_change(metric, at, before, after) for at, (before, after) in zip(ends, pairwise(levels), strict=True)]
    return [change for change in changes if exact or abs(change.size) >= MIN_EFFECT[metric.kind]]


def change_of(metric: Metric, before: float, after: float) -> float:
    """Return by what a metric changed: a share of `before` (NaN if it is 0), of losses and accuracies a difference."""
    if metric.kind in ADDITIVE:
        return after - before
    return after / before - 1 if before else float("nan")


def _steps(series: Array) -> list[int]:
    return [int(at) + 1 for at in np.flatnonzero(np.diff(series))]


def _comparable(metric: Metric, series: Array) -> Array:
    """Return a scale on which equal distances are equal changes: the logarithm, where there is one."""
    return series if metric.kind in ADDITIVE or (series <= 0).any() else np.log(series)


def _levels(series: Array, effect: float) -> list[int]:
    if len(series) < 2 * _LEAST:
        return []
    noise = max(float(np.median(np.abs(np.diff(series)))) / (0.6745 * np.sqrt(2)), effect / 3)
    found = KernelCPD(kernel="linear", min_size=_LEAST).fit(series / noise).predict(pen=_PENALTY * np.log(len(series)))
    return [int(end) for end in found[:-1]]


def _change(metric: Metric, at: int, before: Array, after: Array) -> Change:
    old, new = float(np.median(before)), float(np.median(after))
    worse = (new > old) == (metric.better == "lower")
    return Change(at, old, new, (len(before), len(after)), change_of(metric, old, new), worse)
