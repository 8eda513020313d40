"""The built-in networks. All return logits and take the shape of their input from the data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import keras
from keras import layers

Shape: TypeAlias = tuple[int, ...]
BuildNetwork: TypeAlias = Callable[[Shape, int], keras.Model]


@dataclass(frozen=True, slots=True)
class BuiltinNetwork:
    """How a network is built, and the smallest height and width it takes; None if any shape will do."""

    build: BuildNetwork
    min_size: int | None


def notebook_cnn(input_shape: Shape, num_classes: int) -> keras.Model:
    """Return the notebook's network: one convolution and five dense layers; its own cut is `dense1`."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(32, 3, activation="relu", name="conv1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Flatten(name="flatten"),
            layers.Dense(64, activation="relu", name="dense1"),
            layers.Dense(64, activation="relu", name="dense2"),
            layers.Dense(128, activation="relu", name="dense3"),
            layers.Dense(64, activation="relu", name="dense4"),
            layers.Dense(num_classes, name="logits"),
        ],
        name="notebook_cnn",
    )


def mlp(input_shape: Shape, num_classes: int) -> keras.Model:
    """Return the "2NN" of McMahan et al. (AISTATS 2017): two hidden layers of 200."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Flatten(name="flatten"),
            layers.Dense(200, activation="relu", name="dense1"),
            layers.Dense(200, activation="relu", name="dense2"),
            layers.Dense(num_classes, name="logits"),
        ],
        name="mlp",
    )


def lenet5(input_shape: Shape, num_classes: int) -> keras.Model:
    """Return LeNet-5 (LeCun et al., 1998); its padding of the input by two is that of the first convolution here."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(6, 5, padding="same", activation="tanh", name="conv1"),
            layers.AveragePooling2D(2, name="pool1"),
            layers.Conv2D(16, 5, activation="tanh", name="conv2"),
            layers.AveragePooling2D(2, name="pool2"),
            layers.Flatten(name="flatten"),
            layers.Dense(120, activation="tanh", name="dense1"),
            layers.Dense(84, activation="tanh", name="dense2"),
            layers.Dense(num_classes, name="logits"),
        ],
        name="lenet5",
    )


def resnet20(input_shape: Shape, num_classes: int) -> keras.Model:
    """Return the ResNet-20 for small images of He et al. (CVPR 2016), shortcuts without parameters (their option A)."""
    inputs = keras.Input(input_shape)
    x = _convolve(inputs, 16, 1, "stem")
    x = layers.ReLU(name="stem_relu")(x)
    for stage, filters in enumerate((16, 32, 64), start=1):
        for block in (1, 2, 3):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _residual_block(x, filters, stride, f"stage{stage}_block{block}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(num_classes, name="logits")(x), name="resnet20")


def _residual_block(x: keras.KerasTensor, filters: int, stride: int, name: str) -> keras.KerasTensor:
    y = _convolve(x, filters, stride, f"{name}_conv1")
    y = layers.ReLU(name=f"{name}_relu1")(y)
    y = _convolve(y, filters, 1, f"{name}_conv2")
    if stride > 1:  # every second pixel, and channels of zeros on both sides
        missing = filters - x.shape[-1]
        x = layers.MaxPooling2D(1, strides=stride, name=f"{name}_subsample")(x)
        x = keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [missing // 2, missing - missing // 2]])
    return layers.ReLU(name=f"{name}_relu2")(layers.Add(name=f"{name}_add")([x, y]))


def _convolve(x: keras.KerasTensor, filters: int, stride: int, name: str) -> keras.KerasTensor:
    convolution = layers.Conv2D(
        filters, 3, stride, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )
    return layers.BatchNormalization(name=f"{name}_bn")(convolution(x))


NETWORKS = {
    "notebook_cnn": BuiltinNetwork(notebook_cnn, 4),
    "mlp": BuiltinNetwork(mlp, None),
    "lenet5": BuiltinNetwork(lenet5, 12),
    "resnet20": BuiltinNetwork(resnet20, 4),
}
"""The networks by name."""
