"""The registry of metrics: what each number means, in which unit it is stored, and which way is better.

The names are columns of `Results.cells`; those of `records.rows.CellSummary` keep the names of `summary.csv`.
"""

from dataclasses import dataclass
from typing import Literal

from splitfed_core.errors import UsageError

Kind = Literal["time", "rate", "bytes", "count", "memory", "loss", "accuracy"]

MIN_EFFECT: dict[Kind, float] = {
    "time": 0.03,
    "rate": 0.03,
    "bytes": 0.01,
    "count": 0.01,
    "memory": 0.03,
    "loss": 0.05,
    "accuracy": 0.02,
}
"""The smallest change worth a verdict: a share of the base, but for loss and accuracy a margin in their own unit.

What repeats exactly (`analysis.compare.exactness`) has none: every difference counts.
"""

ADDITIVE: frozenset[Kind] = frozenset({"loss", "accuracy"})
"""Kinds that are compared by difference; all others by ratio."""


@dataclass(frozen=True)
class Metric:
    """One number of a cell.

    Args:
        name: The column.
        title: What people call it.
        unit: Unit of the stored value (`s`, `B`, `kbit/s`, `share`, …); people see a scaled one.
        better: Which way is better.
        kind: What kind of quantity it is.
        exact: Whether it is counted, not timed, so that it repeats exactly in most cells (`compare.exactness`).
        newer: Whether runs of older versions lack it, so that a side without it says nothing.

    What a metric means may change; then `records.summary.DEFINITIONS` gives it a new number, which manifests record:
    numbers of different definitions are never compared.
    """

    name: str
    title: str
    unit: str
    better: Literal["lower", "higher"]
    kind: Kind
    exact: bool = False
    newer: bool = False


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("step_p50_s", "Step latency, median", "s", "lower", "time"),
        Metric("step_p95_s", "Step latency, 95th percentile", "s", "lower", "time"),
        Metric("step_p99_s", "Step latency, 99th percentile", "s", "lower", "time"),
        Metric("uplink_p50_s", "Uplink time, median", "s", "lower", "time"),
        Metric("downlink_p50_s", "Downlink time, median", "s", "lower", "time"),
        Metric("server_compute_p50_s", "Server compute, median", "s", "lower", "time"),
        Metric("samples_per_s", "Training throughput", "samples/s", "higher", "rate"),
        Metric("steps_per_s", "Step rate", "steps/s", "higher", "rate"),
        Metric("network_kbit_per_s", "Network throughput", "kbit/s", "higher", "rate"),
        Metric("uplink_bytes_per_step", "Uplink bytes per step", "B", "lower", "bytes", exact=True),
        Metric("downlink_bytes_per_step", "Downlink bytes per step", "B", "lower", "bytes", exact=True),
        Metric("bytes_per_round", "Bytes per round", "B", "lower", "bytes", exact=True),
        Metric("total_bytes", "Bytes in all", "B", "lower", "bytes", exact=True),
        Metric("rpcs_per_round", "Calls per round", "calls", "lower", "count", exact=True, newer=True),
        Metric("round_p50_s", "Round time, median", "s", "lower", "time"),
        Metric("aggregation_p50_s", "Aggregation time, median", "s", "lower", "time"),
        Metric("train_s", "Training time in all", "s", "lower", "time"),
        Metric("wall_s", "Wall time of the cell", "s", "lower", "time"),
        Metric("final_train_loss", "Final training loss", "", "lower", "loss"),
        Metric("final_eval_loss", "Final test loss", "", "lower", "loss"),
        Metric("final_eval_accuracy", "Final test accuracy", "share", "higher", "accuracy"),
        Metric("client_parameters", "Parameters before the cut", "", "lower", "count", exact=True),
        Metric("peak_rss_bytes", "Peak memory of a client process", "B", "lower", "memory"),
    )
}
"""Every metric of a cell by its name, a column of `summary.csv` or of a report: its unit, and which way is better."""


def metric(name: str) -> Metric:
    """Look a metric up.

    Raises:
        UsageError: There is no such metric; the message lists those there are.
    """
    if name not in METRICS:
        raise UsageError(f"metric {name!r} does not exist; choose one of {', '.join(METRICS)}")
    return METRICS[name]
