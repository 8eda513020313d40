"""The two halves of a split step.

The client's is one graph with the exchange inside it: nothing is computed twice, the gradient of the input is never
asked for, and oneDNN sees forward and backward together (`docs/performance.md`).
"""

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import keras
import numpy as np
import tensorflow as tf

from splitfed_core.arrays import Array
from splitfed_core.training.loss import Objective
from splitfed_core.training.segment import LABELS, ClientSegment, ServerSegment, batch_spec, compiled, inference

Exchange = Callable[[Array], Array]
"""Smashed data to the gradient of the loss with respect to it, both of the same shape and dtype."""

Gradients: TypeAlias = tuple[tf.Tensor, tf.Tensor, tf.Tensor, list[tf.Tensor]]
"""Mean loss, number correct, gradient of the smashed data, and gradients for `update`."""

R = TypeVar("R")


class Exchanges:
    """Calls to another side from inside a graph."""

    def __init__(self) -> None:
        self._error: Exception | None = None

    def tensor(self, exchange: Exchange, value: tf.Tensor, like: tf.Tensor | tf.TensorSpec) -> tf.Tensor:
        """Call `exchange` with a tensor when the graph comes to it; the answer has the shape of `like`."""
        answer = tf.numpy_function(lambda array: self._call(exchange, array), [value], like.dtype)
        answer.set_shape(like.shape)
        return answer

    def run(self, graph: Callable[..., R], *args: tf.Tensor | Array) -> R:
        """Run the graph; an error of an exchange comes out as it was, not as TensorFlow's `UnknownError`."""
        try:
            return graph(*args)
        except tf.errors.OpError:
            if self._error is None:
                raise
            error, self._error = self._error, None
            raise error from None

    def _call(self, exchange: Exchange, array: Array) -> Array:
        try:
            return exchange(array)
        except Exception as error:  # whatever it is: TensorFlow would make an error of its own of it, see `run`
            self._error = error
            raise


class ClientStep(ClientSegment):
    """Forward, exchange, backward and update of the client-side model, in one graph."""

    exchanges = 1

    def __init__(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        super().__init__([model], optimizer)
        self._model = model
        self._exchanges = Exchanges()
        self._exchange: Exchange
        self._graph = tf.function(self._step, autograph=False, input_signature=[batch_spec(model)])
        self.infer = inference(model)

    def __call__(self, x: tf.Tensor, exchange: Exchange) -> None:
        """Train on one mini-batch.

        Args:
            x: Inputs, [batch, *input shape].
            exchange: Called once, inside the graph, with the smashed data.

        Raises:
            Exception: Whatever the exchange raised, as it was.
        """
        self._exchange = exchange
        self._exchanges.run(self._graph, x)

    def _step(self, x: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            smashed = self._model(x, training=True)
        gradient = self._exchanges.tensor(lambda array: self._exchange(array), smashed, like=smashed)
        self._apply(tape.gradient(smashed, self._trainable, output_gradients=gradient))


class ServerStep(ServerSegment):
    """Forward, loss and backward of the server-side model."""

    def __init__(self, model: keras.Model, optimizer: keras.optimizers.Optimizer, objective: Objective) -> None:
        super().__init__(model, optimizer)
        self._model = model
        self._objective = objective
        self._graph = compiled(self._gradients, batch_spec(model), LABELS)

    def __call__(self, smashed: Array, labels: Array) -> tuple[float, int, Array, list[tf.Tensor]]:
        """Return mean loss, number correct, gradient of the smashed data, and gradients for `update`."""
        loss, correct, gradient, gradients = self._graph(smashed, labels.astype(np.int32))
        return float(loss), int(correct), np.asarray(gradient), gradients

    def _gradients(self, smashed: tf.Tensor, labels: tf.Tensor) -> Gradients:
        with tf.GradientTape() as tape:
            tape.watch(smashed)
            logits = self._model(smashed, training=True)
            loss = self._objective.loss(labels, logits)
        gradient, gradients = tape.gradient(loss, (smashed, self._trainable))
        return loss, self._objective.correct(labels, logits), gradient, gradients
