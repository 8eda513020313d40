"""What really crosses a cut: smashed data and gradients of a network in training, not noise."""

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from splitfed_core.arrays import Array
from splitfed_core.data import Dataset, load_dataset
from splitfed_core.models import SplitModel, build_model, split

CUTS = ("conv1", "pool1", "dense1")
BATCH = 128


@dataclass(frozen=True)
class Crossing:
    """What one batch sends across a cut at some time of the training.

    Attributes:
        when: "early", after the first epoch, or "late", after the last.
        cut: The cut layer.
        tensors: "smashed" and "gradient", and "change": of the same batch's smashed data within an epoch.
    """

    when: str
    cut: str
    tensors: dict[str, Array]


def crossings(epochs: int, size: int, seed: int = 0) -> Iterator[Crossing]:
    """Train `notebook_cnn` on digits of `size` × `size` pixels and yield what a batch of its training data sends."""
    data = load_dataset({"name": "digits", "resize": [size, size]})
    model = build_model("notebook_cnn", data.input_shape, data.num_classes, seed=seed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    halves = {cut: split(model, cut) for cut in CUTS}
    keras.utils.set_random_seed(seed)
    done = 0
    for when, until in (("early", 1), ("late", epochs - 1)):
        model.fit(data.x_train, data.y_train, batch_size=BATCH, epochs=until - done, verbose=0)
        before = {cut: np.asarray(half.client_side(data.x_train[:BATCH])) for cut, half in halves.items()}
        model.fit(data.x_train, data.y_train, batch_size=BATCH, epochs=1, verbose=0)
        done = until + 1
        for cut, half in halves.items():
            smashed, gradient = _exchanged(half, data, loss)
            yield Crossing(when, cut, {"smashed": smashed, "gradient": gradient, "change": smashed - before[cut]})


def _exchanged(
    half: SplitModel, data: Dataset, loss: keras.losses.SparseCategoricalCrossentropy
) -> tuple[Array, Array]:
    """Return the smashed data of the first batch, and the gradient that comes back."""
    smashed = half.client_side(data.x_train[:BATCH])
    with tf.GradientTape() as tape:
        tape.watch(smashed)
        value = loss(data.y_train[:BATCH], half.server_side(smashed))
    return np.asarray(smashed), np.asarray(tape.gradient(value, smashed))
