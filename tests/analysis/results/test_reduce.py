"""From rows to numbers: what holds of the reductions themselves."""

import numpy as np
import pandas as pd
import pytest

from analysis.results.reduce import STEP_COLUMNS, between_quartiles, reduce_steps
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
