"""What the numbers say, in words: each finding is computed from the data and says how sure it is."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

from analysis import layout
from analysis.load import Results
from analysis.units import digits, human


@dataclass(frozen=True)
class Finding:
    """A sentence, and how sure it is."""

    headline: str
    sure: str


@dataclass(frozen=True)
class Ratio:
    """One value of an axis against another: geometric mean of paired ratios, and its 95 % interval over repeats."""

    ratio: float
    low: float
    high: float
    cells: int
    repeats: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves 1 on one side."""
        return self.low > 1 or self.high < 1

    def sure(self) -> str:
        """Say how sure the ratio is."""
        basis = f"{self.cells} paired cell{'s' * (self.cells != 1)}, {self.repeats} repeat{'s' * (self.repeats != 1)}"
        if math.isnan(self.low):
            return f"{basis}: too few repeats for an interval"
        return f"95 % interval {digits(self.low)}–{digits(self.high)}×, from {basis}"


def compare(results: Results, axis: str, value: object, base: object, name: str) -> Ratio | None:
    """Compare a metric of two values of an axis over cells that are alike in everything else, repeat by repeat."""
    others = [other for other in results.axes if other not in (axis, "run")]
    keys = [*others, "run", "repeat"]
    frame = results.ok[results.ok[name] > 0]
    pairs = frame[frame[axis] == value].merge(frame[frame[axis] == base], on=keys, suffixes=("", "_base"))
    if pairs.empty:
        return None
    logs = pairs.assign(log=np.log(pairs[name] / pairs[f"{name}_base"]))
    by_repeat = logs.groupby(["run", "repeat"])["log"].mean()
    n = len(by_repeat)
    mean, reach = interval(by_repeat.to_numpy(dtype=float))
    return Ratio(
        math.exp(mean), math.exp(mean - reach), math.exp(mean + reach), len(pairs.groupby(others or ["run"])), n
    )


def interval(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return a mean and the reach of its 95 % t-interval, NaN with fewer than three values."""
    n = len(values)
    reach = float(stdtrit(n - 1, 0.975)) * float(values.std(ddof=1)) / math.sqrt(n) if n >= 3 else math.nan
    return float(values.mean()), reach


def findings(results: Results) -> list[Finding]:
    """Return the headline findings, most useful first."""
    made = [
        _fastest(results),
        *(_extremes(results, axis) for axis in ("cut_layer", "batch_size", "clients")),
        _aggregation(results),
    ]
    return [finding for finding in made if finding]


def _fastest(results: Results) -> Finding | None:
    means = results.ok.groupby("cell_id")["samples_per_s"].mean()
    if not results.axes or means.isna().all():
        return None
    first = results.ok.groupby("cell_id").first()
    best, worst = dict(first.iloc[int(means.argmax())]), dict(first.iloc[int(means.argmin())])
    fast, slow = float(means.max()), float(means.min())
    return Finding(
        f"{layout.words(best, results.axes).capitalize()} trains fastest: {human(fast, 'samples/s')}, "
        f"{digits(fast / slow)}× the slowest cell.",
        f"Slowest: {layout.words(worst, results.axes)} with {human(slow, 'samples/s')}.",
    )


def _extremes(results: Results, axis: str) -> Finding | None:
    """Compare the values of an axis that differ most in step latency."""
    if axis not in results.axes:
        return None
    means = results.ok.groupby(axis)["step_p50_s"].mean().dropna()
    if len(means) < 2:
        return None
    fast, slow = means.idxmin(), means.idxmax()
    time = compare(results, axis, slow, fast, "step_p50_s")
    data = compare(results, axis, slow, fast, "uplink_bytes_per_step")
    if time is None:
        return None
    sent = (
        f" and sends {digits(1 / data.ratio)}× the bytes up"
        if data and not math.isclose(data.ratio, 1, rel_tol=0.02)
        else ""
    )
    start = (
        f"{layout.word(axis, fast)}: a step is {digits(time.ratio)}× faster than with {layout.word(axis, slow)}{sent}."
    )
    return Finding(start[0].upper() + start[1:], f"Step latency ratio: {time.sure()}.")


def _aggregation(results: Results) -> Finding | None:
    if "aggregation" not in results.axes:
        return None
    means = results.ok.groupby("aggregation")[["final_eval_accuracy", "bytes_per_round"]].mean()
    accuracy = means["final_eval_accuracy"]
    if accuracy.isna().any() or len(accuracy) < 2:
        return None
    gap = accuracy["on"] - accuracy["off"]
    more = compare(results, "aggregation", "on", "off", "bytes_per_round")
    cost = f", for {digits(more.ratio)}× the bytes per round" if more else ""
    return Finding(
        f"Aggregation on ends at {human(accuracy['on'], 'share')} test accuracy, "
        f"off at {human(accuracy['off'], 'share')} ({'+' if gap >= 0 else '−'}{digits(abs(gap) * 100)} points){cost}.",
        f"Means over {_count(results.ok)}.",
    )


def _count(frame: pd.DataFrame) -> str:
    return f"{frame['cell_id'].nunique()} cells and {frame['repeat'].nunique()} repeats"
