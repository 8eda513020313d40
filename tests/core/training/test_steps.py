import keras
import numpy as np
import pytest
import tensorflow as tf

from splitfed_core.arrays import Array
from splitfed_core.errors import RemoteError
from splitfed_core.models import build_model, split
from splitfed_core.training.loss import Objective
from splitfed_core.training.segment import make_optimizer
from splitfed_core.training.split_step import ClientStep, ServerStep
from splitfed_core.verification.rounding import difference, tolerance

RNG = np.random.default_rng(0)
OBJECTIVE = Objective("sparse_categorical_crossentropy", 10)
BATCHES = [(RNG.random((size, 8, 8, 1), dtype=np.float32), RNG.integers(0, 10, size)) for size in (8, 8, 3, 1)]


def halves(cut: str) -> tuple[ClientStep, ServerStep]:
    parts = split(build_model("notebook_cnn", (8, 8, 1), 10, seed=1), cut)
    client = ClientStep(parts.client_side, make_optimizer("adam", 1e-3, [parts.client_side]))
    return client, ServerStep(parts.server_side, make_optimizer("adam", 1e-3, [parts.server_side]), OBJECTIVE)


@pytest.fixture
def whole(double: object) -> tuple[list[float], keras.Model]:
    """Train the unsplit network as Keras does."""
    model = build_model("notebook_cnn", (8, 8, 1), 10, seed=1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=False)
    losses = []
    for x, y in BATCHES:
        model.reset_metrics()
        losses.append(float(model.train_on_batch(x.astype(np.float64), y)))
    return losses, model


@pytest.mark.parametrize("cut", ["pool1", "dense1", "logits"])
def test_two_halves_with_the_exchange_inside_train_as_the_whole_does(
    cut: str, whole: tuple[list[float], keras.Model]
) -> None:
    client, server = halves(cut)
    losses, sizes = [], []
    for x, y in BATCHES:

        def exchange(smashed: Array, y: Array = y) -> Array:
            loss, _, gradient, gradients = server(smashed, y)
            server.update(gradients)
            losses.append(loss)
            sizes.append((len(smashed), gradient.shape == smashed.shape))
            return gradient

        client(tf.constant(x, tf.float64), exchange)
    assert sizes == [(8, True), (8, True), (3, True), (1, True)]  # once a batch; the last ones are smaller
    expected, model = whole
    allowed = tolerance(model, 8, len(BATCHES), "adam", 1e-3)
    assert difference(losses, expected) <= allowed
    for ours, theirs in zip([*client.get_weights(), *server.get_weights()], model.get_weights(), strict=True):
        assert difference(ours, theirs) <= allowed


@pytest.mark.parametrize(("name", "slots"), [("adam", 2), ("sgd", 0)])
def test_an_optimizer_has_its_slots_before_the_first_step(name: str, slots: int) -> None:
    model = build_model("mlp", (8, 8, 1), 10, seed=1)
    optimizer = make_optimizer(name, 1e-3, [model])  # the notebook's are built inside the first concurrent calls
    assert len(optimizer.variables) == 2 + 6 * slots  # iterations, learning rate; three kernels and biases


def test_an_error_of_the_exchange_comes_out_as_it_was_and_the_step_works_again() -> None:
    client, _ = halves("dense1")
    before = client.get_weights()

    def lost(smashed: Array) -> Array:
        raise RemoteError("the main server is gone")

    with pytest.raises(RemoteError, match=r"^the main server is gone$"):
        client(tf.constant(BATCHES[0][0]), lost)
    for ours, theirs in zip(client.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    client(tf.constant(BATCHES[0][0]), lambda smashed: np.ones_like(smashed))
    assert (client.get_weights()[0] != before[0]).any()


def test_an_answer_that_is_no_gradient_of_the_smashed_data_is_an_error() -> None:
    client, _ = halves("dense1")
    with pytest.raises((tf.errors.OpError, ValueError)):
        client(tf.constant(BATCHES[0][0]), lambda smashed: smashed[:, :5])


def test_the_gradient_does_not_depend_on_the_update() -> None:
    _, server = halves("dense1")
    smashed, y = RNG.random((8, 64), dtype=np.float32), BATCHES[0][1]
    first = server(smashed, y)
    again = server(smashed, y)
    np.testing.assert_array_equal(first[2], again[2])
    server.update(first[3])
    assert (server(smashed, y)[2] != first[2]).any()


def test_correct_counts_the_largest_logits() -> None:
    logits = tf.constant([[0.0, 2.0, 1.0], [5.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    labels = tf.constant([1, 1, 2])
    assert int(Objective("sparse_categorical_crossentropy", 3).correct(labels, logits)) == 2
