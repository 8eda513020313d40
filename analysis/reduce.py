"""From the rows of one cell and repeat to its numbers: what is kept is small, whatever the number of steps.

Every statistic of steps and every rate leaves warm-up steps out; losses and bytes count them (they are real training).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from splitfed_core.rows import PHASES

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
)
CLIENT_COLUMNS = ("client_id", "worker", "round", "local_s", "aggregation_wait_s", "cpu_s", "rss_bytes")

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
CURVE_POINTS = 80
_BEYOND = 5  # a percentile is given only with this many steps beyond it

Array = npt.NDArray[np.float64]
Numbers = dict[str, float]
Column = Callable[[str], Array]


@dataclass(frozen=True)
class Steps:
    """What the steps of an attempt come to.

    Args:
        phases: Of each phase the median, the mean, and `typical_s`: its mean over the steps `between_quartiles`.
    """

    metrics: Numbers
    phases: pd.DataFrame
    latency: pd.DataFrame
    curve: pd.DataFrame
    network: pd.DataFrame


def quantile(values: Array, q: float) -> float:
    """Return a percentile, or NaN where fewer than five values lie beyond it (a median needs only one value)."""
    enough = len(values) * min(q, 1 - q) >= _BEYOND or (q == 0.5 and len(values) > 0)
    return float(np.quantile(values, q)) if enough else float("nan")


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
    """Reduce `steps.csv`, column by column: a copy of all columns would not fit beside the original."""
    counts = ~steps["warmup"].to_numpy(dtype=bool)

    def timed(name: str) -> Array:
        column: Array = steps[name].to_numpy(dtype=float)
        return np.asarray(column[counts])

    step_s = timed("step_s")
    metrics = {f"step_p{q * 100:.0f}_s": quantile(step_s, q) for q in (0.5, 0.95, 0.99)}
    metrics |= {f"{name}_p50_s": _median(timed(f"{name}_s")) for name in ("uplink", "downlink", "server_compute")}
    metrics |= {f"{way}_mean_s": _mean(timed(f"{way}_s")) for way in ("uplink", "downlink")}
    metrics |= {f"{way}_bytes_per_step": _mean(timed(f"{way}_bytes")) for way in ("uplink", "downlink")}
    network = _network_by_round(timed)
    metrics |= _rates(timed) | {"network_kbit_per_s": _ratio(network["kbit"].sum(), network["transfer_s"].sum())}
    typical = between_quartiles(step_s)
    phases = [(phase, _median(timed(phase)), _mean(timed(phase)), _mean(timed(phase)[typical])) for phase in PHASES]
    return Steps(
        metrics | {"steps": len(steps), "timed_steps": len(step_s)},
        pd.DataFrame(phases, columns=["phase", "median_s", "mean_s", "typical_s"]).dropna(),
        pd.DataFrame({"q": QUANTILES, "step_s": [quantile(step_s, q) for q in QUANTILES]}).dropna(),
        loss_curve(steps),
        network.assign(network_kbit_per_s=network["kbit"] / network["transfer_s"])[["round", "network_kbit_per_s"]],
    )


def _rates(timed: Column) -> Numbers:
    """Divide steps and samples by the wall time of their training: per round, from the first start to the last end."""
    start = timed("started_s")
    spans = pd.DataFrame({"round": timed("round"), "start": start, "end": start + timed("step_s")})
    rounds = spans.groupby("round").agg({"start": "min", "end": "max"})
    wall = float((rounds["end"] - rounds["start"]).sum())
    return {"samples_per_s": _ratio(timed("examples").sum(), wall), "steps_per_s": _ratio(len(start), wall)}


def _network_by_round(timed: Column) -> pd.DataFrame:
    kbit = (timed("uplink_bytes") + timed("downlink_bytes")) * 8e-3
    transfer_s = timed("uplink_s") + timed("downlink_s")
    network = pd.DataFrame({"round": timed("round"), "kbit": kbit, "transfer_s": transfer_s}).dropna()
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
    """Add running totals of time (warm-up left out) and bytes to `rounds.csv` and reduce it to its metrics."""
    counted = ["uplink_bytes", "downlink_bytes", "aggregation_uplink_bytes", "aggregation_downlink_bytes"]
    sent = rounds[counted].fillna(0).sum(axis=1)
    elapsed = (rounds["round_s"].cumsum() - warm_up).clip(lower=0)
    grown = rounds.assign(
        done=np.arange(1, len(rounds) + 1), round_bytes=sent, total_bytes=sent.cumsum(), elapsed_s=elapsed
    )
    evaluated = rounds.dropna(subset=["eval_loss", "eval_accuracy"], how="all")
    metrics = {
        "rounds_done": float(len(rounds)),
        "bytes_per_round": _mean(sent),
        "total_bytes": float(sent.sum()),
        "rpcs_per_round": _mean(rounds["rpcs"]),
        "train_s": _last(elapsed),
        "round_p50_s": _median(rounds["round_s"]),
        "aggregation_p50_s": _median(rounds["aggregation_s"]),
        "final_train_loss": _last(rounds["train_loss"]),
        "final_eval_loss": _last(evaluated["eval_loss"]),
        "final_eval_accuracy": _last(evaluated["eval_accuracy"]),
        "clients_lost": float(rounds["clients_lost"].sum()),
        "diverged": not np.isfinite(rounds["train_loss"]).all(),
    }
    return grown, metrics


def reduce_clients(clients: pd.DataFrame) -> tuple[pd.DataFrame, Numbers]:
    """Take the median of each client's rounds, and of the slowest client of a round over its median one."""
    by_client = clients.groupby("client_id", as_index=False).agg(
        worker=("worker", "first"),
        local_s=("local_s", "median"),
        wait_s=("aggregation_wait_s", "median"),
        cpu_s=("cpu_s", "sum"),
        rss_bytes=("rss_bytes", "max"),
    )
    spread = clients.groupby("round")["local_s"].agg(["max", "median"])
    metrics = {
        "straggler_ratio": _median(spread["max"] / spread["median"]),
        "peak_rss_bytes": float(clients["rss_bytes"].max()) if len(clients) else float("nan"),
        "clients_cpu_s": float(by_client["cpu_s"].sum()) if len(clients) else float("nan"),
        "clients_rss_bytes": float(clients.groupby("worker")["rss_bytes"].max().sum())
        if len(clients)
        else float("nan"),
    }
    return by_client, metrics


def _ratio(value: float, of: float) -> float:
    return float(value) / float(of) if of > 0 else float("nan")


def _median(values: npt.ArrayLike) -> float:
    kept = np.asarray(values, dtype=float)
    kept = kept[~np.isnan(kept)]
    return float(np.median(kept)) if len(kept) else float("nan")


def _mean(values: npt.ArrayLike) -> float:
    kept = np.asarray(values, dtype=float)
    kept = kept[~np.isnan(kept)]
    return float(kept.mean()) if len(kept) else float("nan")


def _last(values: "pd.Series[float]") -> float:
    return float(values.iloc[-1]) if len(values) else float("nan")
