"""Who takes part: clients without examples never do, and nobody else's turn depends on them."""

from typing import Any

import pytest

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.federation.schedule import evaluated, in_order, participants, round_size, turns
from splitfed_core.records.results import CellKey

ALL = CellKey("cell", 0, seed=7)
SOME = CellKey("cell", 0, seed=7, empty=frozenset({1, 4, 5}))
CONFIG = CellConfig.parse({"clients": 10, "participation": 0.5, "eval_clients": 4, "aggregation": False})


def test_who_takes_part_is_the_seeds_and_the_same_for_ever() -> None:
    """Whoever changes these numbers changes what every cell of a seed trains and measures."""
    assert [participants(ALL, CONFIG, round) for round in (0, 1)] == [[0, 3, 6, 7, 8], [0, 2, 4, 5, 8]]
    assert [evaluated(ALL, CONFIG, round) for round in (0, 1)] == [[0, 5, 6, 8], [0, 1, 6, 8]]


@pytest.mark.parametrize("round", range(5))
def test_those_without_examples_are_replaced_by_the_next_and_fewer_are_some_of_more(round: int) -> None:
    assert SOME.empty.isdisjoint(participants(SOME, CONFIG, round) + evaluated(SOME, CONFIG, round))
    assert set(participants(ALL, CONFIG, round)) - SOME.empty <= set(participants(SOME, CONFIG, round))
    assert set(evaluated(ALL, CONFIG, round)) - SOME.empty <= set(evaluated(SOME, CONFIG, round))
    fewer = CellConfig.parse({"clients": 10, "participation": 0.3})
    assert set(participants(ALL, fewer, round)) < set(participants(ALL, CONFIG, round))


@pytest.mark.parametrize(("participation", "size"), [(0.5, 5), (7, 7), (0.8, 7), (1.0, 7)])
def test_a_round_has_as_many_as_asked_for_or_all_who_have_examples(participation: float, size: int) -> None:
    config = CellConfig.parse({"clients": 10, "participation": participation})
    assert round_size(SOME, config) == len(participants(SOME, config, 0)) == size


@pytest.mark.parametrize("aggregation", [True, False])
@pytest.mark.parametrize(
    "how",
    [
        {"algorithm": "sflv2"},
        {"algorithm": "sflv1"},
        {"algorithm": "ushape", "cut_layer": ["dense1", "dense2"]},
        {"algorithm": "sl"},
        {"algorithm": "fl"},
    ],
    ids=lambda how: how["algorithm"],
)
def test_a_federation_trains_as_if_those_without_examples_did_not_exist(
    how: dict[str, Any], aggregation: bool, federations: Any
) -> None:
    if how["algorithm"] != "fl":
        how = {**how, "order": "fixed", "aggregation": aggregation}
    without, empty = federations.train(20, 13, **how), federations.train(20, 13, 0, **how)
    assert [row.loss for row in empty.steps] == [row.loss for row in without.steps]
    assert [(r.row.clients_ok, r.row.clients_lost) for r in empty.rounds] == [(2, 0)] * 2
    assert [r.row.eval_accuracy for r in empty.rounds] == [r.row.eval_accuracy for r in without.rounds]


def test_the_order_of_a_round_is_the_seeds_and_the_same_for_ever() -> None:
    """Whoever changes it changes what a fixed order trains; fewer clients are the same order with gaps."""
    assert in_order(ALL, range(8), 0) == [5, 3, 1, 0, 4, 6, 7, 2]
    assert in_order(ALL, range(8), 1) == [2, 0, 5, 3, 1, 6, 7, 4]
    assert in_order(ALL, [6, 2, 3], 0) == [3, 6, 2]


def test_turns_go_step_by_step_until_the_last_client_has_finished() -> None:
    assert list(turns([5, 3, 1], {1: 3, 3: 1, 5: 2})) == [(5, 0), (3, 0), (1, 0), (5, 1), (1, 1), (1, 2)]
    assert list(turns([], {})) == []
