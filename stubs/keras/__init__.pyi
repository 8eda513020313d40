"""What this project uses of Keras 3 with TensorFlow's backend."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from keras import activations as activations
from keras import applications as applications
from keras import backend as backend
from keras import config as config
from keras import layers as layers
from keras import losses as losses
from keras import models as models
from keras import ops as ops
from keras import optimizers as optimizers
from keras import utils as utils
from numpy.typing import NDArray

class KerasTensor:
    dtype: str
    shape: tuple[int | Any, ...]  # the first, and sizes that do not matter, are None
    name: str
    def __add__(self, other: KerasTensor | float) -> KerasTensor: ...
    def __mul__(self, other: KerasTensor | float) -> KerasTensor: ...
    def __getitem__(self, index: object) -> KerasTensor: ...

class Variable:
    dtype: str
    shape: tuple[int, ...]
    name: str
    trainable: bool
    value: tf.Variable
    def __init__(self, initializer: tf.TensorLike, trainable: bool = ..., dtype: str | None = ...) -> None: ...
    def assign(self, value: tf.TensorLike) -> Variable: ...
    def numpy(self) -> NDArray[Any]: ...
    def __array__(self, dtype: np.dtype[Any] | None = None) -> NDArray[Any]: ...

class Operation:
    name: str

class Layer(Operation):
    built: bool
    trainable: bool
    variables: list[Variable]
    weights: list[Variable]
    trainable_variables: list[Variable]
    trainable_weights: list[Variable]
    input: KerasTensor
    output: KerasTensor
    def __init__(self, name: str | None = ..., dtype: str | None = ...) -> None: ...
    def count_params(self) -> int: ...
    def get_weights(self) -> list[NDArray[Any]]: ...
    def set_weights(self, weights: Sequence[NDArray[Any]]) -> None: ...

class Model(Layer):
    inputs: list[KerasTensor]
    outputs: list[KerasTensor]
    input_shape: tuple[int | None, ...]
    output_shape: tuple[int | None, ...]
    layers: list[Layer]
    optimizer: optimizers.Optimizer
    def __init__(
        self,
        inputs: KerasTensor | Sequence[KerasTensor] = ...,
        outputs: KerasTensor | Sequence[KerasTensor] = ...,
        name: str | None = ...,
    ) -> None: ...
    def __call__(self, inputs: tf.TensorLike, training: bool = ...) -> tf.Tensor: ...
    def get_layer(self, name: str) -> Layer: ...
    def compile(
        self,
        optimizer: optimizers.Optimizer | str,
        loss: Callable[..., tf.Tensor] | str,
        metrics: Sequence[str] | None = ...,
        jit_compile: bool | str = ...,
    ) -> None: ...
    def build(self, input_shape: Sequence[int | None] | None = ...) -> None: ...
    def reset_metrics(self) -> None: ...
    def fit(
        self,
        x: tf.TensorLike,
        y: tf.TensorLike,
        *,
        batch_size: int | None = ...,
        epochs: int = ...,
        shuffle: bool = ...,
        verbose: int | str = ...,
    ) -> object: ...
    def train_on_batch(self, x: tf.TensorLike, y: tf.TensorLike) -> float: ...
    def predict(self, x: tf.TensorLike, batch_size: int | None = ..., verbose: int | str = ...) -> NDArray[Any]: ...
    def save(self, filepath: str | Path) -> None: ...

class Sequential(Model):
    def __init__(self, layers: Sequence[Layer | KerasTensor] = ..., name: str | None = ...) -> None: ...
    def add(self, layer: Layer | KerasTensor) -> None: ...

def Input(
    shape: Sequence[int | None] | None = ...,
    *,
    batch_shape: Sequence[int | None] | None = ...,
    dtype: str | None = ...,
    name: str | None = ...,
) -> KerasTensor: ...
