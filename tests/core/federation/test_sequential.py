"""Where one client trains after the other, what they train is the unsplit network, on their batches in that order."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from splitfed_core.federation.rounds import train_rounds
from splitfed_core.federation.schedule import in_order, participants
from splitfed_core.models import build_model
from splitfed_core.roles.batches import mini_batches
from splitfed_core.seeding import derive
from splitfed_core.verification.rounding import difference, tolerance

SIZES = (20, 13, 7)  # six mini-batches of eight in a pass over all


@pytest.fixture
def double() -> Iterator[None]:
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def unsplit(optimizer: str, federations: Any) -> keras.Model:
    model = build_model("mlp", federations.shape.example, 10, derive(federations.key.seed, "weights"))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made = {"adam": keras.optimizers.Adam(0.01), "sgd": keras.optimizers.SGD(0.01)}[optimizer]
    model.compile(made, loss, jit_compile=False)
    return model


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    "cell",
    [
        {"algorithm": "sl", "optimizer": "adam"},  # its state is handed on too
        {"algorithm": "sl", "optimizer": "sgd"},
        {"algorithm": "sflv2", "optimizer": "sgd", "participation": 1},  # who sat out goes on from the aggregate
        {"algorithm": "sflv1", "optimizer": "sgd", "participation": 1},
    ],
    ids=lambda cell: "-".join(map(str, cell.values())),
)
def test_clients_in_turn_train_one_network(cell: dict[str, Any], federations: Any) -> None:
    key, config = federations.key, federations.config(clients=3, rounds=3, local_epochs=2, learning_rate=0.01, **cell)
    shards = [replace(shard, x=shard.x.astype(np.float64)) for shard in federations.shards(*SIZES)]
    model = unsplit(config.optimizer, federations)
    near = tolerance(model, 8, 3 * 2 * 6, config.optimizer, 0.01)
    with federations.build(config, shards) as federation:
        for round, result in enumerate(train_rounds(key, config, federation)):
            order = in_order(key, participants(key, config, round), round)
            measured = [row.loss for client in order for row in result.steps if row.client_id == client]
            expected = []
            for batch in (batch for client in order for batch in mini_batches(key, config, shards[client], round)):
                model.reset_metrics()
                expected.append(float(model.train_on_batch(batch.x, batch.labels)))
            assert difference(measured, expected) <= near
            weights = [*federation.get_weights(order[-1]), *federation.get_server_weights()]
            for ours, theirs in zip(weights, model.get_weights(), strict=True):
                assert difference(ours, theirs) <= near
