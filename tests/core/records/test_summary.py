"""Numbers of a cell against those computed by hand."""

import math
from typing import Any

import numpy as np
import pytest

from splitfed_core.records.rows import ClientRow, RoundRow, StepRow, columns
from splitfed_core.records.summary import Array, Column, cell_numbers, quantile, same_batch, straggler_ratio


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
