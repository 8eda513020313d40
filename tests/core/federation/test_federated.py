"""`fl` is what Keras' own `fit` and Flower's own `aggregate` make of the same mini-batches."""

from typing import Any

import keras
from flwr.server.strategy.aggregate import aggregate

from splitfed_core.models import build_model
from splitfed_core.roles.batches import mini_batches
from splitfed_core.seeding import derive
from splitfed_core.verification.rounding import difference, tolerance

SIZES = (16, 24, 8)


def test_fl_is_flowers_aggregate_of_models_trained_by_keras_fit(double: Any) -> None:
    trained = double.train(*SIZES, algorithm="fl", local_epochs=2)
    config = double.config(clients=len(SIZES), algorithm="fl", local_epochs=2)
    shards, key = double.shards(*SIZES), double.key
    models = [compiled(double) for _ in shards]
    for round in range(config.rounds):
        for model, shard in zip(models, shards, strict=True):
            for batch in mini_batches(key, config, shard, round):
                model.fit(batch.x, batch.labels, batch_size=len(batch.labels), shuffle=False, verbose=0)
        average = aggregate([(model.get_weights(), len(shard.y)) for model, shard in zip(models, shards, strict=True)])
        for model in models:
            model.set_weights(average)
    allowed = tolerance(models[0], 8, 2 * 2 * 3, "adam", 1e-3)  # the largest shard's steps
    for measured, expected in zip(trained.clients[0], average, strict=True):
        assert difference(measured, expected) <= allowed


def compiled(double: Any) -> keras.Model:
    model = build_model("mlp", double.shape.example, double.shape.num_classes, derive(7, "weights"))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    return model
