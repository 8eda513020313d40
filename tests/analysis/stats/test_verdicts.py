"""Verdicts on differences with known answers: the four outcomes, families, confirmation, exact comparison."""

import math

import numpy as np
import pytest

from analysis.stats.verdicts import (
    Question,
    Verdict,
    confirm_family,
    decide,
    decide_exact,
    decide_family,
    grid_threshold,
    noise,
    outcomes,
    signed_rank_tests,
)

SPREAD = np.array([-0.02, -0.012, -0.005, -0.001, 0.0, 0.002, 0.004, 0.009, 0.011, 0.018])


def asked(*samples: np.ndarray, per_cell: int = 1) -> list[Question]:
    """Questions about cells in turn, `per_cell` of each, where 3 % matter."""
    return [Question(sample, 0.03, cell=i // per_cell) for i, sample in enumerate(samples)]


NOT_MEASURED = Verdict("inconclusive", "not measured")


@pytest.mark.parametrize(
    ("centre", "outcome"), [(0.1, "regression"), (-0.1, "improvement"), (0.0, "unchanged"), (0.03, "inconclusive")]
)
def test_the_four_outcomes(centre: float, outcome: str) -> None:
    verdict = decide(SPREAD + centre, 0.03)
    assert verdict.outcome == outcome
    assert verdict.estimate == pytest.approx(centre + 0.0005, abs=1e-3)
    assert verdict.low < verdict.estimate < verdict.high


def test_a_regression_needs_its_bound_beyond_the_minimum_effect_not_beyond_zero() -> None:
    verdict = decide(SPREAD + 0.03, 0.03)
    assert verdict.low > 0
    assert (verdict.outcome, verdict.suspect) == ("inconclusive", None)
    assert decide(SPREAD + 0.03, 0.01).outcome == "regression"


@pytest.mark.parametrize("pairs", [0, 1, 4])
def test_fewer_than_five_pairs_are_inconclusive_however_large_the_change(pairs: int) -> None:
    verdict = decide([1.0] * pairs, 0.03)
    assert (verdict.outcome, verdict.reason) == ("inconclusive", f"needs ≥ 5 pairs, has {pairs}")
    assert verdict.low == -math.inf


def test_equal_values_are_unchanged_with_five_pairs() -> None:
    assert decide([0.0] * 5, 0.03).outcome == "unchanged"


def test_five_pairs_cannot_single_out_one_cell_of_many() -> None:
    first = decide_family(asked(np.full(5, 0.2), *(np.zeros(5) for _ in range(23))))[0]
    assert (first.outcome, first.suspect) == ("inconclusive", "regression")
    assert (
        first.reason
        == "stands out by itself, but with 24 results looked at, that takes at least 9 pairs or a confirming run"
    )


def test_nine_pairs_can() -> None:
    questions = asked(np.full(9, 0.2), *(np.zeros(9) for _ in range(23)))
    assert [v.outcome for v in decide_family(questions)] == ["regression", *["unchanged"] * 23]


def test_cells_may_have_different_numbers_of_pairs() -> None:
    verdicts = decide_family(asked(np.full(9, 0.2), np.full(3, 0.2)))
    assert [v.outcome for v in verdicts] == ["regression", "inconclusive"]


def test_confirmation_counts_the_suspects_alone() -> None:
    first = decide_family(asked(np.full(5, 0.2), *(np.zeros(5) for _ in range(23))))
    again = confirm_family(first, [*asked(np.full(5, 0.15)), *[NOT_MEASURED] * 23])
    assert [v.outcome for v in again] == ["regression", *["unchanged"] * 23]
    assert again[0].reason == "flagged, and again by 5 fresh pairs"


@pytest.mark.parametrize(
    ("again", "reason"),
    [
        (Question(np.zeros(5), 0.03), "flagged once, but not again by 5 fresh pairs"),
        (Question(np.full(5, -0.2), 0.03), "flagged once, but not again by 5 fresh pairs"),
        (NOT_MEASURED, "not measured"),
    ],
)
def test_what_is_not_flagged_again_is_inconclusive(again: Question | Verdict, reason: str) -> None:
    first = decide_family(asked(np.full(10, 0.2)))
    assert first[0].outcome == "regression"
    verdict = confirm_family(first, [again])[0]
    assert (verdict.outcome, verdict.reason) == ("inconclusive", reason)


@pytest.mark.parametrize(
    ("differences", "outcome"),
    [([0, 0, 0], "unchanged"), ([0, 0, 1e-12], "regression"), ([-1, 0, 0], "improvement"), ([-5, 1, 0], "regression")],
)
def test_exact_metrics_forgive_nothing_and_need_one_pair(differences: list[float], outcome: str) -> None:
    assert decide_exact(np.array(differences)).outcome == outcome


def test_a_tolerance_of_an_exact_metric() -> None:
    assert decide_exact(np.array([0.01, -0.01]), 0.02).outcome == "unchanged"
    assert decide_exact(np.array([0.03, -0.01]), 0.02).outcome == "regression"


@pytest.mark.parametrize(("cells", "expected"), [(2, 0.03 / math.sqrt(2)), (9, 0.01), (24, 0.01)])
def test_the_grid_sees_less_than_a_cell_down_to_a_third(cells: int, expected: float) -> None:
    assert grid_threshold([0.03] * cells) == pytest.approx(expected)


def test_noise_is_the_largest_difference_that_cannot_be_ruled_out() -> None:
    assert noise(np.array([-0.05, 0.01, 0.02, 0.0, 0.03])) == 0.05
    assert noise(np.array([0.0, 0.0])) == math.inf


def test_suspects_of_either_direction_are_families_of_their_own() -> None:
    first = decide_family(asked(np.full(5, 0.2), np.full(5, -0.2)))
    assert [v.outcome for v in first] == ["inconclusive"] * 2
    again = confirm_family(first, asked(np.full(5, 0.2), np.full(5, -0.2)))
    assert [v.outcome for v in again] == ["regression", "improvement"]


@pytest.mark.parametrize(
    ("centre", "bar", "outcome"),
    [
        (0.12, 0.2, "inconclusive"),  # it matters, but the same code differs from itself by more
        (0.12, 0.05, "regression"),
        (-0.12, 0.2, "inconclusive"),
        (0.0, 0.2, "unchanged"),
        (0.03, 0.2, "inconclusive"),
    ],
)
def test_noise_raises_the_bar_but_never_the_margin(centre: float, bar: float, outcome: str) -> None:
    (verdict,) = decide_family([Question(SPREAD + centre, 0.03, bar)])
    assert (verdict.outcome, verdict.threshold, verdict.bar) == (outcome, 0.03, bar)
    within_noise = (
        "it changed by more than the minimum effect, but not by more than the same code differs from itself here"
    )
    assert (verdict.reason == within_noise) == (abs(centre) == 0.12 and bar == 0.2)


def test_a_cell_whose_step_and_round_both_move_needs_no_more_pairs_than_one_number() -> None:
    moved, still = np.full(5, 0.2), SPREAD[:5]
    assert [v.outcome for v in decide_family(asked(moved, moved, per_cell=2))] == ["regression"] * 2
    step, alone = decide_family(asked(still, moved, per_cell=2))
    assert (step.outcome, alone.outcome, alone.suspect) == ("unchanged", "inconclusive", "regression")
    assert (
        alone.reason
        == "stands out by itself, but with 2 results looked at, that takes at least 6 pairs or a confirming run"
    )
    six = decide_family(asked(SPREAD[:6], np.full(6, 0.2), per_cell=2))
    assert [v.outcome for v in six] == ["unchanged", "regression"]
    again = confirm_family([step, alone], asked(still, moved, per_cell=2))
    assert [v.outcome for v in again] == ["unchanged", "regression"]


def test_a_verdict_tells_its_estimate_its_exact_bounds_and_what_it_was_held_against() -> None:
    """Of five distinct pairs the bounds at 5 % are the least and the largest; Walsh averages by hand."""
    (verdict,) = decide_family([Question(np.array([1.0, 2.0, 4.0, 8.0, 16.0]), 0.5, 0.25)])
    assert (verdict.pairs, verdict.threshold, verdict.bar) == (5, 0.5, 0.5)
    assert (verdict.low, verdict.estimate, verdict.high) == (1, 5, 16)
    assert (verdict.outcome, verdict.suspect, verdict.exact) == ("regression", "regression", False)


def test_the_margin_itself_is_unchanged_and_no_suspect() -> None:
    (at,) = decide_family([Question(np.full(5, 0.03), 0.03)])
    assert (at.outcome, at.suspect) == ("unchanged", None)
    (below,) = decide_family([Question(np.full(5, -0.03), 0.03)])
    assert (below.outcome, below.suspect) == ("unchanged", None)


@pytest.mark.parametrize(
    ("differences", "tolerance", "expected"),
    [
        ([1.0, 2.0, 6.0], 0.0, ("regression", 6, 1, 6)),
        ([-4.0, -2.0, -1.0], 0.0, ("improvement", -4, -4, -1)),
        ([-2.0, 0.5, 1.0], 2.0, ("unchanged", 0.5, -2, 1)),
        ([0.5, 1.0, 2.0], 2.0, ("unchanged", 1, 0.5, 2)),
    ],
)
def test_an_exact_verdict_shows_the_pair_that_decides(
    differences: list[float], tolerance: float, expected: tuple[str, float, float, float]
) -> None:
    verdict = decide_exact(np.array(differences), tolerance)
    assert (verdict.outcome, verdict.estimate, verdict.low, verdict.high) == expected
    assert (verdict.pairs, verdict.threshold, verdict.bar, verdict.exact) == (3, tolerance, tolerance, True)
    assert verdict.reason == "compared exactly: it has no noise"


def test_equal_pairs_are_told_as_equal() -> None:
    assert decide_exact(np.zeros(2)).reason == "equal in every pair"


@pytest.mark.parametrize(
    ("sample", "outcome", "reason"),
    [
        (np.full(5, 0.2), "regression", "the bound clears the minimum effect"),
        (np.full(5, -0.2), "improvement", "the bound clears the minimum effect"),
        (np.zeros(5), "unchanged", "the interval lies within ± the minimum effect"),
        (SPREAD + 0.03, "inconclusive", "the interval crosses the minimum effect; more pairs would tell"),
    ],
)
def test_every_outcome_has_its_reason(sample: np.ndarray, outcome: str, reason: str) -> None:
    (verdict,) = decide_family([Question(sample, 0.03)])
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_where_pairs_suffice_a_suspect_is_told_to_confirm_only() -> None:
    """Nine pairs could single out one of 24; these nine do not, as one of them is the other way."""
    almost = np.array([-0.1, *np.full(8, 0.2)])
    first = decide_family(asked(almost, *(np.zeros(9) for _ in range(23))))[0]
    assert (first.outcome, first.suspect) == ("inconclusive", "regression")
    assert first.reason == "stands out by itself, but with 24 results looked at, that takes a confirming run"


def test_the_grid_weighs_its_thresholds_by_their_squares() -> None:
    assert grid_threshold([0.3, 0.4]) == pytest.approx(0.25)
    assert grid_threshold([[0.03] * 16, [0.09] * 16]) == pytest.approx([0.01, 0.03])


def test_noise_counts_in_both_directions() -> None:
    assert noise(np.array([0.05, -0.01, -0.02, 0.0, -0.03])) == 0.05
    assert noise(np.array([0.02, 0.03, 0.04, 0.05, 0.06])) == 0.06


def test_a_verdict_and_a_question_begin_with_nothing_known() -> None:
    verdict = Verdict("error", "of two codes")
    assert (verdict.pairs, verdict.threshold, verdict.bar, verdict.suspect, verdict.exact) == (0, 0, 0, None, False)
    assert (verdict.low, verdict.high, math.isnan(verdict.estimate)) == (-math.inf, math.inf, True)
    assert (Question(SPREAD, 0.03).bar, Question(SPREAD, 0.03).cell) == (0, 0)
    assert decide_family([]) == []


@pytest.mark.parametrize(("by", "outcome"), [(0.2, "regression"), (-0.2, "improvement")])
def test_a_p_value_equal_to_the_level_rejects(by: float, outcome: str) -> None:
    """Five pairs on one side have 2^-5, to the bit."""
    at, below = decide([by] * 5, 0.03, alpha=1 / 32), decide([by] * 5, 0.03, alpha=1 / 33)
    assert (at.outcome, at.suspect) == (outcome, outcome)
    assert (below.outcome, below.suspect) == ("inconclusive", None)


def test_questions_on_any_axes_are_each_about_another_cell_unless_told() -> None:
    """Of six pairs p is 2^-6: four times that is more than 5 %, three times and twice are not."""
    ranked = signed_rank_tests(np.full((2, 3, 4, 6), 0.2), 0.03)
    assert ranked.threshold.tolist() == ranked.bar.tolist() == np.full((2, 3, 4), 0.03).tolist()
    assert set(outcomes(ranked).flat) == {"inconclusive"}
    assert set(outcomes(ranked, cells=np.array([0, 1, 2, 2])).flat) == {"regression"}


def test_a_cell_all_of_whose_numbers_move_counts_once_in_what_is_told() -> None:
    moved = np.full(5, 0.2)
    reasons = [v.reason for v in decide_family(asked(moved, moved, SPREAD[:5], SPREAD[:5], per_cell=2))]
    assert reasons[0] == reasons[1]
    assert reasons[0].startswith("stands out by itself, but with 2 results looked at, that takes at least 6 pairs")


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("nearest", [0.03, 0.0])
def test_a_bound_at_the_margin_has_not_cleared_it(sign: int, nearest: float) -> None:
    (verdict,) = decide_family([Question(sign * np.array([nearest, 0.2, 0.2, 0.2, 0.2]), 0.03)])
    assert (verdict.outcome, verdict.suspect) == ("inconclusive", None)
    assert verdict.reason == "the interval crosses the minimum effect; more pairs would tell"
