"""The networks, by name. All return logits and take the shape of their input from the data."""

from collections.abc import Callable

import keras
from keras import layers

from splitfed_core.errors import ConfigError

Shape = tuple[int, ...]


def build_model(name: str, input_shape: Shape, num_classes: int, seed: int) -> keras.Model:
    """Build the unsplit network; the same seed gives the same initial weights and dropout masks.

    Raises:
        ConfigError: An unknown network, or data it cannot take.
    """
    if name not in NETWORKS:
        raise ConfigError(f"model {name!r} is unknown; choose one of {', '.join(NETWORKS)}", "model")
    keras.utils.clear_session(free_memory=False)  # or layers without names are counted on from the last model
    keras.utils.set_random_seed(seed)
    return NETWORKS[name](input_shape, num_classes)


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


NETWORKS: dict[str, Callable[[Shape, int], keras.Model]] = {"notebook_cnn": notebook_cnn}
