"""What every segment of a network has in common: a model, its optimizer, and the owners who share them."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import keras
import numpy as np
import tensorflow as tf

from splitfed_core.arrays import Array
from splitfed_core.training.batch_spec import BatchSpec
from splitfed_core.training.state_swap import StateSwap

_OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}

R = TypeVar("R")


def make_optimizer(name: str, learning_rate: float, models: Sequence[keras.Model]) -> keras.optimizers.Optimizer:
    """Return the optimizer of these models, its slots built: never lazily, inside somebody's first step."""
    optimizer = _OPTIMIZERS[name](learning_rate=learning_rate)
    optimizer.build([variable for model in models for variable in model.trainable_variables])
    return optimizer


def batch_spec(model: keras.Model) -> tf.TensorSpec:
    """Return the spec of a batch of the model's inputs, of any size."""
    return tf.TensorSpec([None, *model.input_shape[1:]], model.inputs[0].dtype)


def inference(model: keras.Model) -> Callable[[Array], Array]:
    """Return the compiled forward pass of a model, without training."""
    graph = compiled(lambda x: model(x, training=False), batch_spec(model))
    return lambda x: np.asarray(graph(x))


def compiled(function: Callable[..., R], *signature: tf.TensorSpec) -> Callable[..., R]:
    """Return the graph of a function, built now.

    One concrete function: it has no lock of its own, which `tf.function` leaves locked when a call does not fit.
    """
    return tf.function(function, autograph=False).get_concrete_function(*signature)


LABELS = tf.TensorSpec([None], tf.int32)
"""Class numbers of a batch."""


class Segment:
    """One or more models that one side trains together. `state_swap` says whose state is in them."""

    infer: Callable[[Array], Array]
    """The forward pass of the (first) model, without training."""

    infer_tail: Callable[[Array], Array] = staticmethod(lambda output: output)
    """The forward pass of the tail on the body's output; where there is no tail, that output is the logits already."""

    is_new = True
    """Whether no step of it has run yet: the first one compiles."""

    def __init__(self, models: Sequence[keras.Model], optimizer: keras.optimizers.Optimizer) -> None:
        self.models = tuple(models)
        self.takes, self.gives = BatchSpec.of(models[0].inputs[0]), BatchSpec.of(models[-1].outputs[0])
        self._optimizer = optimizer
        self._trainable = [variable for model in models for variable in model.trainable_variables]
        self.weights = [weight for model in models for weight in model.weights]
        self.state_swap = StateSwap([*_variables(models), *optimizer.variables])

    def restart(self, models: Sequence[keras.Model]) -> None:
        """Forget all owners; everybody begins with the state of these models, which have the same layers."""
        self.state_swap.restart([variable.numpy() for variable in _variables(models)])

    @property
    def trainable(self) -> list[bool]:
        """Which of `get_weights` are trained; the others are statistics."""
        return [any(weight is variable for variable in self._trainable) for weight in self.weights]

    def get_weights(self) -> list[Array]:
        """Return all weights, statistics such as BatchNorm's included."""
        return [np.asarray(weight) for weight in self.weights]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Set all weights of whoever is loaded; the optimizer keeps its own state."""
        for variable, value in zip(self.weights, weights, strict=True):
            variable.assign(value)

    def _apply(self, gradients: Sequence[tf.Tensor]) -> None:
        if self._trainable:  # a segment may have nothing to train: a cut right after a Flatten, or at the last layer
            self._optimizer.apply_gradients(zip(gradients, self._trainable, strict=True))


class ClientSegment(Segment):
    """A segment of the client's side. Called, it trains on one mini-batch, with as many exchanges as it says."""

    exchanges: Literal[0, 1, 2]
    """How often a step of it goes to the main server and back; what is exchanged decides what a call of it takes."""


class ServerSegment(Segment):
    """A segment whose update is apart from its gradients, so that the reply need not wait for it."""

    def __init__(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        super().__init__([model], optimizer)
        self.infer = inference(model)
        self.update: Callable[[Sequence[tf.Tensor]], None] = tf.function(self._apply, autograph=False)


def _variables(models: Sequence[keras.Model]) -> list[keras.Variable]:
    """Return all weights, then what else a model remembers: the seeds of its dropout."""
    weights = [weight for model in models for weight in model.weights]
    return [*weights, *(v for model in models for v in model.variables if not any(v is w for w in weights))]
