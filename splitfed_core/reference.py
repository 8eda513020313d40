"""What the algorithms compute, written plainly: one process, eager, no wire, no threads, no compiled steps.

Nothing here is fast, and nothing of it is used in a sweep. Oracles hold the real thing against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from splitfed_core.cell import CellKey, DataShape
from splitfed_core.client import mini_batches
from splitfed_core.config import CellConfig
from splitfed_core.data import ClientShard
from splitfed_core.objective import Objective
from splitfed_core.parts import Network
from splitfed_core.schedule import in_order, steps_of_round, turns
from splitfed_core.steps.part import make_optimizer
from splitfed_core.wire.codecs import Array


@dataclass(frozen=True, slots=True)
class Trained:
    """The loss of every step in the order of training, and the weights of the whole network after each round."""

    losses: list[float]
    weights: list[list[Array]]


class _Trainee:
    """A network that is trained as a whole, whatever the cut, with an optimizer for each of its sides."""

    def __init__(self, config: CellConfig, shape: DataShape, seed: int) -> None:
        self.network = Network(config, shape, seed)
        self.objective = Objective(config.loss, shape.num_classes)
        sides = [self.network.client_side, self.network.server_side]
        self.sides = [side for side in sides if side]
        self.optimizers = [make_optimizer(config.optimizer, config.learning_rate, side) for side in self.sides]

    def step(self, x: tf.Tensor, labels: Array) -> float:
        """One step of gradient descent on the loss of the whole network."""
        variables = [[v for model in side for v in model.trainable_variables] for side in self.sides]
        with tf.GradientTape() as tape:
            loss = self.objective.loss(labels.astype(np.int32), self.network.whole(x, training=True))
        for optimizer, of_side, gradients in zip(
            self.optimizers, variables, tape.gradient(loss, variables), strict=True
        ):
            if of_side:
                optimizer.apply_gradients(zip(gradients, of_side, strict=True))
        return float(loss)


def unsplit(key: CellKey, config: CellConfig, shape: DataShape, shard: ClientShard) -> Trained:
    """Train the unsplit network on one client's mini-batches."""
    trainee = _Trainee(config, shape, key.seed)
    trained = Trained([], [])
    for round in range(config.rounds):
        for batch in mini_batches(key, config, shard, round):
            trained.losses.append(trainee.step(batch.x, batch.labels))
        trained.weights.append(trainee.network.whole.get_weights())
    return trained


def federated(key: CellKey, config: CellConfig, shape: DataShape, shards: Sequence[ClientShard]) -> Trained:
    """FedAvg of the unsplit network: every client trains a whole one, then all are averaged by examples."""
    trainees = [_Trainee(config, shape, key.seed) for _ in shards]
    trained = Trained([], [])
    for round in range(config.rounds):
        for trainee, shard in zip(trainees, shards, strict=True):
            for batch in mini_batches(key, config, shard, round):
                trained.losses.append(trainee.step(batch.x, batch.labels))
        models = [trainee.network.whole for trainee in trainees]
        _average(models, [len(shard.y) for shard in shards])
        trained.weights.append(models[0].get_weights())
    return trained


def sflv2(key: CellKey, config: CellConfig, shape: DataShape, shards: Sequence[ClientShard]) -> Trained:
    """SplitFedV2 in a fixed order: step t of every client in turn, through the one server-side model."""
    clients = [Network(config, shape, key.seed).client_side[0] for _ in shards]
    server = Network(config, shape, key.seed).server_side[0]
    objective = Objective(config.loss, shape.num_classes)
    of_client = [make_optimizer(config.optimizer, config.learning_rate, [client]) for client in clients]
    of_server = make_optimizer(config.optimizer, config.learning_rate, [server])
    trained = Trained([], [])
    for round in range(config.rounds):
        batches = [list(mini_batches(key, config, shard, round)) for shard in shards]
        steps = {k: steps_of_round(config, len(shard.y)) for k, shard in enumerate(shards)}
        for k, t in turns(in_order(key, range(len(shards)), round), steps):
            batch, variables = batches[k][t], [clients[k].trainable_variables, server.trainable_variables]
            with tf.GradientTape() as tape:
                smashed = clients[k](batch.x, training=True)
                loss = objective.loss(batch.labels.astype(np.int32), server(smashed, training=True))
            for optimizer, of_side, gradients in zip(
                (of_client[k], of_server), variables, tape.gradient(loss, variables), strict=True
            ):
                if of_side:
                    optimizer.apply_gradients(zip(gradients, of_side, strict=True))
            trained.losses.append(float(loss))
        if config.aggregation:
            _average(clients, [len(shard.y) for shard in shards])
        trained.weights.append([*clients[0].get_weights(), *server.get_weights()])
    return trained


def _average(models: Sequence[keras.Model], examples: Sequence[int]) -> None:
    """Give all models the mean of their weights, weighted by examples, computed in double precision."""
    mean = [
        np.average(np.stack(arrays).astype(np.float64), axis=0, weights=examples).astype(arrays[0].dtype)
        for arrays in zip(*(model.get_weights() for model in models), strict=True)
    ]
    for model in models:
        model.set_weights(mean)
