"""The loss of a cell, and what counts as correct under it."""

import re
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import keras
import tensorflow as tf

from splitfed_core.arrays import Array
from splitfed_core.errors import ConfigError

Values: TypeAlias = tf.Tensor | Array
"""Of a batch: of a graph while it is traced, or at hand."""
Loss: TypeAlias = Callable[[Values, Values], tf.Tensor]
"""From targets and outputs, [batch, …] both, to the loss of each example or, of a few, to that of the whole batch."""

_TOLD_OF_LOGITS = frozenset(
    {
        "binary_crossentropy",
        "binary_focal_crossentropy",
        "categorical_crossentropy",
        "categorical_focal_crossentropy",
        "sparse_categorical_crossentropy",
    }
)
_OF_LOGITS = frozenset(  # regressions on the targets, margins and angles: of any real numbers
    {
        "categorical_hinge",
        "cosine_similarity",
        "hinge",
        "huber",
        "log_cosh",
        "mean_absolute_error",
        "mean_squared_error",
        "squared_hinge",
    }
)
_OF_PROBABILITIES = frozenset(  # of logarithms, powers and overlaps of numbers between 0 and 1
    {
        "categorical_generalized_cross_entropy",
        "dice",
        "kl_divergence",
        "mean_squared_logarithmic_error",
        "poisson",
        "tversky",
    }
)
_LABELS_ARE_NUMBERS = frozenset({"sparse_categorical_crossentropy", "categorical_generalized_cross_entropy"})
_SENSELESS = {
    "circle": "compares embeddings of examples with each other, and a network here returns logits",
    "ctc": "aligns sequences, and an example here has one label",
    "loss": "is the base class of losses",
    "mean_absolute_percentage_error": "divides by the targets, and all classes but one have 0",
}
_SHORT = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}
_GENERALIZED = "categorical_generalized_cross_entropy"


class Objective:
    """A Keras loss of classes. It gets class numbers or one-hot targets, and logits or probabilities, as it needs."""

    def __init__(self, name: str, num_classes: int) -> None:
        """Look the loss up, by the name of its function or its class.

        Raises:
            ConfigError: Keras has no loss of that name, or it has no meaning for classes.
        """
        function = _function_name(name)
        self._num_classes = num_classes
        self._numbers = function in _LABELS_ARE_NUMBERS
        self._probabilities = function in _OF_PROBABILITIES
        self._loss = _keras_loss(function)

    def loss(self, labels: Values, logits: Values) -> tf.Tensor:
        """Mean loss of a batch; labels int32 [batch], logits [batch, classes]."""
        targets = labels if self._numbers else tf.one_hot(labels, self._num_classes, dtype=logits.dtype)
        return tf.reduce_mean(self._loss(targets, tf.nn.softmax(logits) if self._probabilities else logits))

    def correct(self, labels: Values, logits: Values) -> tf.Tensor:
        """Return the number of examples whose largest logit is their label's."""
        return tf.reduce_sum(tf.cast(tf.equal(labels, tf.argmax(logits, axis=-1, output_type=tf.int32)), tf.int32))


def _function_name(name: str) -> str:
    """Return the name of the function of a loss: of `KLDivergence` and `kld`, `kl_divergence`."""
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    function = _SHORT.get(snake, snake)
    known = {loss for loss in _TOLD_OF_LOGITS | _OF_LOGITS | _OF_PROBABILITIES if hasattr(keras.losses, loss)}
    if function in known:
        return function
    choose = f"choose one of {', '.join(sorted(known))}"
    if function in _SENSELESS:
        raise ConfigError(f"loss {name!r} {_SENSELESS[function]}; {choose}", "loss")
    raise ConfigError(f"{name!r} is not a Keras loss; {choose}", "loss")


def _keras_loss(function: str) -> Loss:
    """Return Keras' function, with the defaults of its class."""
    found: Callable[..., tf.Tensor] = getattr(keras.losses, function)
    if function in _TOLD_OF_LOGITS:
        return partial(found, from_logits=True)
    return partial(found, q=0.5) if function == _GENERALIZED else found
