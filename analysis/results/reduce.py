"""From the rows of one cell and repeat to its small frames; its numbers come from `splitfed_core.records.summary`."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from splitfed_core.records.rows import PHASES
from splitfed_core.records.summary import Array, Column, Numbers, cell_numbers, mean, median, step_summary

STEP_COLUMNS = (
    "round",
    "step",
    "warmup",
    "examples",
    "loss",
    "uplink_bytes",
    "downlink_bytes",
    *PHASES,
    "step_s",
    "started_s",
    "between_s",
    "link_uplink_s",
    "link_downlink_s",
    "late_s",
)
ROUND_COLUMNS = (
    "round",
    "train_loss",
    "eval_loss",
    "eval_accuracy",
    "round_s",
    "aggregation_s",
    "uplink_bytes",
    "downlink_bytes",
    "aggregation_uplink_bytes",
    "aggregation_downlink_bytes",
    "clients_lost",
    "rpcs",
    "training_s",
    "workers_s",
    "unexplained_s",
    "clients_cpu_s",
    "main_server_cpu_s",
    "fed_server_cpu_s",
    "transfer_s",
    "wait_s",
    "link_transfer_s",
)
CLIENT_COLUMNS = (
    "client_id",
    "worker",
    "round",
    "local_s",
    "aggregation_wait_s",
    "cpu_s",
    "rss_bytes",
    "swap_s",
)

CURVE_POINTS = 80


@dataclass(frozen=True)
class Steps:
    """What the steps of an attempt come to: those of the most frequent batch size, warm-up left out.

    Args:
        phases: Of each phase the median, the mean, `typical_s`: its mean over the steps
            `between_quartiles`, and `least_s`: what it takes when nothing is in its way.
    """

    phases: pd.DataFrame
    latency: pd.DataFrame
    curve: pd.DataFrame
    network: pd.DataFrame


def numbers(
    steps: pd.DataFrame, rounds: pd.DataFrame, clients: pd.DataFrame, *, isolated: bool, cores: int | None = None
) -> Numbers:
    """Return the metrics of an attempt, the same as in its `summary.csv`."""
    return cell_numbers(_columns(steps), _columns(rounds), _columns(clients), isolated=isolated, cores=cores)


def _columns(frame: pd.DataFrame) -> Column:
    """Give a frame column by column: a copy of all columns would not fit beside the original."""

    def column(name: str) -> Array:
        return np.asarray(frame[name].to_numpy(dtype=float))

    return column


def between_quartiles(times: Array) -> npt.NDArray[np.bool_]:
    """Tell which times lie between the quartiles of all, both included.

    Over what they are the times of, means of parts add up, as medians do not; and no outlier is among them.
    """
    if not len(times):
        return np.zeros(0, dtype=bool)
    low, high = np.quantile(times, 0.25, method="lower"), np.quantile(times, 0.75, method="higher")  # of two: both
    within: npt.NDArray[np.bool_] = (low <= times) & (times <= high)
    return within


def reduce_steps(steps: pd.DataFrame) -> Steps:
    """Reduce `steps.csv`."""
    column = _columns(steps)
    summary = step_summary(column)
    counted = summary.counted
    step_s = column("step_s")[counted]
    phases = [(phase, column(phase)[counted]) for phase in PHASES]
    typical = between_quartiles(step_s)
    network = _network_by_round(column)
    return Steps(
        pd.DataFrame(
            [(phase, median(took), mean(took), mean(took[typical]), _least(took)) for phase, took in phases],
            columns=["phase", "median_s", "mean_s", "typical_s", "least_s"],
        ).dropna(),
        pd.DataFrame({"q": list(summary.step_s), "step_s": list(summary.step_s.values())}).dropna(),
        loss_curve(steps),
        network.assign(network_kbit_per_s=network["kbit"] / network["transfer_s"])[["round", "network_kbit_per_s"]],
    )


def _least(took: Array) -> float:
    """Return what a phase takes when nothing is in its way: the 5th percentile."""
    return float(np.quantile(took, 0.05)) if len(took) else float("nan")


def _network_by_round(column: Column) -> pd.DataFrame:
    timed = column("warmup") == 0
    kbit = (column("uplink_bytes") + column("downlink_bytes"))[timed] * 8e-3
    transfer_s = (column("uplink_s") + column("downlink_s"))[timed]
    network = pd.DataFrame({"round": column("round")[timed], "kbit": kbit, "transfer_s": transfer_s}).dropna()
    return network.groupby("round", as_index=False).sum()


def loss_curve(steps: pd.DataFrame) -> pd.DataFrame:
    """Average the loss over clients by step, in at most `CURVE_POINTS` equal bins; a diverged loss ends the curve."""
    if steps.empty:
        return pd.DataFrame({"step": [], "loss": []})
    step = steps["step"].to_numpy()
    width = max(1, -(-(int(step.max()) + 1) // CURVE_POINTS))
    bins = pd.DataFrame({"bin": step // width, "loss": steps["loss"]}).groupby("bin", as_index=False).mean()
    return (
        pd.DataFrame({"step": bins["bin"] * width + (width - 1) / 2, "loss": bins["loss"]})
        .replace([np.inf, -np.inf], np.nan)
        .dropna()
    )


def warm_up_s(steps: pd.DataFrame) -> float:
    """Return how long after the first step the first timed one started: mostly compiling, not training."""
    timed = steps[~steps["warmup"].to_numpy(dtype=bool)]
    return float(timed["started_s"].min() - steps["started_s"].min()) if len(timed) else 0.0


def reduce_rounds(rounds: pd.DataFrame, warm_up: float) -> tuple[pd.DataFrame, Numbers]:
    """Add running totals of time (warm-up left out) and bytes to `rounds.csv`, and say what only they tell."""
    counted = ["uplink_bytes", "downlink_bytes", "aggregation_uplink_bytes", "aggregation_downlink_bytes"]
    sent = rounds[counted].fillna(0).sum(axis=1)
    elapsed = (rounds["round_s"].cumsum() - warm_up).clip(lower=0)
    grown = rounds.assign(
        done=np.arange(1, len(rounds) + 1), round_bytes=sent, total_bytes=sent.cumsum(), elapsed_s=elapsed
    )
    return grown, {
        "train_s": float(elapsed.iloc[-1]) if len(elapsed) else float("nan"),
        "model_bytes_per_round": mean(rounds[counted[2:]].fillna(0).sum(axis=1).to_numpy(dtype=float)),
        "clients_lost": float(rounds["clients_lost"].sum()),
        "diverged": not np.isfinite(rounds["train_loss"]).all(),
    }


def reduce_clients(clients: pd.DataFrame, *, isolated: bool) -> tuple[pd.DataFrame, Numbers]:
    """Take the median of each client's rounds, and the memory of all workers where it is the cell's own."""
    by_client = clients.groupby("client_id", as_index=False).agg(
        worker=("worker", "first"),
        local_s=("local_s", "median"),
        wait_s=("aggregation_wait_s", "median"),
        cpu_s=("cpu_s", "sum"),
        rss_bytes=("rss_bytes", "max"),
    )
    known = isolated and len(clients)
    peaks = float(clients.groupby("worker")["rss_bytes"].max().sum()) if known else float("nan")
    return by_client, {"clients_rss_bytes": peaks}
