"""Numbers of a cell against those computed by hand."""

import math
from typing import Any

import numpy as np
import pytest

from splitfed_core.records.rows import ClientRow, RoundRow, StepRow, columns
from splitfed_core.records.summary import (
    DEFINITIONS,
    Array,
    Column,
    cell_numbers,
    cell_summary,
    quantile,
    same_batch,
    step_summary,
    straggler_ratio,
)


def table(row_type: Any, *rows: dict[str, float]) -> Column:
    def column(name: str) -> Array:
        assert name in columns(row_type)
        return np.array([float(row.get(name, math.nan)) for row in rows])

    return column


def step(round: int, started_s: float, *, between_s: float = 0.5, **other: float) -> dict[str, float]:
    """A step of 1 s of a batch of 10."""
    row = {"round": round, "started_s": started_s, "between_s": between_s, "step_s": 1.0, "warmup": 0, "examples": 10}
    return row | other


def numbers(steps: list[dict[str, float]], rounds: list[dict[str, float]], *clients: dict[str, float]) -> Any:
    found = table(StepRow, *steps), table(RoundRow, *rounds), table(ClientRow, *clients)
    return cell_numbers(*found, isolated=True)


def test_rates_divide_by_the_time_in_which_at_least_one_worker_trained() -> None:
    steps = [step(0, 0), step(0, 1.5), step(0, 0.5, examples=4)]
    rates = numbers(steps, [{"round": 0, "training_s": 4.0}])
    assert (rates["steps_per_s"], rates["samples_per_s"]) == (3 / 4, 24 / 4)


def test_rounds_in_which_a_process_warms_up_give_no_rate_where_others_do() -> None:
    steps = [step(0, 0, warmup=1, step_s=9.0), step(0, 9.5), step(1, 20), step(1, 21.5)]
    rates = numbers(steps, [{"round": 0, "training_s": 11.0}, {"round": 1, "training_s": 3.0}])
    assert rates["steps_per_s"] == 2 / 3


def test_of_a_cell_that_warms_up_in_every_round_what_counts_is_when_timed_steps_were_under_way() -> None:
    # one worker has timed steps from 0.5 to 3.5, another, which compiles longer, from 8.5 to 10
    steps = [step(0, 0, warmup=1), step(0, 1), step(0, 2.5), step(0, 0, warmup=1, step_s=8.5), step(0, 9)]
    assert numbers(steps, [{"round": 0, "training_s": 10.0}])["steps_per_s"] == 3 / (3.0 + 1.5)


def test_workers_that_train_one_after_the_other_are_not_added_up() -> None:
    """As in `sl`, or where fewer clients take part than there are workers."""
    steps = [step(0, 0), step(0, 1.5), step(0, 4), step(0, 5.5)]
    assert numbers(steps, [{"round": 0, "training_s": 6.0}])["steps_per_s"] == 4 / 6


def test_the_swap_share_is_that_of_the_training_time_of_all_workers() -> None:
    clients = [{"round": 1, "swap_s": 0.5, "local_s": 1.5}, {"round": 1, "swap_s": 0.0, "local_s": 2.0}]
    cold = {"round": 0, "swap_s": 9.0, "local_s": 9.0}
    rounds = [{"round": 0, "training_s": 9.0}, {"round": 1, "training_s": 4.0}]
    steps = [step(0, 0, warmup=1), step(1, 10)]
    assert numbers(steps, rounds, cold, *clients)["swap_share"] == 0.5 / 4.0


@pytest.mark.parametrize(
    ("local_s", "ratio"), [([1.0, 1.0, 4.0], 4.0), ([2.0, 2.0, 2.0], 1.0), ([1.0, 3.0], 1.5), ([5.0], 1.0)]
)
def test_the_straggler_ratio_is_the_slowest_client_over_the_median_one(local_s: list[float], ratio: float) -> None:
    assert straggler_ratio(np.zeros(len(local_s)), np.array(local_s)) == ratio


