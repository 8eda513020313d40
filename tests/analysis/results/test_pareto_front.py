"""Who is on the front, by hand."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.results.load import Results, load
from analysis.results.pareto_front import front_of

MakeRun = Callable[..., Path]
MADE = {  # by number of clients: accuracy, bytes and time of two repeats, and the test examples
    2: ((0.5, 0.5), (741_214, 741_214), (10, 10), np.nan),
    3: ((0.5, 0.5), (741_206, 741_206), (10, 12), np.nan),  # as many bytes to three digits, and slower in the mean
    4: ((0.75, 0.75), (900_000, 900_000), (20, 20), np.nan),
    5: ((0.25, 0.75), (741_300, 741_300), (9, 11), np.nan),  # in one of four resamples 0.25, in one 0.75
}


@pytest.fixture
def results(make_run: MakeRun) -> Results:
    loaded = load(make_run("quick", {"clients": list(MADE)}, repeats=2))
    columns: dict[str, list[float]] = {"final_eval_accuracy": [], "total_bytes": [], "train_s": [], "test_examples": []}
    for clients, repeat in zip(loaded.cells["clients"], loaded.cells["repeat"], strict=True):
        accuracy, sent, time, examples = MADE[clients]
        for column, value in zip(
            columns.values(), (accuracy[repeat], sent[repeat], time[repeat], examples), strict=True
        ):
            column.append(value)
    return replace(loaded, cells=loaded.cells.assign(**columns))


def test_the_front_is_of_means_and_its_share_of_resamples(results: Results) -> None:
    front = front_of(results).set_index("clients")
    assert front["on_front"].to_dict() == {2: True, 3: False, 4: True, 5: True}
    assert front["final_eval_accuracy"].to_dict() == {2: 0.5, 3: 0.5, 4: 0.75, 5: 0.5}
    assert front["train_s"].to_dict() == {2: 10, 3: 11, 4: 20, 5: 10}
    # Of four resamples one has the first repeat twice: 3 takes no longer than 2; one the second: 5 beats 4.
    share = front["front_share"]
    assert (share[2], share[5]) == (1, 1)
    of_draws = 5 * (0.25 * 0.75 / 1000) ** 0.5
    assert [share[3], share[4]] == pytest.approx([0.25, 0.75], abs=of_draws)


def test_what_is_not_measured_in_all_three_is_not_compared(results: Results) -> None:
    gone = results.cells.assign(train_s=results.cells["train_s"].where(results.cells["clients"] != 4))
    assert set(front_of(replace(results, cells=gone))["clients"]) == {2, 3, 5}
    nothing = front_of(replace(results, cells=results.cells.assign(train_s=np.nan)))
    assert nothing.empty
    assert {"on_front", "front_share"} <= set(nothing)
    assert isinstance(nothing, pd.DataFrame)
