"""Resampling by hand: what is drawn, what a draw makes of means, and who wins."""

import math

import numpy as np
import pytest

from analysis.results.resampling import (
    accuracies,
    beaten_by,
    draw_repeats,
    floored_percent,
    front_share,
    means,
    on_front,
    wins,
)

NAN = math.nan


@pytest.mark.parametrize(("cells", "count"), [(0, 1000), (1, 1000), (100, 1000), (200, 500), (5000, 50)])
def test_many_cells_are_drawn_less_often(cells: int, count: int) -> None:
    drawn = draw_repeats(3, cells)
    assert drawn.shape == (count, 3)
    assert set(np.unique(drawn)) == {0, 1, 2}
    assert (drawn == draw_repeats(3, cells)).all()


def test_a_draw_is_of_the_repeats_that_a_cell_has() -> None:
    """A cell without any of the drawn repeats stands for itself."""
    values = np.array([[1.0, 2.0, 6.0], [4.0, NAN, 8.0]])
    drawn = np.array([[0, 1, 2], [1, 1, 1], [2, 2, 0]])
    assert means(values, drawn).tolist() == [[3, 6], [2, 6], [13 / 3, 20 / 3]]


def test_other_test_examples_move_an_accuracy_where_their_number_is_known() -> None:
    values = np.array([[0.25, 0.75], [0.25, 0.75], [1.0, 1.0], [0.0, 0.0]])
    drawn = np.tile([0, 1], (4000, 1))
    drawn_accuracies = accuracies(values, drawn, np.array([NAN, 20.0, 20.0, 20.0]))
    assert set(drawn_accuracies[:, 0]) == {0.5}
    assert np.allclose(drawn_accuracies * 20, np.round(drawn_accuracies * 20))
    assert set(drawn_accuracies[:, 2]) == {1.0}
    assert set(drawn_accuracies[:, 3]) == {0.0}
    # The variance of a share of 20 is 1/80; of 4,000 of them it is known to 2·√(2/4000) of that, and the mean to 5 σ.
    assert drawn_accuracies[:, 1].var() == pytest.approx(0.25 / 20, rel=0.11)
    assert drawn_accuracies[:, 1].mean() == pytest.approx(0.5, abs=5 * math.sqrt(0.25 / 20 / 4000))


def test_an_accuracy_beyond_its_range_is_brought_back() -> None:
    assert accuracies(np.array([[1.5], [-0.5]]), np.array([[0]]), np.array([NAN, NAN])).tolist() == [[1, 0]]


def test_ties_are_won_by_all() -> None:
    assert wins(np.array([[1.0, 2.0, 2.0], [3.0, 2.0, 1.0]])).tolist() == [0.5, 0.5, 0.5]


COSTS = np.array([[1.0, 5.0], [2.0, 2.0], [2.0, 3.0], [3.0, 3.0], [1.0, 5.0]])


def test_on_the_front_is_whom_nobody_beats_in_one_and_equals_in_all() -> None:
    assert on_front(COSTS).tolist() == [True, True, False, False, True]
    assert beaten_by(COSTS).tolist() == [0, 0, 1, 2, 0]


def test_the_share_of_a_front_is_that_of_its_draws() -> None:
    other = COSTS[[1, 0, 2, 3, 4]]
    assert front_share(np.stack([COSTS, other, -COSTS, COSTS])).tolist() == [1, 0.75, 0, 0.25, 1]


@pytest.mark.parametrize(("share", "text"), [(0.0, "0 %"), (0.299, "29 %"), (0.9999, "99 %"), (1.0, "100 %")])
def test_a_share_is_rounded_down(share: float, text: str) -> None:
    assert floored_percent(share) == text
