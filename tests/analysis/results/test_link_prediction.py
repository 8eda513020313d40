"""What a round would take over slower links, worked out by hand."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from analysis.results.link_prediction import LINKS, predict
from analysis.results.load import Results, load

MakeRun = Callable[..., Path]


@pytest.fixture
def results(make_run: MakeRun) -> Results:
    """One cell of 2 clients × 10 steps a round; a step computes 8 ms and is 1 ms under way each way, 0.4 at best."""
    loaded = load(make_run("quick", {}, repeats=1, base={"clients": 2}))
    key = {"run": "quick", "cell_id": loaded.cells["cell_id"].iloc[0], "repeat": 0}
    times = {"client_forward_s": (0.008, 0.008), "uplink_s": (0.001, 0.0004), "downlink_s": (0.001, 0.0004)}
    lines = [{**key, "phase": name, "typical_s": typical, "least_s": least} for name, (typical, least) in times.items()]
    cells = loaded.cells.assign(
        steps=60, rounds_done=3.0, aggregation_p50_s=0.02, model_bytes_per_round=500_000.0,
        uplink_bytes_per_step=12_500.0, downlink_bytes_per_step=12_500.0,
    )  # fmt: skip
    return replace(loaded, cells=cells, phases=pd.DataFrame(lines))


def test_a_round_is_the_steps_of_a_client_and_its_model_there_and_back(results: Results) -> None:
    rounds = predict(results).set_index("link")["round_s"]
    assert rounds[0] == pytest.approx(10 * 0.010 + 0.02), "loopback, as measured"
    assert rounds[1] == pytest.approx(10 * (0.008 + 2 * 0.0004) + 0.02), "no faster than loopback at its quickest"
    assert rounds[2] == pytest.approx(10 * (0.008 + 2 * 0.001) + 0.02), "12.5 kB at 100 Mbit/s; 250 kB take 20 ms"
    assert rounds[3] == pytest.approx(10 * (0.008 + 2 * 0.01) + 0.2), "a model of 250 kB, both ways, at 10 Mbit/s"
    assert predict(results)["step_s"].tolist() == pytest.approx([0.010, 0.0088, 0.010, 0.028])


def test_clients_of_sl_take_turns(results: Results) -> None:
    taking_turns = replace(results, cells=results.cells.assign(algorithm="sl"))
    last = predict(taking_turns).set_index("link")["round_s"][len(LINKS)]
    assert last == pytest.approx(20 * 0.028 + 0.4)


def test_nothing_is_predicted_without_phases(results: Results) -> None:
    assert predict(replace(results, phases=results.phases[:0])).empty


def test_the_links_are_of_round_bandwidths() -> None:
    assert [(link.name, link.bits_per_s) for link in LINKS] == [
        ("1 Gbit/s", 1e9),
        ("100 Mbit/s", 1e8),
        ("10 Mbit/s", 1e7),
    ]


def test_without_aggregation_and_where_all_ran_the_same_algorithm_a_round_is_its_steps(results: Results) -> None:
    cells = results.cells.assign(aggregation_p50_s=float("nan"), model_bytes_per_round=0.0)
    found = predict(replace(results, cells=cells.drop(columns="algorithm", errors="ignore")))
    assert found["round_s"].tolist() == pytest.approx([0.1, 0.088, 0.1, 0.28])
    assert found.index.tolist() == [0, 1, 2, 3]


def test_the_axes_stand_beside_the_key(results: Results) -> None:
    found = predict(replace(results, axes={"run": ("quick",), "clients": (2, 3)}))
    assert list(found) == ["run", "cell_id", "repeat", "clients", "link", "step_s", "round_s"]
