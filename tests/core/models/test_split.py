import keras
import numpy as np
import pytest
import tensorflow as tf

from splitfed_core.errors import ConfigError
from splitfed_core.models import build_model, split, split_ushape

CUTS = ("conv1", "pool1", "flatten", "dense1", "dense2", "dense3", "dense4", "logits")


@pytest.mark.parametrize("cut", CUTS)
def test_the_halves_compute_what_the_whole_computes(cut: str) -> None:
    model = build_model("notebook_cnn", (8, 8, 1), 10, seed=1)
    halves = split(model, cut)
    x = np.random.default_rng(0).random((4, 8, 8, 1), dtype=np.float32)
    np.testing.assert_array_equal(halves.server_side(halves.client_side(x)), model(x))
    assert [id(w) for w in halves.client_side.weights + halves.server_side.weights] == [id(w) for w in model.weights]


def test_the_seed_alone_decides_the_initial_weights() -> None:
    first, again, other = (build_model("notebook_cnn", (8, 8, 1), 10, seed).get_weights() for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first[0] != other[0]).any()


def test_a_cut_across_a_skip_connection_names_the_neighbours() -> None:
    x = keras.Input((4,))
    before = keras.layers.Dense(4, name="before")(x)
    inside = keras.layers.Dense(4, name="inside")(before)
    model = keras.Model(x, keras.layers.Dense(2, name="after")(inside + before), name="skip")
    with pytest.raises(
        ConfigError, match=r"2 tensors cross there, not one: before, inside; nearest valid: before or add"
    ):
        split(model, "inside")
    assert [layer.name for layer in split(model, "before").client_side.layers[1:]] == ["before"]


def test_an_unknown_cut_names_the_choices() -> None:
    with pytest.raises(ConfigError, match="choose one of conv1, pool1, flatten, dense1") as caught:
        split(build_model("notebook_cnn", (8, 8, 1), 10, seed=1), "conv9")
    assert caught.value.parameter == "cut_layer"


def test_weights_used_on_both_sides_are_refused() -> None:
    x = keras.Input((4,))
    twice = keras.layers.Dense(4, name="twice")
    middle = keras.layers.Activation("relu", name="middle")
    end = keras.layers.Dense(2, name="end")
    model = keras.Model(x, end(twice(middle(twice(x)))))
    with pytest.raises(ConfigError, match="both sides would hold the weights of twice; nearest valid: end"):
        split(model, "middle")
    with pytest.raises(ConfigError, match="used more than once"):
        split(model, "twice")


def test_a_client_side_without_weights_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to train; nearest valid: dense1"):
        split(build_model("mlp", (8, 8, 1), 10, seed=1), "flatten")


def test_a_model_without_weights_cannot_be_cut() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Flatten(name="flatten")])
    with pytest.raises(ConfigError, match="no valid cut"):
        split(model, "flatten")


def test_two_inputs_are_refused() -> None:
    x, y = keras.Input((4,)), keras.Input((4,))
    with pytest.raises(ConfigError, match="one input and one output"):
        split(keras.Model([x, y], keras.layers.Dense(2, name="end")(x + y)), "end")


@pytest.mark.parametrize(
    ("share", "cut"),  # of 40,202 weights: conv1 320, dense1 18,816, dense2 22,976, dense3 31,296, dense4 39,552
    [
        ("frac:0", "conv1"),
        ("frac:0.5", "dense1"),
        ("frac:0.52", "dense2"),
        ("frac:0.99", "dense4"),
        ("frac:1", "logits"),
    ],
)
def test_a_fraction_is_the_clients_share_of_the_weights(share: str, cut: str) -> None:
    model = build_model("notebook_cnn", (8, 8, 1), 10, seed=1)
    assert split(model, share).client_side.count_params() == split(model, cut).client_side.count_params()


@pytest.mark.parametrize("share", ["frac:1.5", "frac:half", "frac:"])
def test_a_fraction_outside_its_range_is_refused(share: str) -> None:
    with pytest.raises(ConfigError, match="from 0 to 1") as caught:
        split(build_model("mlp", (4,), 2, seed=1), share)
    assert caught.value.parameter == "cut_layer"


def test_the_three_parts_of_ushape_compute_what_the_whole_computes() -> None:
    model = build_model("notebook_cnn", (8, 8, 1), 10, seed=1)
    parts = split_ushape(model, ["conv1", "dense4"])
    x = np.random.default_rng(0).random((4, 8, 8, 1), dtype=np.float32)
    np.testing.assert_array_equal(parts.tail(parts.body(parts.head(x))), model(x))
    weights = parts.head.weights + parts.body.weights + parts.tail.weights
    assert [id(w) for w in weights] == [id(w) for w in model.weights]


@pytest.mark.parametrize("cuts", [("dense4", "conv1"), ("conv1", "conv1")])
def test_ushape_cuts_out_of_order_are_refused(cuts: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match="does not come after") as caught:
        split_ushape(build_model("notebook_cnn", (8, 8, 1), 10, seed=1), cuts)
    assert caught.value.parameter == "cut_layer"


def test_training_both_halves_moves_the_statistics_and_gradients_of_the_whole() -> None:
    model = build_model("resnet20", (8, 8, 1), 10, seed=1)
    x, y = np.random.default_rng(0).random((4, 8, 8, 1), dtype=np.float32), np.arange(4)
    start = model.get_weights()
    whole, statistics = gradients(model, x, y, model), model.get_weights()
    model.set_weights(start)
    halves = split(model, "stage2_block1_relu2")
    joined = keras.Sequential([halves.client_side, halves.server_side])
    for a, b in zip(whole, gradients(joined, x, y, model), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(statistics, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(start, statistics, strict=True))


def gradients(model: keras.Model, x: np.ndarray, y: np.ndarray, owner: keras.Model) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        loss = keras.losses.sparse_categorical_crossentropy(y, model(x, training=True), from_logits=True)
    return [g.numpy() for g in tape.gradient(loss, owner.trainable_variables)]
