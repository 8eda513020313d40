import keras
import numpy as np
import pytest

from splitfed_core.errors import ConfigError
from splitfed_core.models import build_model, split

CUTS = ("conv1", "pool1", "flatten", "dense1", "dense2", "dense3", "dense4", "logits")


@pytest.mark.parametrize("cut", CUTS)
def test_the_halves_compute_what_the_whole_computes(cut: str) -> None:
    model = build_model("notebook_cnn", (8, 8, 1), 10, seed=1)
    halves = split(model, cut)
    x = np.random.default_rng(0).random((4, 8, 8, 1), dtype=np.float32)
    np.testing.assert_array_equal(halves.server_side(halves.client_side(x)), model(x))
    assert [id(w) for w in halves.client_side.weights + halves.server_side.weights] == [
        id(w) for w in model.weights
    ]


def test_the_seed_alone_decides_the_initial_weights() -> None:
    first, again, other = (
        build_model("notebook_cnn", (8, 8, 1), 10, seed).get_weights() for seed in (1, 1, 2)
    )
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first[0] != other[0]).any()


def test_a_cut_across_a_skip_connection_names_the_neighbours() -> None:
    x = keras.Input((4,))
    before = keras.layers.Dense(4, name="before")(x)
    inside = keras.layers.Dense(4, name="inside")(before)
    model = keras.Model(x, keras.layers.Dense(2, name="after")(inside + before), name="skip")
    with pytest.raises(ConfigError, match=r"outputs of before, inside; nearest valid: before or add"):
        split(model, "inside")
    assert [layer.name for layer in split(model, "before").client_side.layers[1:]] == ["before"]


def test_an_unknown_cut_names_the_choices() -> None:
    with pytest.raises(ConfigError, match="choose one of conv1, pool1, flatten, dense1") as caught:
        split(build_model("notebook_cnn", (8, 8, 1), 10, seed=1), "conv9")
    assert caught.value.parameter == "cut_layer"


def test_a_layer_used_on_both_sides_is_refused() -> None:
    x = keras.Input((4,))
    twice = keras.layers.Dense(4, name="twice")
    middle = keras.layers.Activation("relu", name="middle")
    model = keras.Model(x, twice(middle(twice(x))))
    with pytest.raises(ConfigError, match="both sides would hold the weights of twice"):
        split(model, "middle")
    with pytest.raises(ConfigError, match="used more than once"):
        split(model, "twice")


def test_dropout_masks_and_layer_names_repeat_with_the_seed() -> None:
    from splitfed_core.models import networks

    def dropping(shape: tuple[int, ...], classes: int) -> keras.Model:
        return keras.Sequential([keras.Input(shape), keras.layers.Dropout(0.5), keras.layers.Dense(classes)])

    def build() -> keras.Model:
        networks.NETWORKS["dropping"] = dropping
        return build_model("dropping", (50,), 2, seed=3)

    first, again = build(), build()
    x = np.ones((2, 50), np.float32)
    np.testing.assert_array_equal(first(x, training=True), again(x, training=True))
    assert [layer.name for layer in first.layers] == [layer.name for layer in again.layers]
