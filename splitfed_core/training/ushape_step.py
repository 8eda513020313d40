"""The u-shaped step: head and tail, and so the labels, stay with the client; the main server has the body.

Vepakomma et al., "Split learning for health", 2018 (the configuration without label sharing).
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from splitfed_core.arrays import Array
from splitfed_core.training.loss import Objective
from splitfed_core.training.segment import LABELS, ClientSegment, ServerSegment, batch_spec, compiled, inference
from splitfed_core.training.split_step import Exchange, Exchanges

Pullback = Callable[[Array], tuple[Array, list[tf.Tensor]]]
"""Gradient of the body's output to that of the smashed data, and gradients for `update`."""


class UShapeClientStep(ClientSegment):
    """Head, exchange, tail and loss, exchange, head again; both outer parts are updated together, in one graph."""

    exchanges = 2

    def __init__(
        self, head: keras.Model, tail: keras.Model, optimizer: keras.optimizers.Optimizer, objective: Objective
    ) -> None:
        super().__init__([head, tail], optimizer)
        self._head, self._tail = head, tail
        self._objective = objective
        self._exchanges = Exchanges()
        self._forward: Exchange
        self._backward: Exchange
        self._graph = tf.function(self._step, autograph=False, input_signature=[batch_spec(head), LABELS])
        self.infer = inference(head)
        self.infer_tail = inference(tail)

    def __call__(self, x: tf.Tensor, labels: Array, forward: Exchange, backward: Exchange) -> tuple[float, int]:
        """Train on one mini-batch.

        Args:
            x: Inputs, [batch, *input shape].
            labels: Class numbers, [batch]; they do not leave this process.
            forward: Smashed data to the body's output.
            backward: Gradient of the body's output to that of the smashed data.

        Returns:
            Mean loss and number correct.
        """
        self._forward, self._backward = forward, backward
        loss, correct = self._exchanges.run(self._graph, x, labels.astype(np.int32))
        return float(loss), int(correct)

    def _step(self, x: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        head, tail = self._head.trainable_variables, self._tail.trainable_variables
        with tf.GradientTape() as head_tape:
            smashed = self._head(x, training=True)
        features = self._exchanges.tensor(lambda array: self._forward(array), smashed, like=batch_spec(self._tail))
        with tf.GradientTape() as tail_tape:
            tail_tape.watch(features)
            logits = self._tail(features, training=True)
            loss = self._objective.loss(labels, logits)
        of_features, of_tail = tail_tape.gradient(loss, (features, tail))
        gradient = self._exchanges.tensor(lambda array: self._backward(array), of_features, like=smashed)
        of_head = head_tape.gradient(smashed, head, output_gradients=gradient)
        self._apply([*of_head, *of_tail])
        return loss, self._objective.correct(labels, logits)


class BodyStep(ServerSegment):
    """Forward and, when the gradient of the output has come, backward of the body; its update apart.

    The tape of a forward pass is kept until then, so that the gradient is that of the very weights which the forward
    pass saw, also when other clients' steps came between, and BatchNorm counts each batch once.
    """

    def __init__(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        super().__init__(model, optimizer)
        self._train = compiled(lambda x: model(x, training=True), batch_spec(model))

    def forward(self, smashed: Array) -> tuple[Array, Pullback]:
        """Return the body's output and the function that takes its gradient back."""
        x = tf.constant(smashed)
        with tf.GradientTape() as tape:
            tape.watch(x)
            features = self._train(x)

        def pullback(gradient: Array) -> tuple[Array, list[tf.Tensor]]:
            of_smashed, gradients = tape.gradient(
                features, (x, self._trainable), output_gradients=tf.constant(gradient)
            )
            return np.asarray(of_smashed), gradients

        return np.asarray(features), pullback
