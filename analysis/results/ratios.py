"""One value of an axis against another: paired ratios over cells that are alike in everything else."""

import math
from dataclasses import dataclass

import numpy as np

from analysis.results.load import Results
from analysis.stats.intervals import interval, sampling, widened
from analysis.text.units import span


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


def paired_ratio(results: Results, axis: str, value: object, base: object, name: str) -> Ratio | None:
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
