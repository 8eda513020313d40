"""When a cell first reached an accuracy, and which is worth asking for: by hand."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from analysis.results.load import Results, load
from analysis.results.target_accuracy import reached, target_accuracy

MakeRun = Callable[..., Path]


@pytest.fixture
def results(make_run: MakeRun) -> Results:
    """Two cells of two repeats; round 2 is written before round 1."""
    loaded = load(make_run("quick", {"clients": [2, 3]}, repeats=2))
    keys = loaded.ok[["run", "cell_id", "repeat"]].sort_values(["cell_id", "repeat"])
    best = dict(zip(keys.itertuples(index=False, name=None), (0.4, 0.5, 0.6, 0.96), strict=True))
    lines = [
        (*key, number, accuracy - 0.1 * (number == 1), 10.0 * number, 100 * number)
        for key, accuracy in best.items()
        for number in (2, 1, 3)
    ]
    rounds = pd.DataFrame(
        lines, columns=["run", "cell_id", "repeat", "round", "eval_accuracy", "elapsed_s", "total_bytes"]
    )
    return replace(loaded, rounds=rounds)


@pytest.mark.parametrize(
    ("best", "target"),
    [(0.995, 0.99), (0.99, 0.99), (0.985, 0.98), (0.97, 0.97), (0.96, 0.95), (0.9, 0.9), (0.89, 0.85), (0.84, 0.8),
     (0.7, 0.7), (0.65, 0.6), (0.5, 0.5), (0.4, 0.4), (0.3, 0.3), (0.25, 0.2), (0.1, 0.1), (0.05, None)],
)  # fmt: skip
def test_the_steps_of_a_target(results: Results, best: float, target: float | None) -> None:
    assert target_accuracy(replace(results, rounds=results.rounds.assign(eval_accuracy=best))) == target


def test_half_of_the_repeats_reach_the_target(results: Results) -> None:
    assert target_accuracy(results) == 0.6


def test_without_an_evaluation_there_is_no_target(results: Results) -> None:
    assert target_accuracy(replace(results, rounds=results.rounds.drop(columns="eval_accuracy"))) is None


def test_the_first_round_at_the_goal_counts_and_who_never_got_there_is_empty(results: Results) -> None:
    found = reached(results, 0.5).sort_values(["cell_id", "repeat"])
    assert found["round"].tolist() == pytest.approx([math.nan, 2, 1, 1], nan_ok=True)
    assert found["elapsed_s"].tolist() == pytest.approx([math.nan, 20, 10, 10], nan_ok=True)
    assert found["total_bytes"].tolist() == pytest.approx([math.nan, 200, 100, 100], nan_ok=True)
    assert "clients" in found
