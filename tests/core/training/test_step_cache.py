"""A compiled step that is taken over must train as a new one would, to the bit."""

from typing import Any

import pytest

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.federation.local import LocalFederation
from splitfed_core.federation.rounds import train_rounds
from splitfed_core.records.results import CellKey
from splitfed_core.training.cell_network import CellNetwork
from splitfed_core.training.step_cache import CompiledStepCache

ALGORITHMS = ["sflv1", "sflv2", "sl", "ushape", "fl", "central"]


CUTS = {"ushape": {"cut_layer": ("dense1", "dense2")}}


def losses(federations: Any, config: CellConfig, seed: int, step_cache: CompiledStepCache | None) -> list[Any]:
    key = CellKey("cell", 0, seed)
    shards = federations.shards(*[20] * config.num_clients)
    test = federations.examples(30, seed=99)
    with LocalFederation(key, config, federations.shape, shards, test, step_cache) as federation:
        results = list(train_rounds(key, config, federation))
    return [(row.client_id, row.step, row.loss, result.row.eval_loss) for result in results for row in result.steps]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_step_taken_over_trains_as_a_new_one(federations: Any, algorithm: str) -> None:
    config = federations.config(algorithm=algorithm, clients=2, order="fixed", **CUTS.get(algorithm, {}))
    step_cache = CompiledStepCache()
    first = losses(federations, config, 1, step_cache)
    assert losses(federations, config, 2, step_cache) == losses(federations, config, 2, None) != first
    assert losses(federations, config, 1, step_cache) == first


def test_steps_are_taken_over_where_nothing_but_the_state_differs(federations: Any) -> None:
    def network(seed: int = 1, **parameters: Any) -> CellNetwork:
        return CellNetwork(federations.config(**parameters), federations.shape, seed)

    step_cache = CompiledStepCache()
    part = step_cache.client(network())
    assert step_cache.client(network(seed=2, batch_size=4, clients=5, aggregation=False)) is part
    for other in ({"cut_layer": "dense2"}, {"learning_rate": 0.1}, {"optimizer": "sgd"}, {"loss": "poisson"}):
        assert step_cache.client(network(**other)) is not part
    assert step_cache.server(network()) is not step_cache.server(network(), copy=1)
    assert step_cache.server(network(), copy=1) is step_cache.server(network(), copy=1)
