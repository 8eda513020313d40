"""The loss of a cell, and what counts as correct under it."""

import inspect

import keras
import tensorflow as tf

from splitfed_core.errors import ConfigError

_LABELS_ARE_NUMBERS = "sparse_categorical_crossentropy"


class Objective:
    """A Keras loss on logits. Labels are class numbers; every loss but the sparse one sees them one-hot."""

    def __init__(self, name: str, num_classes: int) -> None:
        """Look the loss up.

        Raises:
            ConfigError: Keras has no loss of that name.
        """
        self._num_classes = num_classes
        self._sparse = name == _LABELS_ARE_NUMBERS
        self._loss = _keras_loss(name)

    def loss(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Mean loss of a batch; labels int32 [batch], logits [batch, classes]."""
        targets = labels if self._sparse else tf.one_hot(labels, self._num_classes, dtype=logits.dtype)
        return self._loss(targets, logits)

    def correct(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the number of examples whose largest logit is their label's."""
        return tf.reduce_sum(tf.cast(tf.equal(labels, tf.argmax(logits, axis=-1, output_type=tf.int32)), tf.int32))


def _keras_loss(name: str) -> keras.losses.Loss:
    """Return the loss of that name, told that it gets logits where it makes a difference."""
    try:
        found = keras.losses.get(name)
    except ValueError:
        known = sorted(n for n in dir(keras.losses) if n.islower() and not n.startswith("_") and n not in _HELPERS)
        raise ConfigError(f"loss {name!r} is no Keras loss; choose one of {', '.join(known)}", "loss") from None
    if "from_logits" in inspect.signature(found).parameters:
        return lambda labels, logits: tf.reduce_mean(found(labels, logits, from_logits=True))
    return lambda labels, logits: tf.reduce_mean(found(labels, logits))


_HELPERS = frozenset({"deserialize", "get", "serialize"})
