"""What counts in a comparison: thresholds, bars and families."""

import math
from dataclasses import replace

import pytest

from analysis.compare.measured import Measured
from analysis.compare.pairing import Pairs
from analysis.compare.rules import GATES, Rules, aa_noise
from splitfed_core.records.metrics import METRICS, MIN_EFFECT

STEP, ROUND = METRICS["step_p50_s"], METRICS["round_p50_s"]
LOSS, BYTES = METRICS["final_train_loss"], METRICS["bytes_per_round"]
USUAL = math.log1p(MIN_EFFECT[STEP.kind])


def test_relative_effects_are_held_in_logarithms_and_losses_as_they_are() -> None:
    rules = Rules(min_effects={"step_p50_s": 0.25, "final_train_loss": 0.125})
    assert rules.threshold(STEP) == math.log1p(0.25)
    assert rules.threshold(ROUND) == math.log1p(0.25)  # a round is made of steps
    assert rules.threshold(LOSS) == 0.125
    assert rules.threshold(BYTES) == math.log1p(MIN_EFFECT[BYTES.kind])
    assert Rules(min_effects={"round_p50_s": 0.5}).threshold(STEP) == USUAL


def test_noise_raises_the_bar_of_its_cell_and_lowers_none() -> None:
    rules = Rules(noise={("a", "step_p50_s"): 0.5, ("b", "step_p50_s"): 0.001})
    assert [rules.bar(STEP, cell) for cell in "abc"] == [0.5, USUAL, USUAL]


def test_a_grid_sees_less_than_a_cell_unless_the_user_chose() -> None:
    noisy = {("a", "step_p50_s"): 0.5}
    threshold, bar = Rules(noise=noisy).of_grid(STEP, "abcd")
    assert threshold == pytest.approx(0.0147794, abs=1e-7)  # log 1.03 ÷ √4
    assert bar == pytest.approx(0.1256535, abs=1e-6)  # √(0.5² + 3 · 0.0295588²) ÷ 4; a third of their mean is 0.049
    chosen = Rules(min_effects={"step_p50_s": 0.25})
    assert chosen.of_grid(STEP, "abcd") == pytest.approx([math.log1p(0.25)] * 2)


def test_the_speeds_that_decide_are_one_family_and_each_of_the_others_its_own() -> None:
    assert Rules().families([STEP, LOSS, ROUND]) == [[STEP, ROUND], [LOSS]]
    assert Rules(gates=("step_p50_s",)).families([STEP, LOSS, ROUND]) == [[STEP], [LOSS], [ROUND]]
    assert "server_compute_p50_s" not in GATES


def test_bytes_of_nothing_have_no_noise_to_be_measured() -> None:
    """Where they are compared by ratio, nought on both sides is no pair of the same code."""
    runs = tuple(Measured(values={"bytes_per_round": sent}) for sent in (0.0, 0.0, 0.0, 0.0, 0.0))
    pairs = Pairs("c", "c", {"codec": {"name": "raw", "then": "zstd"}}, tuple(range(5)), runs, runs)
    assert aa_noise([pairs], {BYTES.name: BYTES}) == {}
    sent = tuple(Measured(values={"bytes_per_round": 100.0}) for _ in runs)
    assert aa_noise([replace(pairs, base=sent, head=sent)], {BYTES.name: BYTES}) == {("c", "bytes_per_round"): 0}
    assert aa_noise([replace(pairs, base=sent, head=sent)], {BYTES.name: BYTES}, gates=()) == {}
