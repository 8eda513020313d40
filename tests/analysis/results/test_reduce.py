"""From rows to numbers: what holds of the reductions themselves."""

import numpy as np
import pandas as pd
import pytest

from analysis.results.reduce import (
    STEP_COLUMNS,
    between_quartiles,
    loss_curve,
    reduce_clients,
    reduce_rounds,
    reduce_steps,
    warm_up_s,
)
from analysis.results.round_parts import typical_round


def test_the_phases_of_a_typical_step_add_up_and_hide_neither_of_two_modes() -> None:
    queue = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.004, 0.004, 0.004, 90.0])  # the last one is an outlier
    frame = pd.DataFrame(0.0, index=range(9), columns=list(STEP_COLUMNS))
    frame = frame.assign(warmup=False, server_queue_s=queue, server_compute_s=0.01, step_s=queue + 0.01)
    phases = reduce_steps(frame).phases.set_index("phase")
    typical = frame["step_s"][:8]  # between the quartiles 0.010 and 0.014 lie all but the outlier
    assert phases["typical_s"].sum() == pytest.approx(typical.mean(), rel=1e-12)
    assert phases["typical_s"]["server_queue_s"] == pytest.approx(0.004 * 3 / 8)
    assert phases["median_s"]["server_queue_s"] == 0.0


def test_the_quartiles_themselves_belong_to_what_lies_between_them() -> None:
    assert between_quartiles(np.array([5.0, 1.0, 2.0, 3.0, 4.0])).tolist() == [False, False, True, True, True]
    assert between_quartiles(np.array([7.0])).tolist() == [True]
    assert between_quartiles(np.array([7.0, 1.0])).tolist() == [True, True]
    assert between_quartiles(np.zeros(0)).tolist() == []


def test_a_typical_round_is_the_mean_of_warm_ones_between_the_quartiles_per_worker() -> None:
    rounds = pd.DataFrame({"round": range(1, 7), "round_s": [9.0, 1.0, 2.0, 2.2, 2.4, 8.0], "aggregation_s": 0.3})
    steps = pd.DataFrame({"round": [*rounds["round"]] * 2, "step_s": [7.0, 0.5, 1.0, 1.1, 1.2, 5.0] * 2})
    steps = steps.assign(between_s=0.2, warmup=steps["round"] == 1)
    clients = pd.DataFrame({"round": [*rounds["round"]] * 2, "worker": [0] * 6 + [1, 1, 1, 1, 0, 1]})
    parts = typical_round(steps, rounds, clients)  # rounds 3, 4 (of two workers) and 5 (of one)
    steps_s = (1.0 + 1.1 + 2.4) / 3
    assert parts == {
        "round_s": pytest.approx(2.2), "aggregation_s": pytest.approx(0.3), "steps_s": pytest.approx(steps_s),
        "between_steps_s": pytest.approx((0.2 + 0.2 + 0.4) / 3),
    }  # fmt: skip
    old = typical_round(steps.assign(between_s=np.nan), rounds.assign(aggregation_s=np.nan), clients)
    assert old == {"round_s": pytest.approx(2.2), "steps_s": pytest.approx(steps_s)}
    cold = typical_round(steps.assign(warmup=True), rounds, clients)
    assert cold["round_s"] == pytest.approx((2.0 + 2.2 + 2.4 + 8.0) / 4), "where all compile, that is all there is"


@pytest.mark.parametrize(
    ("steps", "centres", "losses"),
    [
        (80, [0.0, 1.0, 79.0], [0.0, 1.0, 79.0]),
        (81, [0.5, 2.5, 80.5], [0.5, 2.5, 80.0]),
        (161, [1.0, 4.0, 160.0], [1.0, 4.0, 159.5]),
    ],
)
def test_a_loss_curve_is_a_mean_over_at_most_eighty_bins(steps: int, centres: list[float], losses: list[float]) -> None:
    frame = pd.DataFrame({"step": range(steps), "loss": np.arange(steps, dtype=float)})
    curve = loss_curve(pd.concat([frame, frame]))  # of two clients
    assert len(curve) <= 80
    assert curve["step"].iloc[[0, 1, -1]].tolist() == centres
    assert curve["loss"].iloc[[0, 1, -1]].tolist() == losses


def test_a_diverged_loss_ends_its_curve() -> None:
    curve = loss_curve(pd.DataFrame({"step": [0, 1, 2], "loss": [1.0, np.inf, -np.inf]}))
    assert curve.to_numpy().tolist() == [[0, 1]]
    assert loss_curve(pd.DataFrame({"step": [], "loss": []})).empty


def test_warm_up_is_what_passes_from_the_first_step_to_the_first_timed_one() -> None:
    steps = pd.DataFrame({"started_s": [3.0, 4.0, 7.5, 9.0], "warmup": [1, 1, 0, 0]})
    assert warm_up_s(steps) == 4.5
    assert warm_up_s(steps[:2]) == 0


