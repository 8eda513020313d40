"""`fl` is what Keras' own `fit` and Flower's own `aggregate` make of the same mini-batches."""

from typing import Any

import keras
import numpy as np
from flwr.server.strategy.aggregate import aggregate

from splitfed_core.client import mini_batches
from splitfed_core.models import build_model
from splitfed_core.seeding import derive

SIZES = (16, 24, 8)


def test_fl_is_flowers_aggregate_of_models_trained_by_keras_fit(federations: Any) -> None:
    trained = federations.train(*SIZES, algorithm="fl", local_epochs=2)
    config = federations.config(clients=len(SIZES), algorithm="fl", local_epochs=2)
    shards, key = federations.shards(*SIZES), federations.key
    models = [compiled(federations) for _ in shards]
    for round in range(config.rounds):
        for model, shard in zip(models, shards, strict=True):
            for batch in mini_batches(key, config, shard, round):
                model.fit(batch.x, batch.labels, batch_size=len(batch.labels), shuffle=False, verbose=0)
        average = aggregate([(model.get_weights(), len(shard.y)) for model, shard in zip(models, shards, strict=True)])
        for model in models:
            model.set_weights(average)
    for measured, expected in zip(trained.clients[0], average, strict=True):
        np.testing.assert_allclose(measured, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def compiled(federations: Any) -> keras.Model:
    model = build_model("mlp", federations.shape.example, federations.shape.num_classes, derive(7, "weights"))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    return model
