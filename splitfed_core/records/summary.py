"""From the rows of one cell and repeat to its numbers: the same for `summary.csv` and for a report. Numpy, no more.

Step statistics and rates leave warm-up steps out; losses and bytes count them, for they are real training.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from splitfed_core.records.lateness import lateness
from splitfed_core.records.rows import CellSummary
from splitfed_core.timing.stopwatch import union_s

Array = npt.NDArray[np.float64]
Numbers = dict[str, float]
Column = Callable[[str], Array]
"""A column of a file of rows by its name, all as floats: NaN where a field is empty, 1 for true."""

DEFINITIONS = {
    "step_p50_s": 2,
    "step_p95_s": 2,
    "step_p99_s": 2,
    "uplink_p50_s": 2,
    "downlink_p50_s": 2,
    "server_compute_p50_s": 2,
    "samples_per_s": 2,
    "steps_per_s": 2,
    "network_kbit_per_s": 2,
    "uplink_bytes_per_step": 2,
    "downlink_bytes_per_step": 2,
    "round_p50_s": 2,
    "aggregation_p50_s": 2,
    "train_s": 2,
    "straggler_ratio": 2,
    "peak_rss_bytes": 2,
}
"""Metrics that mean something else than they once did, with the number of their definition; all others are at 1.

A number goes up when the same run would get another value: because rows are flagged or stamped in another way, or are
summed up in another way. What the definitions are stands in docs/columns.md.
"""

_BEYOND = 5  # a percentile is given only with this many values beyond it


QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""The percentiles of the step time that are given, in a table or in a figure."""


@dataclass(frozen=True, slots=True)
class StepSummary:
    """The steps of a cell that statistics are of.

    Attributes:
        counted: Which they are: see `same_batch`.
        step_s: Percentiles of their times, s, by their share of the steps; NaN where there are too few for one.
    """

    counted: npt.NDArray[np.bool_]
    step_s: Mapping[float, float]


def cell_numbers(
    steps: Column, rounds: Column, clients: Column, *, isolated: bool, cores: int | None = None
) -> Numbers:
    """Return the numbers of a cell; NaN for what it does not have.

    Args:
        steps: Columns of `steps.csv`.
        rounds: Columns of `rounds.csv`.
        clients: Columns of `clients.csv`.
        isolated: Whether the cell had fresh processes: in warm ones memory is that of the largest cell so far.
        cores: Of the host, where the cell was emulated.
    """
    summary = step_summary(steps)
    steady = _steady_rounds(steps, rounds)
    return {
        **_steps(steps, summary),
        **_batches(steps, summary.counted),
        **_rates(steps, rounds, steady),
        **_rounds(rounds),
        "swap_share": _swap_share(clients, steady),
        **lateness(steps, rounds, cores),
        "straggler_ratio": straggler_ratio(clients("round"), clients("local_s")),
        "peak_rss_bytes": _max(clients("rss_bytes")) if isolated else float("nan"),
    }


def cell_summary(numbers: Numbers, *, status: str, wall_s: float, workers_used: int | None) -> CellSummary:
    """Return the numbers of a cell as its line of `summary.csv`: nothing for NaN, and counts as whole numbers."""

    def number(name: str) -> float | None:
        return None if math.isnan(numbers[name]) else numbers[name]

    def count(name: str) -> int | None:
        return None if math.isnan(numbers[name]) else int(numbers[name])

    return CellSummary(
        status=status,
        steps=int(numbers["steps"]),
        wall_s=wall_s,
        workers_used=workers_used,
        step_p50_s=number("step_p50_s"),
        step_p95_s=number("step_p95_s"),
        step_p99_s=number("step_p99_s"),
        uplink_p50_s=number("uplink_p50_s"),
        downlink_p50_s=number("downlink_p50_s"),
        server_compute_p50_s=number("server_compute_p50_s"),
        samples_per_s=number("samples_per_s"),
        steps_per_s=number("steps_per_s"),
        network_kbit_per_s=number("network_kbit_per_s"),
        final_train_loss=number("final_train_loss"),
        final_eval_loss=number("final_eval_loss"),
        final_eval_accuracy=number("final_eval_accuracy"),
        bytes_per_round=number("bytes_per_round"),
        round_p50_s=number("round_p50_s"),
        peak_rss_bytes=count("peak_rss_bytes"),
        swap_share=number("swap_share"),
        unexplained_share=number("unexplained_share"),
        common_batch=count("common_batch"),
        common_batch_share=number("common_batch_share"),
        largest_batch=count("largest_batch"),
        link_uplink_p50_s=number("link_uplink_p50_s"),
        link_downlink_p50_s=number("link_downlink_p50_s"),
        transfer_p50_s=number("transfer_p50_s"),
        wait_p50_s=number("wait_p50_s"),
        link_transfer_p50_s=number("link_transfer_p50_s"),
        late_share=number("late_share"),
        late=None if math.isnan(numbers["late"]) else bool(numbers["late"]),
        clients_held=count("clients_held"),
    )


