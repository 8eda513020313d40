"""What is kept of a training: the joined model as a file."""

from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf

from splitfed_core.training.cell_network import CellNetwork, joined_model


# Keras' own variables, when h5py reads them to save the model
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize("cell", [{}, {"algorithm": "ushape", "cut_layer": ("dense1", "dense2")}])
def test_the_file_holds_the_joined_model_to_the_bit(cell: dict[str, Any], federations: Any, tmp_path: Path) -> None:
    trained, config = federations.train(20, 13, **cell), federations.config(clients=2, **cell)
    path, (images, _) = tmp_path / "model.keras", federations.examples(30, seed=99)
    content = joined_model(federations.key, config, federations.shape, trained.clients[1], trained.server)
    path.write_bytes(content)
    loaded = keras.models.load_model(path)
    network = CellNetwork(config, federations.shape, federations.key.seed)
    head, *tail = network.client_side
    apart, outputs = [*head.weights, *(w for model in tail for w in model.weights)], tf.constant(images)
    for variables, values in ((apart, trained.clients[1]), (network.server_side[0].weights, trained.server)):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    for model in (head, *network.server_side, *tail):
        outputs = model(outputs, training=False)
    assert (loaded(images, training=False).numpy() == outputs.numpy()).all()
    assert [w.shape for w in loaded.get_weights()] == [w.shape for w in network.whole.get_weights()]
