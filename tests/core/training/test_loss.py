"""Every name that Keras offers for a loss trains classes by its formula, or is refused with the reason."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from splitfed_core.errors import ConfigError
from splitfed_core.training.loss import Objective
from splitfed_core.verification.reference import mean_loss

NAMES = [name for name in dir(keras.losses) if not name.startswith("_")]
NO_LOSSES = ["deserialize", "get", "serialize"]
SENSELESS = {
    "CTC": "aligns sequences",
    "ctc": "aligns sequences",
    "Circle": "compares embeddings",
    "circle": "compares embeddings",
    "Loss": "is the base class",
    "MeanAbsolutePercentageError": "divides by the targets",
    "mean_absolute_percentage_error": "divides by the targets",
}
SHORT = ["bce", "kld", "KLD", "mae", "mse", "MSE", "msle"]
LOSSES = sorted({*NAMES, *SHORT} - {*NO_LOSSES, *SENSELESS})


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_are_the_formula(name: str) -> None:
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 5, 7).astype(np.int32), tf.constant(rng.normal(size=(7, 5)))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        ours = Objective(name, 5).loss(labels, logits)
        formula = mean_loss(name, labels, logits)
    np.testing.assert_allclose(ours, formula, rtol=1e-6)  # Keras has an ε of 1e-7 in some denominators
    np.testing.assert_allclose(tape.gradient(ours, logits), tape.gradient(formula, logits), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_teaches_digits(name: str) -> None:
    digits = load_digits()
    x, labels = tf.constant(digits.data / 16, tf.float32), tf.constant(digits.target, tf.int32)
    kernel, bias = tf.Variable(tf.zeros((64, 10))), tf.Variable(tf.zeros(10))
    objective, optimizer = Objective(name, 10), keras.optimizers.Adam(0.05)
    kernel.assign(np.random.default_rng(0).normal(size=(64, 10), scale=0.05))
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = objective.loss(labels, x @ kernel + bias)
        optimizer.apply_gradients(zip(tape.gradient(loss, [kernel, bias]), [kernel, bias], strict=True))
    assert (
        int(objective.correct(labels, x @ kernel + bias)) / len(labels) > 0.7
    )  # chance is 0.1; the mean absolute error gets to 0.74, the others higher


@pytest.mark.parametrize(("name", "reason"), SENSELESS.items())
def test_a_loss_without_meaning_for_classes_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=rf"loss '{name}' {reason}.*; choose one of binary_crossentropy, ") as caught:
        Objective(name, 10)
    assert caught.value.parameter == "loss"


@pytest.mark.parametrize("name", [*NO_LOSSES, "cross_entropy"])
def test_what_is_no_loss_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"'{name}' is not a Keras loss; choose one of .*, tversky$"):
        Objective(name, 10)
