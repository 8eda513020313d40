"""How sure a number is: 95 % t-intervals over repeats, and paired ratios between values of an axis.

The independent unit is a repeat: steps and rounds of one repeat share processes and minute, so they never count.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

from analysis.results import Results
from analysis.units import span

FEWEST = 3
"""No interval is given with fewer repeats."""

_NORMAL = 1.959964
"""Half the width of a 95 % interval, in standard deviations of a normal distribution."""


@dataclass(frozen=True)
class Ratio:
    """One value of an axis over another: geometric mean of paired ratios, and its 95 % interval over repeats."""

    ratio: float
    low: float
    high: float
    cells: int
    repeats: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves 1 on one side."""
        return self.low > 1 or self.high < 1

    @property
    def basis(self) -> str:
        """What the ratio rests on."""
        pairs = f"{self.cells} pair{'s' * (self.cells != 1)} of cells"
        return f"{pairs} and {self.repeats} repeat{'s' * (self.repeats != 1)}"

    def sure(self) -> str:
        """Say how sure the ratio is."""
        if math.isnan(self.low):
            return f"from {self.basis}, too few for an interval"
        return f"95 % interval {span(self.low, self.high)}×, from {self.basis}"

    def inverse(self) -> "Ratio":
        """Return the ratio the other way round."""
        return Ratio(1 / self.ratio, 1 / self.high, 1 / self.low, self.cells, self.repeats)


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


def compare(results: Results, axis: str, value: object, base: object, name: str) -> Ratio | None:
    """Compare a metric of two values of an axis over cells alike in everything else, repeat by repeat.

    Returns:
        `value` ÷ `base`, or nothing where no two cells are alike, the metric is not positive, or it does not mean the
        same in both of two runs.
    """
    if axis == "run" and results.definitions(value, name) != results.definitions(base, name):
        return None
    others = [other for other in results.axes if other not in (axis, "run")]
    runs = ["run"] if "run" in results.axes and axis != "run" else []
    keys = [*others, *runs, "repeat"]
    frame = results.ok[results.ok[name] > 0]
    pairs = frame[frame[axis] == value].merge(frame[frame[axis] == base], on=keys, suffixes=("", "_base"))
    if pairs.empty:
        return None
    logs = pairs.assign(log=np.log(pairs[name] / pairs[f"{name}_base"]))
    per_repeat = logs.groupby([*runs, "repeat"])["log"].mean()
    mean, reach = interval(per_repeat.to_numpy(dtype=float))
    if name == "final_eval_accuracy":  # of a logarithm the variance is relative
        sides = [(pairs[f"{name}{side}"].mean(), pairs[f"test_examples{side}"].min()) for side in ("", "_base")]
        reach = float(widened(reach, sum(sampling(share, count) / share**2 for share, count in sides)))
    cells = len(pairs[others].drop_duplicates()) if others else 1
    return Ratio(math.exp(mean), math.exp(mean - reach), math.exp(mean + reach), cells, len(per_repeat))


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
