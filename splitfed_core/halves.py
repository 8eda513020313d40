"""Both halves of a cell's network, from the cell's seed: each process builds its own and they fit."""

import keras
import numpy as np

from splitfed_core.cell import DataShape, ModelFacts
from splitfed_core.config import CellConfig
from splitfed_core.models import SplitModel, build_model, split
from splitfed_core.seeding import derive
from splitfed_core.server import MainServer
from splitfed_core.steps import ServerStep, make_optimizer


def build_halves(config: CellConfig, shape: DataShape, seed: int) -> SplitModel:
    """Build the unsplit network, then cut it: the initial weights do not depend on the cut."""
    return split(build_model(config.model, shape.example, shape.num_classes, derive(seed, "weights")), config.cut_layer)


def build_main_server(config: CellConfig, shape: DataShape, seed: int) -> MainServer:
    """Build the main server of a cell, ready to serve: its optimizer has its slots before the first call."""
    server_side = build_halves(config, shape, seed).server_side
    return MainServer(ServerStep(server_side, make_optimizer(config.optimizer, config.learning_rate, server_side)))


def model_facts(halves: SplitModel) -> ModelFacts:
    """Measure both halves: parameters, their bytes, and the bytes of smashed data per example."""
    smashed = halves.client_side.outputs[0]
    return ModelFacts(
        client_parameters=halves.client_side.count_params(),
        server_parameters=halves.server_side.count_params(),
        client_parameter_bytes=_weight_bytes(halves.client_side),
        server_parameter_bytes=_weight_bytes(halves.server_side),
        smashed_bytes_per_example=int(np.prod(smashed.shape[1:])) * np.dtype(smashed.dtype).itemsize,
    )


def _weight_bytes(model: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) * np.dtype(weight.dtype).itemsize for weight in model.weights)
