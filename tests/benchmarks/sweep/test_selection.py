"""Which runs of a plan a command runs: the laws of a shard."""

from collections import Counter

import pytest

from benchmarks.runner import CellRun
from benchmarks.sweep.selection import parse_selection
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.seeding import derive

CONFIG = CellConfig()


def runs_of(cells: int, repeats: int) -> list[CellRun]:
    return [CellRun(CONFIG, k, derive(1, k), f"cell{i}") for i in range(cells) for k in range(repeats)]


@pytest.mark.parametrize("cells", [1, 2, 7, 26])
@pytest.mark.parametrize("repeats", [1, 2, 3, 5])
@pytest.mark.parametrize("parts", [1, 2, 3, 4, 11])
def test_shards_are_all_runs_once_and_of_equal_size(cells: int, repeats: int, parts: int) -> None:
    runs = runs_of(cells, repeats)
    shards = [parse_selection(shard=f"{part}/{parts}").choose(runs, {}) for part in range(1, parts + 1)]
    assert Counter(run.key for shard in shards for run in shard) == Counter(run.key for run in runs)
    assert {len(shard) for shard in shards} <= {len(runs) // parts, -(-len(runs) // parts)}
    again = parse_selection(shard=f"{parts}/{parts}").choose(runs[::-1], {})
    assert {run.key for run in again} == {run.key for run in shards[-1]}  # not by place in the plan


@pytest.mark.parametrize(("repeats", "parts"), [(2, 2), (4, 2), (6, 3), (5, 5)])
def test_a_machine_has_whole_repeats(repeats: int, parts: int) -> None:
    for part in range(1, parts + 1):
        mine = parse_selection(shard=f"{part}/{parts}").choose(runs_of(6, repeats), {})
        assert set(Counter(run.repeat for run in mine).values()) == {6}


@pytest.mark.parametrize("values", [2, 4, 8])
def test_a_machine_has_all_values_of_the_last_axis(values: int) -> None:
    runs = runs_of(8 * values, 1)
    for part in range(1, values + 1):
        mine = parse_selection(shard=f"{part}/{values}").choose(runs, {})
        assert len({int(run.cell_id[4:]) % values for run in mine}) > 1


def test_other_options_move_no_run_to_another_shard() -> None:
    runs = runs_of(9, 3)
    mine = parse_selection(shard="2/4").choose(runs, {})
    for run in runs:
        chosen = parse_selection(shard="2/4", cells=[run.cell_id], repeat=run.repeat).choose(runs, {})
        assert chosen == [run] * (run in mine)