def test_the_straggler_ratio_of_a_cell_is_the_median_of_its_rounds() -> None:
    rounds, local_s = np.array([2, 0, 0, 1, 1, 2]), np.array([9.0, 1.0, 3.0, 2.0, 2.0, 1.0])
    assert straggler_ratio(rounds, local_s) == 1.5  # of 1.5, 1 and 1.8
    assert math.isnan(straggler_ratio(np.array([]), np.array([])))


def test_of_two_equally_frequent_batch_sizes_the_larger_counts_and_warm_up_never() -> None:
    examples, warmup = (8.0, 8.0, 3.0, 3.0, 8.0, 3.0), (0, 0, 0, 0, 1, 1)
    steps = table(StepRow, *({"examples": n, "warmup": w} for n, w in zip(examples, warmup, strict=True)))
    assert same_batch(steps).tolist() == [True, True, False, False, False, False]


def test_a_percentile_is_known_with_five_values_beyond_it_and_a_median_with_one() -> None:
    assert [math.isnan(quantile(np.arange(float(n)), 0.05)) for n in (99, 100)] == [True, False]
    assert [math.isnan(quantile(np.arange(float(n)), 0.5)) for n in (0, 1)] == [True, False]


def test_what_a_cell_does_not_have_is_nan_and_not_nought() -> None:
    found = numbers([], [])
    assert (found["steps"], found["timed_steps"], found["rounds_done"]) == (0, 0, 0)
    assert found["total_bytes"] == 0
    rest = {name for name, value in found.items() if not math.isnan(value)}
    assert rest == {"steps", "timed_steps", "rounds_done", "total_bytes"}


def test_the_numbers_of_a_cell_are_those_of_its_rows() -> None:
    """Two rounds of two clients; a warm-up step, a smaller batch, and an exchange that was not stamped."""
    timed = {
        "uplink_bytes": 1000,
        "downlink_bytes": 250,
        "uplink_s": 0.25,
        "downlink_s": 0.75,
        "server_compute_s": 0.125,
    }
    steps = [
        step(0, 0, warmup=1, step_s=9.0, examples=12, **timed),
        step(1, 10, **timed),
        step(1, 12, **timed | {"uplink_s": 0.5, "uplink_bytes": 4000, "server_compute_s": 0.5}),
        step(1, 14, **timed | {"uplink_s": 0.75, "downlink_s": math.nan}),
        step(1, 16, examples=4, **timed | {"downlink_bytes": 50}),
    ]
    traffic = {"uplink_bytes": 100, "downlink_bytes": 200, "aggregation_uplink_bytes": 30, "rpcs": 12, "round_s": 3}
    first = {"round": 0, "training_s": 9.0, "train_loss": 2.0, "eval_loss": 1.5, "eval_accuracy": 0.25, **traffic}
    last = {"round": 1, "training_s": 8.0, "train_loss": 1.0, **traffic, "rpcs": 14, "round_s": 5, "aggregation_s": 0.5}
    shares = {"unexplained_s": 0.25, "workers_s": 10.0, "clients_cpu_s": 3.0, "main_server_cpu_s": 2.0}
    clients = [{"round": 1, "swap_s": 1.0, "local_s": 3.0, "rss_bytes": 7.0}]
    found = numbers(steps, [first | shares, last | shares | {"workers_s": 15.0}], *clients)
    assert {name: value for name, value in found.items() if not math.isnan(value)} == {
        "steps": 5, "timed_steps": 4, "step_p50_s": 1.0, "uplink_p50_s": 0.5, "downlink_p50_s": 0.75,
        "uplink_mean_s": 0.5, "downlink_mean_s": 0.75, "uplink_bytes_per_step": 2000, "downlink_bytes_per_step": 250,
        "server_compute_p50_s": 0.125, "network_kbit_per_s": 8 * (1250 + 4250 + 1050) / 1000 / (1.0 + 1.25 + 1.0),
        "common_batch": 10, "common_batch_share": 0.75, "largest_batch": 12,
        "samples_per_s": 34 / 8, "steps_per_s": 4 / 8,
        "rounds_done": 2, "bytes_per_round": 330, "total_bytes": 660, "rpcs_per_round": 13, "round_p50_s": 4,
        "aggregation_p50_s": 0.5, "final_train_loss": 1.0, "final_eval_loss": 1.5, "final_eval_accuracy": 0.25,
        "clients_cpu_s": 3.0, "main_server_cpu_s": 2.0, "unexplained_share": 0.5 / 25, "swap_share": 0.25,
        "straggler_ratio": 1.0, "peak_rss_bytes": 7.0,
    }  # fmt: skip
    warm = cell_numbers(table(StepRow, *steps), table(RoundRow, first), table(ClientRow, *clients), isolated=False)
    assert math.isnan(warm["peak_rss_bytes"])