def step_summary(steps: Column) -> StepSummary:
    """Choose the steps that statistics are of, and take the percentiles of their times."""
    counted = same_batch(steps)
    step_s = steps("step_s")[counted]
    return StepSummary(counted, {q: quantile(step_s, q) for q in QUANTILES})


def quantile(values: Array, q: float) -> float:
    """Return a percentile, or NaN where fewer than five values lie beyond it (a median needs only one value)."""
    enough = len(values) * min(q, 1 - q) >= _BEYOND or (q == 0.5 and len(values) > 0)
    return float(np.quantile(values, q)) if enough else float("nan")


def same_batch(steps: Column) -> npt.NDArray[np.bool_]:
    """Return which steps statistics are of: without warm-up, and of the batch size that most of those have.

    The last batch of a shard may be smaller: its steps are faster and would make another median of a mixture. Of two
    sizes that are equally frequent it is the larger one.
    """
    timed, examples = steps("warmup") == 0, steps("examples")
    sizes, counts = np.unique(examples[timed], return_counts=True)
    if not len(sizes):
        return np.asarray(timed)
    return np.asarray(timed & (examples == sizes[counts == counts.max()].max()))


def straggler_ratio(rounds: Array, local_s: Array) -> float:
    """Return how much longer the slowest client of a round trains than the median one; the median of the rounds."""
    return median(np.array([_ratio(each.max(), np.median(each)) for each in _by_round(rounds, local_s)]))


def median(values: Array) -> float:
    """Return the median of what is not NaN; NaN of nothing."""
    kept = values[~np.isnan(values)]
    return float(np.median(kept)) if len(kept) else float("nan")


def mean(values: Array) -> float:
    """Return the mean of what is not NaN; NaN of nothing."""
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if len(kept) else float("nan")


def _steps(steps: Column, summary: StepSummary) -> Numbers:
    counted, timed = summary.counted, steps("warmup") == 0
    numbers = {f"step_p{q * 100:.0f}_s": summary.step_s[q] for q in (0.5, 0.95, 0.99)}
    ways = ("uplink", "downlink", "link_uplink", "link_downlink")
    numbers |= {f"{name}_p50_s": median(steps(f"{name}_s")[counted]) for name in ways}
    numbers |= {f"{name}_mean_s": mean(steps(f"{name}_s")[counted]) for name in ("uplink", "downlink")}
    numbers |= {f"{name}_bytes_per_step": mean(steps(f"{name}_bytes")[counted]) for name in ("uplink", "downlink")}
    bits = (steps("uplink_bytes") + steps("downlink_bytes"))[timed] * 8
    transfer_s = (steps("uplink_s") + steps("downlink_s"))[timed]
    known = ~np.isnan(bits + transfer_s)
    return numbers | {
        "steps": len(timed),
        "timed_steps": int(timed.sum()),
        "server_compute_p50_s": median(steps("server_compute_s")[counted]),
        "network_kbit_per_s": _ratio(bits[known].sum() / 1000, transfer_s[known].sum()),
    }


def _batches(steps: Column, counted: npt.NDArray[np.bool_]) -> Numbers:
    """Return the batch size that step statistics are of, its share of the timed steps, and the largest there was.

    A largest batch below `batch_size` says that no client had so many examples: the cell trained the same batches as
    one with any other such size.
    """
    examples, timed = steps("examples"), int((steps("warmup") == 0).sum())
    return {
        "common_batch": _max(examples[counted]),
        "common_batch_share": _ratio(counted.sum(), timed),
        "largest_batch": _max(examples),
    }


