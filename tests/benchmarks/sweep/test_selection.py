"""Which runs of a plan a command runs: the laws of a shard."""

import re
from collections import Counter
from typing import Any

import pytest

from benchmarks.runner import CellRun
from benchmarks.sweep.selection import parse_duration, parse_selection
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import UsageError
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


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172_800), ("0.5h", 1800), ("1m1.5s", 61.5)],
)
def test_a_duration_is_the_sum_of_its_parts(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "0s", "30 m", "1h30", "-1s", "1w"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="write a time such as 90s, 30m or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/0", "1", "1/2/3", "1234567/1234567", "-1/2"])
def test_what_is_no_shard_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="for example 2/4"):
        parse_selection(shard=text)


def test_the_options_choose_together_and_are_told_as_they_were_written() -> None:
    runs = runs_of(3, 2)
    status = {("cell0", 0): "failed", ("cell1", 0): "ok", ("cell1", 1): "failed"}
    assert [run.key for run in parse_selection(retry="failed").choose(runs, status)] == [("cell0", 0), ("cell1", 1)]
    assert [run.key for run in parse_selection(cells=["cell2"]).choose(runs, {})] == [("cell2", 0), ("cell2", 1)]
    assert [run.key for run in parse_selection(repeat=0).choose(runs, {})] == [(f"cell{i}", 0) for i in range(3)]
    assert parse_selection(only=f"clients == {CONFIG.num_clients}").choose(runs, {}) == runs
    chosen = parse_selection("clients > 0", "1/1", "failed", ["cell1"], 1)
    assert [run.key for run in chosen.choose(runs, status)] == [("cell1", 1)]
    assert str(chosen) == "--only 'clients > 0' --retry failed --cell cell1 --repeat 1"
    assert str(parse_selection(shard="2/3", repeat=0)) == "--shard 2/3 --repeat 0"
    assert str(parse_selection()) == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only": "clients > 999"}, "holds for none of the 3 cells of this plan"),
        ({"cells": ["cell1", "cell7"]}, "--cell 'cell7' is not in this plan"),
        ({"repeat": 2}, "--repeat 2: repeats count from 0"),
        ({"retry": "ok"}, "--retry 'ok': choose one of "),
    ],
)
def test_a_choice_of_nothing_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        parse_selection(**options).choose(runs_of(3, 2), {})


def test_a_condition_chooses_the_cells_for_which_it_holds() -> None:
    configs = [CellConfig.parse({"clients": clients}) for clients in (2, 3, 4)]
    runs = [CellRun(config, 0, 1, f"cell{config.num_clients}") for config in configs]
    assert [run.cell_id for run in parse_selection(only="clients > 2").choose(runs, {})] == ["cell3", "cell4"]
    both = parse_selection(only="clients > 2", cells=["cell2", "cell4"])
    assert [run.cell_id for run in both.choose(runs, {})] == ["cell4"]
