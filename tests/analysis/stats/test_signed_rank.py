"""The gate's statistics against enumeration, scipy and worked examples."""

import itertools
from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, wilcoxon

from analysis.stats.signed_rank import (
    adjust,
    bootstrap,
    clopper_pearson,
    fewest_pairs,
    resamples,
    signed_rank,
    signed_rank_tail,
)

NUMBERS = st.lists(st.integers(-1000, 1000), min_size=1, max_size=9).map(lambda values: np.array(values) / 64)


def test_walsh_averages_and_their_median() -> None:
    sample = np.array([1.0, 5.0, 2.0])
    assert signed_rank(sample).averages.tolist() == [1.0, 1.5, 2.0, 3.0, 3.5, 5.0]
    assert signed_rank(sample).estimate == 2.5


@pytest.mark.parametrize("pairs", [1, 5, 8])
def test_the_distribution_of_the_statistic_is_that_of_all_signs(pairs: int) -> None:
    totals = [
        sum(ranks) for signs in itertools.product([0, 1], repeat=pairs) for ranks in [np.arange(1, pairs + 1) * signs]
    ]
    tail = [np.mean([total >= t for total in totals]) for t in range(pairs * (pairs + 1) // 2 + 1)]
    assert signed_rank_tail(pairs).tolist() == tail


def test_p_values_are_those_of_scipy() -> None:
    sample = np.random.default_rng(1).normal(0.5, 1, 12)
    expected = wilcoxon(sample - 0.1, alternative="greater", method="exact").pvalue
    assert signed_rank(sample).p_above(0.1) == pytest.approx(expected, rel=1e-12)


def test_with_five_pairs_the_bound_is_the_smallest_difference() -> None:
    low, high = signed_rank(np.array([0.4, 0.1, 0.3, 0.2, 0.9])).bounds(0.05)
    assert [low, high] == [0.1, 0.9]


def test_four_pairs_bound_nothing() -> None:
    low, high = signed_rank(np.array([0.4, 0.1, 0.3, 0.2])).bounds(0.05)
    assert [low, high] == [-np.inf, np.inf]
    low, high = signed_rank(np.zeros((2, 3, 4))).bounds(0.05)
    assert (-low).tolist() == high.tolist() == np.full((2, 3), np.inf).tolist()


@given(NUMBERS, st.integers(-1000, 1000))
def test_a_bound_clears_a_value_exactly_when_its_test_rejects(sample: np.ndarray, value: int) -> None:
    low, high = signed_rank(sample).bounds(0.05)
    assert (low > value / 64) == (signed_rank(sample).p_above(value / 64) <= 0.05)
    assert (high < value / 64) == (signed_rank(sample).p_below(value / 64) <= 0.05)


@given(NUMBERS)
def test_turning_a_sample_round_turns_its_interval_round(sample: np.ndarray) -> None:
    low, high = signed_rank(sample).bounds(0.05)
    assert signed_rank(-sample).bounds(0.05) == (-high, -low)
    assert signed_rank(-sample).estimate == -signed_rank(sample).estimate


@pytest.mark.parametrize(("family", "pairs"), [(1, 5), (2, 6), (24, 9), (51, 10), (52, 11)])
def test_pairs_that_a_family_takes(family: int, pairs: int) -> None:
    assert fewest_pairs(0.05, family) == pairs
    assert 2.0**-pairs <= 0.05 / family < 2.0 ** -(pairs - 1)


def test_over_cells_it_is_holms_step_down() -> None:
    adjusted = adjust(np.array([0.01, 0.04, 0.03, 0.005]), np.arange(4))
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_only_the_family_counts_and_many_families_are_adjusted_at_once() -> None:
    p = np.array([[0.01, 0.04, 0.03], [0.04, 0.04, 0.9]])
    among = np.array([[True, False, True], [False, True, False]])
    assert adjust(p, np.arange(3), among) == pytest.approx(np.array([[0.02, 1, 0.03], [1, 0.04, 1]]))


def test_within_a_cell_it_is_hochbergs_step_up() -> None:
    assert adjust(np.array([0.01, 0.04]), np.zeros(2, int)) == pytest.approx([0.02, 0.04])
    assert adjust(np.array([0.03, 0.04]), np.zeros(2, int)) == pytest.approx([0.04, 0.04])
    assert adjust(np.array([0.01, 0.04, 0.03]), np.zeros(3, int)) == pytest.approx([0.03, 0.04, 0.04])


def test_a_cell_counts_until_all_that_is_asked_of_it_is_rejected() -> None:
    p = np.array([0.001, 0.9, 0.01, 0.01])  # of the first cell one of two, of the second both
    assert adjust(p, np.array([0, 0, 1, 1])) == pytest.approx([2 * 0.002, 0.9, 2 * 0.01, 2 * 0.01])
    assert adjust(p[[0, 2, 3]], np.array([0, 1, 1])) == pytest.approx([2 * 0.001, 0.01, 0.01])


def test_many_samples_at_once_give_what_each_gives_alone() -> None:
    samples = np.random.default_rng(2).normal(size=(3, 4, 7))
    low, high = signed_rank(samples).bounds(0.05)
    assert (low[2, 1], high[2, 1]) == signed_rank(samples[2, 1]).bounds(0.05)
    assert signed_rank(samples).p_above(np.full((3, 4), 0.2))[0, 3] == signed_rank(samples[0, 3]).p_above(0.2)
    assert signed_rank(samples).p_below(np.full((3, 4), 0.2))[0, 3] == signed_rank(samples[0, 3]).p_below(0.2)


def test_the_bootstrap_interval_repeats_and_covers() -> None:
    rng = np.random.default_rng(3)
    samples = rng.normal(0.1, 0.05, (200, 10))
    covered = [low <= 0.1 <= high for low, high in (bootstrap(sample, draws=400) for sample in samples)]
    assert bootstrap(samples[0]) == bootstrap(samples[0])
    assert 0.85 <= np.mean(covered) <= 0.98


def test_clopper_pearson_is_that_of_scipy_and_the_rule_of_three() -> None:
    expected = binomtest(7, 50).proportion_ci(0.9, method="exact")
    assert clopper_pearson(7, 50) == pytest.approx((expected.low, expected.high))
    assert clopper_pearson(0, 1000)[1] == pytest.approx(1 - 0.05 ** (1 / 1000))
    assert clopper_pearson(9, 9) == pytest.approx((exp(np.log(0.05) / 9), 1.0))


@pytest.mark.parametrize(
    ("pairs", "draws", "count"),
    [(10, 2000, 2000), (10, 100, 200), (100, 2000, 1980), (99, 2000, 2000), (141, 2000, 998), (400, 2000, 200),
     (1, 20_000_000, 10_000_000), (4, 2_000_000, 1_000_000)],
)  # fmt: skip
def test_of_very_many_pairs_fewer_resamples_are_drawn(pairs: int, draws: int, count: int) -> None:
    assert resamples(pairs, draws) == count


def test_the_bootstrap_interval_is_the_same_to_the_digit() -> None:
    """What a report shows must not depend on the day."""
    assert bootstrap(np.array([0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0])) == (1, 18)
    assert bootstrap(np.array([0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]), level=0.5) == (3.5, 9.25)
    sample = np.random.default_rng(3).normal(0.1, 0.05, 20)
    intervals = [bootstrap(sample, 0.95, draws) for draws in (1999, 2000, 2001)]
    assert [bootstrap(sample) == each for each in intervals] == [False, True, False]


def test_ties_speak_for_the_value_and_a_level_that_is_just_met_bounds() -> None:
    """Of 1 to 5, 14 of 15 Walsh averages lie above 1 and below 5; T >= 14 has 2 of 32 signs, T = 15 has one."""
    seen = signed_rank(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert [float(p) for p in (seen.p_above(1), seen.p_below(5))] == [2 / 32, 2 / 32]
    assert [float(p) for p in (seen.p_above(0.5), seen.p_below(5.5))] == [1 / 32, 1 / 32]
    assert [float(bound) for bound in seen.bounds(1 / 32)] == [1, 5]
    assert [float(bound) for bound in seen.bounds(1 / 33)] == [-np.inf, np.inf]
