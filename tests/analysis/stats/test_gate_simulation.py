"""The gate's error rates, simulated with the code that decides real grids."""

from dataclasses import astuple, replace
from hashlib import sha256

import pytest

from analysis.stats.gate_simulation import LossWorld, World, kinds_of_noise, simulate, simulate_losses, tables
from analysis.stats.signed_rank import clopper_pearson


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_at_most_one_percent_of_unchanged_grids_flag_anything(correlation: float) -> None:
    for pairs in (5, 10):
        rates = simulate(World(pairs=pairs, grids=2000, correlation=correlation))
        assert clopper_pearson(rates.wrong, 2000)[1] <= 0.01
        assert clopper_pearson(rates.wrong_confirmed, 2000)[1] <= 0.01


def test_slow_minutes_that_all_cells_share_are_not_taken_for_a_change() -> None:
    for pairs in (5, 10):
        rates = simulate(World(pairs=pairs, grids=2000, noise=0.01, shared=0.04))
        assert clopper_pearson(rates.wrong_confirmed, 2000)[1] <= 0.01


def test_ten_percent_in_one_cell_are_found_by_ten_pairs_and_confirmed() -> None:
    assert simulate(World(effect=0.1, changed=1)).confirmed >= 850


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("cells", [1, 12])
def test_the_level_holds_whatever_the_round_has_to_do_with_the_step(correlation: float, cells: int) -> None:
    rates = simulate(World(min_effect=0.0, cells=cells, correlation=correlation, grids=4000))
    assert clopper_pearson(rates.wrong, 4000)[0] <= 2 * 0.05 * (
        1 + (cells > 1)
    )  # worse and better; cells, and the grid


def test_ten_percent_in_the_rounds_of_one_cell_alone_are_found_too() -> None:
    assert simulate(World(effect=0.1, changed=1, rounds_alone=True)).confirmed >= 800
    assert simulate(World(effect=0.1, changed=1, rounds_alone=True)).wrong_confirmed == 0


def test_noise_of_the_same_code_never_makes_a_change_unchanged() -> None:
    noisy = World(effect=0.12, changed=1, noise=0.08, same_code=5)
    assert simulate(noisy).unchanged == 0
    edge = World(effect=0.03, cells=1, changed=1, noise=0.01, same_code=5, grids=4000)
    assert clopper_pearson(simulate(edge).unchanged, 4000)[0] <= 2 * 0.05  # of either time, at the margin itself


@pytest.mark.parametrize("pairs", [5, 10])
def test_losses_that_seeds_decide_are_not_confirmed_by_other_seeds(pairs: int) -> None:
    world = LossWorld(pairs=pairs, grids=2000)
    assert clopper_pearson(simulate_losses(world).wrong_confirmed, 2000)[1] <= 0.01
    assert clopper_pearson(simulate_losses(replace(world, same_seeds=True)).wrong_confirmed, 2000)[0] >= 0.05


def test_five_percent_everywhere_are_found_by_the_grid_with_five_pairs() -> None:
    assert simulate(World(effect=0.05, pairs=5, changed=24)).grid >= 900


def test_a_grid_with_one_changed_cell_flags_no_other() -> None:
    rates = simulate(World(effect=0.2, changed=1))
    assert clopper_pearson(rates.wrong_confirmed, 1000)[1] <= 0.01


def test_the_same_world_gives_the_same_counts() -> None:
    assert simulate(World(pairs=5, grids=50, noise=0.2)) == simulate(World(pairs=5, grids=50, noise=0.2))


def test_all_tables_over_few_grids_are_the_same_to_the_digit() -> None:
    """Those in docs/gate.md are over 2,000 grids and take minutes: `nox -s slow` compares them."""
    assert sha256(tables(grids=20).encode()).hexdigest()[:16] == "46a5cf89df1692dc"


W = World(effect=0.12, changed=3, cells=6, noise=0.05, shared=0.02, correlation=0.5, same_code=6, grids=200)
LOSSES = LossWorld(pairs=8, cells=5, min_effect=0.01, grids=200)


@pytest.mark.parametrize(
    ("world", "counts"),
    [
        (W, (78, 110, 49, 0, 0, 0)),
        (replace(W, rounds_alone=True, pairs=7), (0, 37, 11, 0, 0, 0)),
        (replace(W, effect=0.02, noise=0.01, min_effect=0.02, same_code=0), (1, 0, 1, 29, 0, 0)),
        (World(effect=1.0, noise=1.0, changed=2, cells=3, pairs=8, grids=400), (109, 77, 54, 0, 6, 1)),
        (World(effect=0.2, changed=1, cells=6, min_effect=0.0, pairs=8, grids=400), (400, 400, 366, 0, 23, 9)),
        (World(cells=6, min_effect=0.0, pairs=8, shared=0.3, noise=0.01, grids=400), (0, 0, 1, 0, 31, 1)),
        (LossWorld(pairs=8, cells=3, seeds=1.0, runs=1.0, min_effect=0.01, grids=400), (0, 0, 0, 0, 146, 17)),
        (replace(W, effect=0.0, changed=0, min_effect=0.0, same_code=0), (0, 0, 0, 0, 29, 12)),
        (LOSSES, (0, 0, 0, 0, 38, 3)),
        (replace(LOSSES, same_seeds=True), (0, 0, 0, 0, 38, 80)),
    ],
)
def test_a_simulated_world_is_the_same_to_the_count(world: World | LossWorld, counts: tuple[int, ...]) -> None:
    found = simulate(world) if isinstance(world, World) else simulate_losses(world)
    assert astuple(found) == counts


def test_what_is_not_said_of_a_world_is_as_in_the_docs() -> None:
    assert World() == World(0.0, 10, 24, 0, False, 0.04, 0.0, 0.8, 0, 0.03, 1000)
    assert LossWorld() == LossWorld(10, 24, 0.1, 0.01, False, 3, 0.05, 1000)


def test_the_kinds_of_noise_are_what_their_names_say() -> None:
    found = {name: (w.noise, w.shared, w.correlation, w.same_code) for name, w in kinds_of_noise(World()).items()}
    assert found == {
        "1%": (0.01, 0, 0.8, 0),
        "4%": (0.04, 0, 0.8, 0),
        "8%": (0.08, 0, 0.8, 0),
        "4%, rounds apart from steps": (0.04, 0, 0, 0),
        "8%, with `--noise` of 5 pairs": (0.08, 0, 0.8, 5),
        "1% and 4% shared": (0.01, 0.04, 0.8, 0),
    }