def _steady_rounds(steps: Column, rounds: Column) -> Array:
    """Return the rounds without a warm-up step, where such rounds are stamped; they are what rates are taken from."""
    stamped = rounds("round")[~np.isnan(rounds("training_s"))]
    return np.setdiff1d(stamped, steps("round")[steps("warmup") != 0])


def _rates(steps: Column, rounds: Column, steady: Array) -> Numbers:
    """Divide steps and samples by the time of their training: that in which at least one worker trained.

    Of a cell that warms up in each of its rounds, what counts is its timed steps and when they were under way.
    """
    if len(steady):
        counted = np.isin(steps("round"), steady)
        wall_s = float(rounds("training_s")[np.isin(rounds("round"), steady)].sum())
    else:
        counted = steps("warmup") == 0
        wall_s = _wall_s(*(steps(name)[counted] for name in ("round", "started_s", "step_s", "between_s")))
    return {
        "samples_per_s": _ratio(steps("examples")[counted].sum(), wall_s),
        "steps_per_s": _ratio(counted.sum(), wall_s),
    }


def _wall_s(rounds: Array, started_s: Array, step_s: Array, between_s: Array) -> float:
    """Return the time in which steps were under way, each with the time before it; rows of old have no such time."""
    if np.isnan(between_s).any():
        each = zip(_by_round(rounds, started_s), _by_round(rounds, started_s + step_s), strict=True)
        return float(sum(ended.max() - started.min() for started, ended in each))
    return union_s(list(zip(started_s - between_s, started_s + step_s, strict=True)))


def _rounds(rounds: Column) -> Numbers:
    train_loss, eval_loss, accuracy = (rounds(name) for name in ("train_loss", "eval_loss", "eval_accuracy"))
    ways = ("uplink_bytes", "downlink_bytes", "aggregation_uplink_bytes", "aggregation_downlink_bytes")
    sent = sum((np.nan_to_num(rounds(way)) for way in ways), np.zeros(len(train_loss)))
    evaluated = ~(np.isnan(eval_loss) & np.isnan(accuracy))
    return {
        "rounds_done": len(train_loss),
        "bytes_per_round": mean(sent),
        "total_bytes": float(sent.sum()),
        "rpcs_per_round": mean(rounds("rpcs")),
        "round_p50_s": median(rounds("round_s")),
        "aggregation_p50_s": median(rounds("aggregation_s")),
        **{f"{name}_p50_s": median(rounds(f"{name}_s")) for name in ("transfer", "wait", "link_transfer")},
        "final_train_loss": _last(train_loss),
        "final_eval_loss": _last(eval_loss[evaluated]),
        "final_eval_accuracy": _last(accuracy[evaluated]),
        **{f"{role}_cpu_s": median(rounds(f"{role}_cpu_s")) for role in ("clients", "main_server", "fed_server")},
        "unexplained_share": _ratio(rounds("unexplained_s").sum(), rounds("workers_s").sum()),
    }


def _swap_share(clients: Column, steady: Array) -> float:
    """Return which share of the training time went into changes of client; of all rounds if none is steady."""
    counted = np.isin(clients("round"), steady) if len(steady) else np.ones(len(clients("round")), bool)
    swap_s, local_s = clients("swap_s")[counted].sum(), clients("local_s")[counted].sum()
    return _ratio(swap_s, local_s + swap_s)


def _by_round(rounds: Array, values: Array) -> list[Array]:
    """Return the values of each round."""
    order = np.argsort(rounds, kind="stable")
    _, begins = np.unique(rounds[order], return_index=True)
    return np.split(values[order], begins[1:]) if len(values) else []


def _ratio(value: float, of: float) -> float:
    return float(value) / float(of) if of > 0 else float("nan")


def _max(values: Array) -> float:
    return float(values.max()) if len(values) else float("nan")


def _last(values: Array) -> float:
    return float(values[-1]) if len(values) else float("nan")