def test_rounds_are_totalled_without_warm_up_and_with_what_is_not_there_as_nothing() -> None:
    rounds = pd.DataFrame({
        "round_s": [3.0, 2.0, 4.0], "train_loss": [2.0, 1.0, 0.5], "clients_lost": [0, 2, 1],
        "uplink_bytes": [1, 2, 3], "downlink_bytes": [10, 20, 30],
        "aggregation_uplink_bytes": [np.nan, 200, 300], "aggregation_downlink_bytes": [1000, 2000, np.nan],
    })  # fmt: skip
    grown, facts = reduce_rounds(rounds, warm_up=4)
    assert grown["done"].tolist() == [1, 2, 3]
    assert grown["elapsed_s"].tolist() == [0, 1, 5]
    assert grown["round_bytes"].tolist() == [1011, 2222, 333]
    assert grown["total_bytes"].tolist() == [1011, 3233, 3566]
    assert facts == {"train_s": 5, "model_bytes_per_round": 3500 / 3, "clients_lost": 3, "diverged": False}
    assert reduce_rounds(rounds.assign(train_loss=[1, np.nan, 1]), 0)[1]["diverged"]
    assert np.isnan(reduce_rounds(rounds[:0], 0)[1]["train_s"])


def test_the_memory_of_workers_is_the_cells_own_only_where_they_are() -> None:
    clients = pd.DataFrame({
        "client_id": [0, 1, 2, 0, 1, 2], "worker": [0, 0, 1, 0, 0, 1], "local_s": [1.0, 2.0, 3.0, 5.0, 6.0, 7.0],
        "aggregation_wait_s": [0.0, 1.0, 2.0, 1.0, 1.0, 4.0], "cpu_s": [1.0, 1.0, 1.0, 2.0, 2.0, 2.0],
        "rss_bytes": [10, 20, 5, 30, 10, 7],
    })  # fmt: skip
    by_client, facts = reduce_clients(clients, isolated=True)
    assert by_client.to_numpy().tolist() == [[0, 0, 3, 0.5, 3, 30], [1, 0, 4, 1, 3, 20], [2, 1, 5, 3, 3, 7]]
    assert facts == {"clients_rss_bytes": 37}
    assert np.isnan(reduce_clients(clients, isolated=False)[1]["clients_rss_bytes"])
    assert np.isnan(reduce_clients(clients[:0], isolated=True)[1]["clients_rss_bytes"])


def test_steps_are_reduced_to_quantiles_least_times_and_kilobits_per_second() -> None:
    count = 121
    frame = pd.DataFrame(0.0, index=range(count), columns=list(STEP_COLUMNS))
    frame = frame.assign(
        warmup=False, step=range(count), round=[0] * 61 + [1] * 60, step_s=np.arange(count, dtype=float),
        uplink_s=np.arange(count) * 0.25, downlink_s=1.0, uplink_bytes=1000, downlink_bytes=250,
    )  # fmt: skip
    steps = reduce_steps(frame)
    assert steps.latency.to_numpy() == pytest.approx(
        np.array([[0.05, 6], [0.25, 30], [0.5, 60], [0.75, 90], [0.95, 114]])
    )
    uplink = steps.phases.set_index("phase").loc["uplink_s"].to_numpy()
    assert uplink == pytest.approx(np.array([15, 15, 15, 1.5]))
    assert steps.network.to_numpy() == pytest.approx(np.array([[0, 610 / (61 + 1830 / 4)], [1, 600 / (60 + 5430 / 4)]]))
    warm = reduce_steps(frame.assign(warmup=frame["round"] == 0))
    assert warm.network.to_numpy() == pytest.approx(np.array([[1, 600 / (60 + 5430 / 4)]]))


def test_one_worker_that_compiles_makes_a_round_cold() -> None:
    rounds = pd.DataFrame({"round": [0, 1, 2], "round_s": [9.0, 2.0, 4.0], "aggregation_s": 0.5})
    steps = pd.DataFrame(
        {"round": [0, 0, 1, 2], "step_s": 1.0, "between_s": 0.25, "warmup": [True, False, False, False]}
    )
    clients = pd.DataFrame({"round": [0, 1, 2], "worker": 0})
    assert typical_round(steps, rounds, clients)["round_s"] == 3


def test_a_round_whose_workers_are_not_recorded_has_no_parts_of_its_own() -> None:
    rounds = pd.DataFrame({"round": [0, 1], "round_s": [2.0, 4.0], "aggregation_s": 0.5})
    steps = pd.DataFrame({"round": [0, 1], "step_s": [1.0, 7.0], "between_s": 0.25, "warmup": False})
    clients = pd.DataFrame({"round": [0, 1], "worker": [0, np.nan]})
    parts = typical_round(steps, rounds, clients)
    assert parts == {"round_s": 3, "aggregation_s": 0.5, "steps_s": 1, "between_steps_s": 0.25}
