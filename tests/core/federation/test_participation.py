"""Who trains in a round, and that nobody else does."""

from typing import Any

import pytest

from splitfed_core.federation.schedule import participants
from splitfed_core.training.cell_network import CellNetwork

SIZES = (20, 13, 7, 16)


@pytest.mark.parametrize(("participation", "chosen"), [(1, 1), (0.5, 2), (3, 3), (1.0, 4)])
@pytest.mark.parametrize("algorithm", ["sflv1", "sflv2"])
def test_exactly_the_clients_of_a_round_train(
    algorithm: str, participation: float, chosen: int, federations: Any
) -> None:
    parameters = {"algorithm": algorithm, "participation": participation, "aggregation": False, "rounds": 1}
    config = federations.config(**parameters, clients=len(SIZES))
    trained = federations.train(*SIZES, **parameters)
    (part,) = CellNetwork(config, federations.shape, federations.key.seed).client_side
    expected = participants(federations.key, config, 0)
    assert len(expected) == chosen
    assert {row.client_id for row in trained.steps} == {row.client_id for row in trained.rounds[0].clients}
    assert [row.client_id for row in trained.rounds[0].clients] == expected
    assert [len(trained.of(client)) for client in expected] == [-(-SIZES[client] // 8) for client in expected]
    first = [weight.tobytes() for weight in part.get_weights()]
    changed = {client: [w.tobytes() for w in weights] != first for client, weights in trained.clients.items()}
    assert changed == {client: client in expected for client in range(len(SIZES))}


def test_over_the_rounds_all_have_their_turn(federations: Any) -> None:
    config = federations.config(clients=6, participation=0.5)
    rounds = [participants(federations.key, config, round) for round in range(20)]
    assert set().union(*rounds) == set(range(6))
    assert len({tuple(clients) for clients in rounds}) > 5
