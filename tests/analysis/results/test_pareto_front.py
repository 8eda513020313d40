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


def made_of(results: Results, *cells: tuple[float, list[float]]) -> Results:
    """One cell after the other of the same accuracy: its bytes, and its time in each repeat."""
    lines = [
        {"run": "r", "usable": True, "cell_id": f"{number:03d}", "repeat": repeat, "final_eval_accuracy": 0.5,
         "total_bytes": sent, "train_s": time, "test_examples": np.nan}
        for number, (sent, times) in enumerate(cells)
        for repeat, time in enumerate(times)
    ]  # fmt: skip
    return replace(results, cells=pd.DataFrame(lines), axes={})


@pytest.mark.parametrize(
    ("sent", "equal"),
    [((1000, 1004), True), ((1000, 1006), False), ((99_940, 99_949), True), ((99_940, 99_960), False),
     ((0.1231, 0.1234), True), ((0.1231, 0.1238), False), ((0, 1), False), ((0, 0), True)],
)  # fmt: skip
def test_bytes_are_compared_to_three_digits(results: Results, sent: tuple[float, float], equal: bool) -> None:
    front = front_of(made_of(results, *((each, [10.0]) for each in sent)))
    assert front["on_front"].tolist() == [True, equal]


def test_of_very_many_cells_those_that_the_fewest_beat_are_resampled(results: Results) -> None:
    """Two are the slowest in the mean of two repeats, and the quickest in every resample that has the first twice."""
    steady = [(1000.0, [10.0 + i, 10.0 + i]) for i in range(499)]
    front = front_of(made_of(results, *steady, (1000.0, [1.0, 2000.0]), (1000.0, [1.0, 3000.0])))
    share = front["front_share"]
    assert share[499] > 0
    assert (share[500], share[1]) == (0, 0)
    assert front["on_front"].tolist() == [True] + [False] * 500
