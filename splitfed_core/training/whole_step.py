"""The step of the unsplit model: what `fl` does on every client, and `central` on all the data."""

import keras
import numpy as np
import tensorflow as tf

from splitfed_core.arrays import Array
from splitfed_core.training.loss import Objective
from splitfed_core.training.segment import LABELS, ClientSegment, batch_spec, inference


class WholeStep(ClientSegment):
    """Forward, loss, backward and update in one graph."""

    exchanges = 0

    def __init__(self, model: keras.Model, optimizer: keras.optimizers.Optimizer, objective: Objective) -> None:
        super().__init__([model], optimizer)
        self._model = model
        self._objective = objective
        self._graph = tf.function(self._step, autograph=False, input_signature=[batch_spec(model), LABELS])
        self.infer = inference(model)

    def __call__(self, x: tf.Tensor, labels: Array) -> tuple[float, int]:
        """Train on one mini-batch; return mean loss and number correct."""
        loss, correct = self._graph(x, labels.astype(np.int32))
        return float(loss), int(correct)

    def _step(self, x: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = self._model(x, training=True)
            loss = self._objective.loss(labels, logits)
        self._apply(tape.gradient(loss, self._trainable))
        return loss, self._objective.correct(labels, logits)
