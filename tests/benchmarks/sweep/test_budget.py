"""The budget of a sweep under a clock that the test turns."""

import pytest

from benchmarks.sweep.budget import Budget


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_cell_fits_while_what_it_took_before_is_left(clock: Clock) -> None:
    budget = Budget(10, clock)
    budget.learn("a", 3)
    budget.learn("a", 5)
    clock.now = 106
    assert budget.fits("a")
    clock.now = 106.125
    assert not budget.fits("a")


def test_of_a_new_cell_is_expected_what_the_others_took_each_counted_once(clock: Clock) -> None:
    budget = Budget(10, clock)
    for took in (2, 2, 2, 8):
        budget.learn("a" if took == 2 else "b", took)
    clock.now = 105
    assert budget.fits("new")
    clock.now = 105.125
    assert not budget.fits("new")


def test_the_first_cell_fits_until_the_time_is_over(clock: Clock) -> None:
    budget = Budget(10, clock)
    clock.now = 109.875
    assert budget.fits("first")
    clock.now = 110
    assert not budget.fits("first")


def test_it_learns_from_what_is_done_within(clock: Clock) -> None:
    budget = Budget(10, clock)
    with budget.timed("a"):
        clock.now += 4
    clock.now += 2
    assert budget.fits("a")
    clock.now += 0.125
    assert not budget.fits("a")


def test_without_a_limit_everything_fits(clock: Clock) -> None:
    budget = Budget(None, clock)
    budget.learn("a", 1e9)
    clock.now += 1e9
    assert budget.fits("a")
