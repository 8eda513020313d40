"""The gate's error rates, simulated with the code that decides real grids."""

from analysis.simulation import World, simulate
from analysis.stats import clopper_pearson


def test_at_most_one_percent_of_unchanged_grids_flag_anything() -> None:
    for pairs in (5, 10):
        rates = simulate(World(pairs=pairs, grids=2000))
        assert clopper_pearson(rates.wrong, 2000)[1] <= 0.01
        assert clopper_pearson(rates.wrong_confirmed, 2000)[1] <= 0.01


def test_slow_minutes_that_all_cells_share_are_not_taken_for_a_change() -> None:
    for pairs in (5, 10):
        rates = simulate(World(pairs=pairs, grids=2000, noise=0.01, shared=0.04))
        assert clopper_pearson(rates.wrong_confirmed, 2000)[1] <= 0.01


def test_ten_percent_in_one_cell_are_found_by_ten_pairs_and_confirmed() -> None:
    assert simulate(World(effect=0.1, changed=1)).confirmed >= 850


def test_five_percent_everywhere_are_found_by_the_grid_with_five_pairs() -> None:
    assert simulate(World(effect=0.05, pairs=5, changed=24)).grid >= 900


def test_a_grid_with_one_changed_cell_flags_no_other() -> None:
    rates = simulate(World(effect=0.2, changed=1))
    assert clopper_pearson(rates.wrong_confirmed, 1000)[1] <= 0.01


def test_the_same_world_gives_the_same_counts() -> None:
    assert simulate(World(pairs=5, grids=50, noise=0.2)) == simulate(World(pairs=5, grids=50, noise=0.2))
