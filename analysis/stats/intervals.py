"""How sure a number is: 95 % t-intervals over repeats.

The independent unit is a repeat: steps and rounds of one repeat share processes and minute, so they never count.
"""

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

FEWEST = 3
"""No interval is given with fewer repeats."""

_NORMAL = 1.959964
"""Half the width of a 95 % interval, in standard deviations of a normal distribution."""


def interval(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return a mean and the reach of its 95 % t-interval: NaN with fewer than three values."""
    n = len(values)
    if n < FEWEST:
        return float(values.mean()) if n else math.nan, math.nan
    return float(values.mean()), float(stdtrit(n - 1, 0.975)) * float(values.std(ddof=1)) / math.sqrt(n)


def sampling(accuracy: npt.ArrayLike, examples: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the variance that the choice of test examples gives an accuracy; 0 where their number is not known (NaN).

    All repeats are tested on the same examples, so that more repeats do not make it smaller.
    """
    share = np.asarray(accuracy, dtype=float)
    return np.asarray(np.nan_to_num(share * (1 - share) / np.asarray(examples, dtype=float)))


def widened(reach: npt.ArrayLike, variance: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Widen the reach of a 95 % interval over repeats by another source of variance.

    For a difference of accuracies that is the sum of both sides' `sampling`: too wide where both miss the same
    examples, never too narrow.
    """
    return np.asarray(np.sqrt(np.asarray(reach, dtype=float) ** 2 + _NORMAL**2 * np.asarray(variance, dtype=float)))


def band(frame: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Return the mean over repeats at each `x` and its 95 % interval, empty with fewer than three repeats."""
    per_repeat = frame.groupby([x, "run", "repeat"])[[y]].mean().reset_index()
    stats: pd.DataFrame = per_repeat.groupby(x)[y].agg(["mean", "sem", "count"]).reset_index()
    factor = stdtrit(np.maximum(stats["count"] - 1, 1), 0.975)
    reach = np.where(stats["count"] >= FEWEST, factor * stats["sem"], np.nan)
    return stats.assign(low=stats["mean"] - reach, high=stats["mean"] + reach)


def log_band(frame: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Return the geometric mean and its 95 % interval at each `x`: what belongs on a logarithmic axis."""
    stats = band(frame.assign(**{y: np.log(frame[y])}), x, y)
    return stats.assign(**{name: np.exp(stats[name]) for name in ("mean", "low", "high")})
