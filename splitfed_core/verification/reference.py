"""What the algorithms compute, written plainly: one process, eager, no wire, no threads, no compiled steps.

Nothing here is fast, and nothing of it is used in a sweep. Oracles hold the real thing against it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf

from splitfed_core.algorithms import Plain, Reference
from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import ClientShard
from splitfed_core.federation.schedule import in_order, steps_of_round, turns
from splitfed_core.records.results import CellKey, DataShape
from splitfed_core.roles.batches import mini_batches
from splitfed_core.training.cell_network import CellNetwork
from splitfed_core.training.segment import make_optimizer

# The losses, written out: of t, the targets [batch, classes], 1 for the class and 0 for all others; z, the logits; and
# p, the probabilities.


def _sum(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(x, axis=-1)


def _mean(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(x, axis=-1)


def _clip(p: tf.Tensor, highest: float = 1.0) -> tf.Tensor:
    return tf.clip_by_value(p, keras.config.epsilon(), highest)


def _binary_focal(t: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    right = t * tf.sigmoid(z) + (1 - t) * tf.sigmoid(-z)
    return _mean(-((1 - right) ** 2) * tf.math.log(_clip(right, 1 - keras.config.epsilon())))


def _overlap(t: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
    """Dice of a whole batch, which is Tversky's with α = β = ½."""
    return 1 - 2 * tf.reduce_sum(t * p) / (tf.reduce_sum(t) + tf.reduce_sum(p))


def _cross_entropy(t: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    return tf.reduce_logsumexp(z, axis=-1) - _sum(t * z)


_OF_LOGITS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "sparse_categorical_crossentropy": _cross_entropy,
    "categorical_crossentropy": _cross_entropy,
    "binary_crossentropy": lambda t, z: _mean(tf.math.softplus(z) - t * z),
    "binary_focal_crossentropy": _binary_focal,
    "hinge": lambda t, z: _mean(tf.nn.relu(1 - (2 * t - 1) * z)),
    "squared_hinge": lambda t, z: _mean(tf.nn.relu(1 - (2 * t - 1) * z) ** 2),
    "categorical_hinge": lambda t, z: tf.nn.relu(1 + tf.reduce_max((1 - t) * z, axis=-1) - _sum(t * z)),
    "cosine_similarity": lambda t, z: -_sum(t * z) / tf.norm(z, axis=-1),
    "mean_squared_error": lambda t, z: _mean((z - t) ** 2),
    "mean_absolute_error": lambda t, z: _mean(tf.abs(z - t)),
    "huber": lambda t, z: _mean(tf.where(tf.abs(z - t) <= 1, (z - t) ** 2 / 2, tf.abs(z - t) - 0.5)),
    "log_cosh": lambda t, z: _mean(tf.math.log(tf.cosh(z - t))),
}
_OF_PROBABILITIES: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "categorical_focal_crossentropy": lambda t, p: _sum(-0.25 * (1 - p) ** 2 * t * tf.math.log(p)),
    "categorical_generalized_cross_entropy": lambda t, p: (1 - tf.sqrt(_sum(t * p))) / 0.5,
    "kl_divergence": lambda t, p: _sum(_clip(t) * tf.math.log(_clip(t) / _clip(p))),
    "poisson": lambda t, p: _mean(p - t * tf.math.log(p + keras.config.epsilon())),
    "mean_squared_logarithmic_error": lambda t, p: _mean((tf.math.log1p(_clip(p)) - tf.math.log1p(_clip(t))) ** 2),
    "dice": _overlap,
    "tversky": _overlap,
}
_SHORT = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}


def mean_loss(name: str, labels: Array, logits: tf.Tensor) -> tf.Tensor:
    """Return the mean loss of a batch by its formula; the name is that of Keras' function or class."""
    targets = tf.one_hot(labels.astype(np.int32), logits.shape[-1], dtype=logits.dtype)
    for known, formula in {**_OF_LOGITS, **_OF_PROBABILITIES}.items():
        if known.replace("_", "") == _SHORT.get(name.lower(), name).lower().replace("_", ""):
            outputs = logits if known in _OF_LOGITS else tf.nn.softmax(logits)
            return tf.reduce_mean(formula(targets, outputs))
    raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Trained:
    """The loss of every step in the order of training, and the weights of the whole network after each round."""

    losses: list[float]
    weights: list[list[Array]]


Training: TypeAlias = Callable[[CellKey, CellConfig, DataShape, Sequence[ClientShard]], Trained]
"""A training of a cell on the data of its clients."""


class _Trainee:
    """A network that is trained as a whole, whatever the cut, with an optimizer for each of its sides."""

    def __init__(self, config: CellConfig, shape: DataShape, seed: int) -> None:
        self.network = CellNetwork(config, shape, seed)
        self.loss = config.loss
        sides = [self.network.client_side, self.network.server_side]
        self.sides = [side for side in sides if side]
        self.optimizers = [make_optimizer(config.optimizer, config.learning_rate, side) for side in self.sides]

    def step(self, x: tf.Tensor, labels: Array) -> float:
        """One step of gradient descent on the loss of the whole network."""
        variables = [[v for model in side for v in model.trainable_variables] for side in self.sides]
        with tf.GradientTape() as tape:
            loss = mean_loss(self.loss, labels, self.network.whole(x, training=True))
        for optimizer, of_side, gradients in zip(
            self.optimizers, variables, tape.gradient(loss, variables), strict=True
        ):
            if of_side:
                optimizer.apply_gradients(zip(gradients, of_side, strict=True))
        return float(loss)


def unsplit(key: CellKey, config: CellConfig, shape: DataShape, shards: Sequence[ClientShard]) -> Trained:
    """Train the unsplit network on one client's mini-batches."""
    (shard,) = shards
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


def shared_server(key: CellKey, config: CellConfig, shape: DataShape, shards: Sequence[ClientShard]) -> Trained:
    """SplitFedV2 in a fixed order: step t of every client in turn, through the one server-side model."""
    clients = [CellNetwork(config, shape, key.seed).client_side[0] for _ in shards]
    server = CellNetwork(config, shape, key.seed).server_side[0]
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
                loss = mean_loss(config.loss, batch.labels, server(smashed, training=True))
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


PLAIN: Mapping[Plain, Training] = {
    Plain.UNSPLIT: unsplit,
    Plain.FEDERATED: federated,
    Plain.SHARED_SERVER: shared_server,
}
"""The plain trainings, the simplest first."""


def plain_training(reference: Reference) -> Training:
    """Return what an algorithm must equal: one of the plain trainings, or a function of its own."""
    training = reference.training
    return PLAIN[training] if isinstance(training, Plain) else training


def _average(models: Sequence[keras.Model], examples: Sequence[int]) -> None:
    """Give all models the mean of their weights, weighted by examples, computed in double precision."""
    mean = [
        np.average(np.stack(arrays).astype(np.float64), axis=0, weights=examples).astype(arrays[0].dtype)
        for arrays in zip(*(model.get_weights() for model in models), strict=True)
    ]
    for model in models:
        model.set_weights(mean)
