"""The two halves of a training step as TensorFlow graphs.

The client's is one graph with the exchange inside it: nothing is computed twice, the gradient of the input is never
asked for, and oneDNN sees forward and backward together (`docs/performance.md`).
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from splitfed_core.residency import Residency
from splitfed_core.wire.codecs import Array

Exchange = Callable[[Array], Array]
"""Smashed data to the gradient of the loss with respect to it, both of the same shape and dtype."""

_OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}


def make_optimizer(name: str, learning_rate: float, model: keras.Model) -> keras.optimizers.Optimizer:
    """Return the optimizer of one half, its slots built: never lazily, inside somebody's first step."""
    optimizer = _OPTIMIZERS[name](learning_rate=learning_rate)
    optimizer.build(model.trainable_variables)
    return optimizer


def loss_from_logits(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy of a batch; labels are integers, [batch]."""
    per_example = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return tf.reduce_mean(per_example)


def count_correct(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return the number of examples whose largest logit is their label's."""
    hits = tf.equal(labels, tf.argmax(logits, axis=-1, output_type=tf.int32))
    return tf.reduce_sum(tf.cast(hits, tf.int32))


class _HalfStep:
    """A half of the network, its optimizer, and the owners who share them."""

    def __init__(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        self.model = model
        self.optimizer = optimizer
        self.residency = Residency([*model.variables, *optimizer.variables])
        self._infer = tf.function(lambda x: model(x, training=False), input_signature=[_batch_spec(model)])

    def infer(self, x: Array) -> Array:
        """Return the half's output without training."""
        return np.asarray(self._infer(x))

    def get_weights(self) -> list[Array]:
        """Return all weights, non-trainable ones included, in Keras' order."""
        return list(self.model.get_weights())

    def set_weights(self, weights: list[Array]) -> None:
        """Set all weights; the optimizer keeps its own state."""
        self.model.set_weights(weights)

    def _apply(self, gradients: list[tf.Tensor]) -> None:
        if gradients:  # a half may have nothing to train: the cut right after a Flatten, or at the last layer
            self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))


class ClientStep(_HalfStep):
    """Forward, exchange, backward and update of the client-side model, in one graph."""

    def __init__(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        super().__init__(model, optimizer)
        self._exchange: Exchange | None = None
        self._error: Exception | None = None
        self._graph = tf.function(self._step, input_signature=[_batch_spec(model)])

    def __call__(self, x: tf.Tensor, exchange: Exchange) -> None:
        """Train on one mini-batch.

        Args:
            x: Inputs, [batch, *input shape].
            exchange: Called once, inside the graph, with the smashed data.

        Raises:
            Exception: Whatever the exchange raised, as it was.
        """
        self._exchange = exchange
        try:
            self._graph(x)
        except tf.errors.OpError:
            if self._error is None:
                raise
            error, self._error = self._error, None
            raise error from None

    def _step(self, x: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            smashed = self.model(x, training=True)
        gradient = tf.numpy_function(self._call_exchange, [smashed], smashed.dtype)
        gradient.set_shape(smashed.shape)
        self._apply(tape.gradient(smashed, self.model.trainable_variables, output_gradients=gradient))

    def _call_exchange(self, smashed: Array) -> Array:
        """Keep an error of the exchange: TensorFlow would flatten it into an `UnknownError`."""
        assert self._exchange is not None  # noqa: S101  set by __call__, the only way in
        try:
            return self._exchange(smashed)
        except Exception as error:
            self._error = error
            raise


class ServerStep(_HalfStep):
    """Forward, loss and backward of the server-side model; its update apart, so that the reply need not wait for it."""

    def __init__(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        super().__init__(model, optimizer)
        labels = tf.TensorSpec([None], tf.int32)
        self._graph = tf.function(self._gradients, input_signature=[_batch_spec(model), labels])
        self.update = tf.function(self._apply)

    def __call__(self, smashed: Array, labels: Array) -> tuple[float, int, Array, list[tf.Tensor]]:
        """Return mean loss, number correct, gradient of the smashed data, and gradients for `update`."""
        loss, correct, gradient, gradients = self._graph(smashed, labels.astype(np.int32))
        return float(loss), int(correct), np.asarray(gradient), gradients

    def _gradients(self, smashed: tf.Tensor, labels: tf.Tensor) -> tuple[Any, ...]:
        with tf.GradientTape() as tape:
            tape.watch(smashed)
            logits = self.model(smashed, training=True)
            loss = loss_from_logits(labels, logits)
        gradient, gradients = tape.gradient(loss, [smashed, self.model.trainable_variables])
        return loss, count_correct(labels, logits), gradient, gradients


def _batch_spec(model: keras.Model) -> tf.TensorSpec:
    return tf.TensorSpec([None, *model.input_shape[1:]], model.inputs[0].dtype)
