"""The notebook's main server: all clients' calls step one model."""

import time
from typing import Any

import grpc
import numpy as np
import tensorflow as tf

from benchmarks.baselines.notebook import lists
from benchmarks.baselines.notebook._pb.notebook.v1 import notebook_pb2 as pb
from benchmarks.baselines.notebook.rpc import TRAINING, Server
from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.records.results import CellKey, DataShape
from splitfed_core.training.cell_network import CellNetwork
from splitfed_core.training.loss import Objective
from splitfed_core.training.segment import make_optimizer


class TrainingServer(Server):
    """Holds the shared server-side model; its threads step it as calls come, without a lock."""

    replicas = 1

    def __init__(self, key: CellKey, config: CellConfig, shape: DataShape, token: str) -> None:
        """Build the model and serve it."""
        network = CellNetwork(config, shape, key.seed)
        (self._model,) = network.server_side
        self._objective = Objective(config.loss, shape.num_classes)
        self._optimizer = make_optimizer(config.optimizer, config.learning_rate, [self._model])
        self._data: list[list[Any]] = []
        methods: dict[str, tuple[Any, Any]] = {
            "Forward": (self._forward, pb.ForwardRequest),
            "Predict": (self._predict, pb.PredictRequest),
        }
        super().__init__(TRAINING, methods, config.num_clients, token)

    def get_weights(self) -> list[Array]:
        """Return the weights of the server-side model."""
        return [np.asarray(weight) for weight in self._model.weights]

    def _forward(self, request: pb.ForwardRequest, _: grpc.ServicerContext) -> pb.ForwardResponse:
        ff_package_size = len(request.SerializeToString())
        activations = tf.convert_to_tensor(lists.read_activations(request.activations), dtype=tf.float32)
        labels = np.array(list(request.labels), np.int32)
        uplink = abs(time.time() - request.time)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(activations)
            logits = self._model(activations, training=True)
            loss = self._objective.loss(labels, logits)
        gradients = tape.gradient(loss, self._model.trainable_variables)
        self._optimizer.apply_gradients(zip(gradients, self._model.trainable_variables, strict=True))
        gradient = tape.gradient(loss, activations)
        reply = lists.backward_message(gradient, loss.numpy(), int(self._objective.correct(labels, logits)))
        bk_package_size = len(reply.SerializeToString())
        self._data.append(
            [request.rnd, request.batch, request.cid, loss.numpy(), ff_package_size, bk_package_size, uplink]
        )
        return reply

    def _predict(self, request: pb.PredictRequest, _: grpc.ServicerContext) -> pb.PredictResponse:
        smashed = tf.convert_to_tensor(lists.read_activations(request.activations), dtype=tf.float32)
        return pb.PredictResponse(logits=lists.activations_message(self._model(smashed, training=False)))
