"""As a contributor would: an algorithm of one's own, whole in this file, trained in this process and over gRPC."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from splitfed_core.aggregation import fedavg
from splitfed_core.algorithms import Algorithm, Batch, TrainingClient, in_turns, register, unregister
from splitfed_core.config.cell_config import CellConfig

SIZES = (20, 13, 7)


def client_round(clients: Sequence[TrainingClient[Batch]], round: int, *, aggregation: bool) -> None:
    """SplitFedV2, but the client-side models are averaged after every second round only."""
    for client, batch in in_turns(clients, round):
        client.train_step(batch)
    for client in clients:
        client.end_server_round(round)
    if aggregation and round % 2:
        for client in clients:
            client.push_model(round)
        for client in clients:
            client.pull_model(round)


EVERY_SECOND = Algorithm(
    name="every-second",
    paper="of this test",
    cuts=1,
    server="shared",
    handover="average",
    client_round=client_round,
)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    register(EVERY_SECOND)
    yield
    unregister("every-second")


@pytest.fixture(params=["inproc", "grpc", "grpc-stream"])
def trained(request: pytest.FixtureRequest, federations: Any) -> Any:
    return federations.train(*SIZES, algorithm="every-second", rounds=2, order="fixed", transport=request.param)


def test_it_is_the_average_of_what_sflv2_has_without_aggregation(trained: Any, federations: Any) -> None:
    apart = federations.train(*SIZES, algorithm="sflv2", rounds=2, order="fixed", aggregation=False)
    average = fedavg([(apart.clients[client], size) for client, size in enumerate(SIZES)])
    for client in range(3):
        np.testing.assert_array_equal(np.concatenate(trained.clients[client], None), np.concatenate(average, None))
    np.testing.assert_array_equal(np.concatenate(trained.server, None), np.concatenate(apart.server, None))
    assert [row.loss for row in trained.steps] == [row.loss for row in apart.steps]


def test_models_travel_in_every_second_round(trained: Any, federations: Any) -> None:
    always = federations.train(*SIZES, algorithm="sflv2", rounds=2, order="fixed")
    sent = [result.row.aggregation_uplink_bytes for result in trained.rounds]
    assert sent == [0, always.rounds[1].row.aggregation_uplink_bytes]
    assert sent[1] > 0


def test_the_rest_of_sfbench_knows_it() -> None:
    cell = CellConfig.parse({"algorithm": "every-second", "aggregation": False})
    assert (cell.has_main_server, cell.exchanges_models, cell.in_one_process) == (True, False, False)
    assert "every-second" in CellConfig.model_json_schema()["properties"]["algorithm"]["anyOf"][0]["enum"]
