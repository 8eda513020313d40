"""Who has which part of the network: built alike by every process, from the cell's seed.

The unsplit network is built first and then cut, so that the initial weights do not depend on the cut.
"""

import tempfile
from collections.abc import Hashable, Sequence
from pathlib import Path

import keras
import numpy as np

from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.models import build_model, split, split_ushape
from splitfed_core.records.results import CellKey, DataShape, ModelFacts
from splitfed_core.seeding import derive
from splitfed_core.training.loss import Objective
from splitfed_core.training.segment import ClientSegment, make_optimizer
from splitfed_core.training.split_step import ClientStep, ServerStep
from splitfed_core.training.ushape_step import BodyStep, UShapeClientStep
from splitfed_core.training.whole_step import WholeStep


class CellNetwork:
    """The network of a cell: the whole, and the models of either side in the order of the data."""

    def __init__(self, config: CellConfig, shape: DataShape, seed: int) -> None:
        """Build and cut it.

        Raises:
            ConfigError: No such network, cut or loss, or the data is too small for the network.
        """
        self._config, self._shape = config, shape
        self._objective = Objective(config.loss, shape.num_classes)
        self.whole = build_model(config.model, shape.example, shape.num_classes, derive(seed, "weights"))
        self.client_side: list[keras.Model] = [self.whole]
        self.server_side: list[keras.Model] = []
        if isinstance(config.cut_layer, str):
            halves = split(self.whole, config.cut_layer)
            self.client_side, self.server_side = [halves.client_side], [halves.server_side]
        elif config.cut_layer:
            thirds = split_ushape(self.whole, config.cut_layer)
            self.client_side, self.server_side = [thirds.head, thirds.tail], [thirds.body]

    def client_segment(self) -> ClientSegment:
        """Return the compiled step of the client's side."""
        optimizer = make_optimizer(self._config.optimizer, self._config.learning_rate, self.client_side)
        if not self.server_side:
            return WholeStep(self.whole, optimizer, self._objective)
        if len(self.client_side) == 1:
            return ClientStep(self.client_side[0], optimizer)
        head, tail = self.client_side
        return UShapeClientStep(head, tail, optimizer, self._objective)

    def server_segment(self) -> ServerStep:
        """Return the compiled step of the main server's half."""
        return ServerStep(self.server_side[0], self._server_optimizer(), self._objective)

    def body_segment(self) -> BodyStep:
        """Return the compiled step of the main server's body."""
        return BodyStep(self.server_side[0], self._server_optimizer())

    def _server_optimizer(self) -> keras.optimizers.Optimizer:
        return make_optimizer(self._config.optimizer, self._config.learning_rate, self.server_side)

    @property
    def model(self) -> str:
        """The name of the unsplit network."""
        return self._config.model

    @property
    def cache_key(self) -> Hashable:
        """What its compiled steps depend on: networks with the same one differ in their initial state only."""
        c = self._config
        return c.model, self._shape, c.cut_layer, c.loss, c.optimizer, c.learning_rate

    def facts(self) -> ModelFacts:
        """Measure both sides: parameters, their bytes, and the bytes of an example at the cuts."""
        computed = [self.client_side[0], *self.server_side]
        crossing = computed[: len(self.client_side)] if self.server_side else []
        return ModelFacts(
            client_parameters=sum(model.count_params() for model in self.client_side),
            server_parameters=sum(model.count_params() for model in self.server_side),
            client_parameter_bytes=sum(map(_weight_bytes, self.client_side)),
            server_parameter_bytes=sum(map(_weight_bytes, self.server_side)),
            smashed_bytes_per_example=_output_bytes(self.client_side[0]) if self.server_side else None,
            largest_bytes_per_example=max(map(_output_bytes, computed)) if self.server_side else 0,
            output_bytes_per_example=_output_bytes(self.server_side[0]) if len(crossing) == 2 else None,
            client_tensors=sum(len(model.weights) for model in self.client_side),
            crossing=tuple(_output(model) for model in crossing),
        )


def joined_model(
    key: CellKey, config: CellConfig, shape: DataShape, client: Sequence[Array], server: Sequence[Array]
) -> bytes:
    """Return the unsplit model with these weights of its two sides, as the content of a `.keras` file."""
    network = CellNetwork(config, shape, key.seed)
    variables = [w for model in (*network.client_side, *network.server_side) for w in model.weights]
    for variable, value in zip(variables, (*client, *server), strict=True):
        variable.assign(value)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        network.whole.save(path)
        return path.read_bytes()


def _weight_bytes(model: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) * np.dtype(weight.dtype).itemsize for weight in model.weights)


def _output(model: keras.Model) -> tuple[str, tuple[int, ...]]:
    output = model.outputs[0]
    return str(output.dtype), tuple(output.shape[1:])


def _output_bytes(model: keras.Model) -> int:
    dtype, shape = _output(model)
    return int(np.prod(shape)) * int(np.dtype(dtype).itemsize)
