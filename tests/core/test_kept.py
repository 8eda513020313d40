"""A compiled step that is taken over must train as a new one would, to the bit."""

from typing import Any

import pytest

from splitfed_core.cell import CellKey
from splitfed_core.config import CellConfig
from splitfed_core.kept import KeptParts
from splitfed_core.local import LocalFederation
from splitfed_core.parts import Network
from splitfed_core.rounds import train

ALGORITHMS = ["sflv1", "sflv2", "sl", "ushape", "fl", "central"]


CUTS = {"ushape": {"cut_layer": ("dense1", "dense2")}}


def losses(federations: Any, config: CellConfig, seed: int, kept: KeptParts | None) -> list[Any]:
    key = CellKey("cell", 0, seed)
    shards = federations.shards(*[20] * config.num_clients)
    test = federations.examples(30, seed=99)
    with LocalFederation(key, config, federations.shape, shards, test, kept) as federation:
        results = list(train(key, config, federation))
    return [(row.client_id, row.step, row.loss, result.row.eval_loss) for result in results for row in result.steps]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_step_taken_over_trains_as_a_new_one(federations: Any, algorithm: str) -> None:
    config = federations.config(algorithm=algorithm, clients=2, order="fixed", **CUTS.get(algorithm, {}))
    kept = KeptParts()
    first = losses(federations, config, 1, kept)
    assert losses(federations, config, 2, kept) == losses(federations, config, 2, None) != first
    assert losses(federations, config, 1, kept) == first


def test_steps_are_taken_over_where_nothing_but_the_state_differs(federations: Any) -> None:
    def network(seed: int = 1, **parameters: Any) -> Network:
        return Network(federations.config(**parameters), federations.shape, seed)

    kept = KeptParts()
    part = kept.client(network())
    assert kept.client(network(seed=2, batch_size=4, clients=5, aggregation=False)) is part
    for other in ({"cut_layer": "dense2"}, {"learning_rate": 0.1}, {"optimizer": "sgd"}, {"loss": "poisson"}):
        assert kept.client(network(**other)) is not part
    assert kept.server(network()) is not kept.server(network(), copy=1)
    assert kept.server(network(), copy=1) is kept.server(network(), copy=1)