def test_rows_without_the_time_before_a_step_are_counted_from_first_to_last() -> None:
    steps = [step(0, 0, warmup=1), step(0, 1, between_s=math.nan), step(0, 4, between_s=math.nan)]
    assert numbers(steps, [{"round": 0, "training_s": 10.0}])["steps_per_s"] == 2 / 4


def test_percentiles_are_named_by_their_per_cent() -> None:
    found = numbers([step(0, at, step_s=float(at)) for at in range(1001)], [])
    assert [found[f"step_p{percent}_s"] for percent in (50, 95, 99)] == [500, 950, 990]


def test_the_shares_of_links_are_medians_like_those_of_the_phases_that_they_are_in() -> None:
    steps = [step(0, 0, warmup=1, link_uplink_s=9.0, link_downlink_s=9.0)]
    steps += [step(0, at, link_uplink_s=0.5 * at, link_downlink_s=0.25 * at) for at in (1, 2, 4)]
    rounds = [{"transfer_s": 4.0 * at, "wait_s": 2.0 * at, "link_transfer_s": 1.0 * at} for at in (1, 2, 4)]
    line = cell_summary(numbers(steps, rounds), status="ok", wall_s=2.5, workers_used=3)
    assert (line.link_uplink_p50_s, line.link_downlink_p50_s) == (1.0, 0.5)
    assert (line.transfer_p50_s, line.wait_p50_s, line.link_transfer_p50_s) == (8.0, 4.0, 2.0)


def test_a_line_of_the_summary_is_empty_where_there_is_no_number() -> None:
    line = cell_summary(numbers([step(0, 0, examples=8.0)], []), status="ok", wall_s=2.5, workers_used=3)
    assert (line.status, line.steps, line.wall_s, line.workers_used) == ("ok", 1, 2.5, 3)
    assert (line.common_batch, line.largest_batch, line.step_p50_s) == (8, 8, 1.0)
    assert (line.step_p95_s, line.peak_rss_bytes, line.final_train_loss) == (None, None, None)
    assert (line.link_uplink_p50_s, line.link_downlink_p50_s, line.link_transfer_p50_s) == (None, None, None)


def test_a_definition_changes_on_purpose_only() -> None:
    """Whoever raises a number writes in docs/columns.md what is another."""
    assert set(DEFINITIONS.values()) == {2}


def test_the_percentiles_of_a_figure_are_those_of_the_table() -> None:
    steps = table(StepRow, *({"warmup": 0.0, "examples": 8.0, "step_s": n / 1000} for n in range(1, 101)))
    quantiles = step_summary(steps).step_s
    found = cell_numbers(steps, table(RoundRow), table(ClientRow), isolated=False)
    assert [round(quantiles[q] * 1000, 6) for q in (0.05, 0.25, 0.5, 0.75, 0.95)] == [5.95, 25.75, 50.5, 75.25, 95.05]
    assert (found["step_p50_s"], found["step_p95_s"]) == (quantiles[0.5], quantiles[0.95])
    assert math.isnan(quantiles[0.99])
    assert math.isnan(found["step_p99_s"])
