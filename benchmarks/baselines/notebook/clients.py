"""The notebook's client: eager tape, a request of lists of floats, eager backward pass, Keras' optimizer."""

from collections.abc import Callable, Sequence
from time import perf_counter, process_time
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np
import psutil
import tensorflow as tf

from benchmarks.baselines.notebook import lists
from benchmarks.baselines.notebook._pb.notebook.v1 import notebook_pb2 as pb
from benchmarks.baselines.notebook.rpc import AGGREGATOR, OPTIONS, TRAINING
from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import ClientShard
from splitfed_core.errors import RemoteError, one_line
from splitfed_core.records.results import EVALUATION_BATCH, CellKey, DataShape, Evaluation, ModelFacts, WorkerRound
from splitfed_core.records.rows import PHASES, ClientRow, StepRow
from splitfed_core.roles.batches import Batch, mini_batches
from splitfed_core.roles.client import span_s
from splitfed_core.training.cell_network import CellNetwork
from splitfed_core.training.loss import Objective
from splitfed_core.training.segment import make_optimizer
from splitfed_core.wire.security.tokens import credentials
from splitfed_core.wire.transports.grpc_client import Endpoints

_WALL_CLOCKS_TELL_NO_PHASES = dict.fromkeys(PHASES)


class NotebookClients:
    """The clients of one process, each with a model of its own. A context manager: leaving it closes connections."""

    def __init__(
        self,
        key: CellKey,
        config: CellConfig,
        shape: DataShape,
        shards: Sequence[ClientShard],
        test: tuple[Array, Array],
        worker: int,
    ) -> None:
        """Build the clients' models; the arguments are those of `ClientGroup`."""
        self.facts: ModelFacts = CellNetwork(config, shape, key.seed).facts()
        self._clients = {shard.client_id: _Client(key, config, shape, shard, worker) for shard in shards}
        self._objective = Objective(config.loss, shape.num_classes)
        self._test = test

    def connect(self, ends: Endpoints) -> None:
        """Connect every client to the servers."""
        for client in self._clients.values():
            client.connect(ends)

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> tuple[list[Array], list[bool]]:
        """Return nothing: the aggregation server needs no first weights."""
        return [], []

    def train_round(self, round: int) -> list[WorkerRound]:
        """Train a round of every client, then let it wait for the average."""
        return [client.train_round(round) for client in self._clients.values()]

    def evaluate(self, client_ids: Sequence[int]) -> list[Evaluation]:
        """Evaluate the joined models of those of these clients that are here."""
        x, y = self._test
        labels = y.astype(np.int32)
        evaluations = []
        for client in (self._clients[i] for i in client_ids if i in self._clients):
            parts = [client.predict(x[i : i + EVALUATION_BATCH]) for i in range(0, len(x), EVALUATION_BATCH)]
            logits = np.concatenate(parts).astype(np.float32)
            loss, correct = self._objective.loss(labels, logits), self._objective.correct(labels, logits)
            evaluations.append(Evaluation(client.client_id, float(loss), int(correct) / len(y), client.examples))
        return evaluations

    def get_weights(self, client_id: int) -> list[Array]:
        """Return the weights of one client's model."""
        return self._clients[client_id].get_weights()

    def get_server_weights(self) -> list[Array]:
        """Return the weights of the server-side model: none of it is here."""
        return []


class _Client:
    """One client."""

    def __init__(self, key: CellKey, config: CellConfig, shape: DataShape, shard: ClientShard, worker: int) -> None:
        self.client_id, self.examples = shard.client_id, len(shard.y)
        self._key, self._config, self._shard, self._worker = key, config, shard, worker
        (self._model,) = CellNetwork(config, shape, key.seed).client_side
        self._optimizer = make_optimizer(config.optimizer, config.learning_rate, [self._model])
        self._channels: list[grpc.Channel] = []
        self._steps_done = 0

    def connect(self, ends: Endpoints) -> None:
        def stub(address: str, method: str, reply: Any) -> Callable[[Any], Any]:
            channel = grpc.insecure_channel(address, options=OPTIONS)
            self._channels.append(channel)
            call: Any = channel.unary_unary(
                method, request_serializer=lambda m: m.SerializeToString(), response_deserializer=reply.FromString
            )

            def checked(message: Any) -> Any:
                try:
                    return call(message, metadata=credentials(ends.token), timeout=ends.deadline_s)
                except grpc.RpcError as error:
                    failure: Any = error
                    raise RemoteError(
                        f"{method} at {address}: {failure.code().name}: {one_line(failure.details())}"
                    ) from None

            return checked

        self._forward = stub(str(ends.main), f"/{TRAINING}/Forward", pb.ForwardResponse)
        self._predict = stub(str(ends.main), f"/{TRAINING}/Predict", pb.PredictResponse)
        if ends.fed:
            self._aggregate = stub(ends.fed, f"/{AGGREGATOR}/Aggregate", pb.AggregateResponse)

    def close(self) -> None:
        for channel in self._channels:
            channel.close()

    def train_round(self, round: int) -> WorkerRound:
        began, cpu = perf_counter(), process_time()
        self._last_step_ended = began
        rows = [self._train_step(batch) for batch in mini_batches(self._key, self._config, self._shard, round)]
        trained = perf_counter()
        uplink = downlink = 0
        if self._config.aggregation:
            message = pb.AggregateRequest(model=lists.model_message(self._model.get_weights()), size=self.examples)
            average = self._aggregate(message)
            self._model.set_weights(lists.read_model(average.model))
            uplink, downlink = message.ByteSize(), average.ByteSize()
        ended = perf_counter()
        client = ClientRow(
            cell_id=self._key.cell_id,
            repeat=self._key.repeat,
            client_id=self.client_id,
            worker=self._worker,
            round=round,
            steps=len(rows),
            examples=sum(row.examples for row in rows),
            local_s=trained - began,
            aggregation_wait_s=ended - trained if self._config.aggregation else None,
            cpu_s=sum(row.cpu_s or 0.0 for row in rows),
            rss_bytes=psutil.Process().memory_info().rss,
            span_s=span_s(rows),
        )
        cpu_s = process_time() - cpu
        return WorkerRound(rows, [client], uplink, downlink, began, [(began, trained)], ended, cpu_s)

    def _train_step(self, batch: Batch) -> StepRow:
        started, cpu = perf_counter(), process_time()
        with tf.GradientTape() as tape:
            activations = self._model(batch.x, training=True)
        request = lists.forward_message(activations, batch.labels, self.client_id, batch.round, batch.step)
        reply = self._forward(request)
        gradient = tf.convert_to_tensor(lists.read_gradient(reply.gradients), dtype=tf.float32)
        gradients = tape.gradient(activations, self._model.trainable_variables, output_gradients=gradient)
        self._optimizer.apply_gradients(zip(gradients, self._model.trainable_variables, strict=True))
        ended, cpu_s = perf_counter(), process_time() - cpu
        between_s, self._last_step_ended = started - self._last_step_ended, ended
        row = StepRow(
            cell_id=self._key.cell_id,
            repeat=self._key.repeat,
            client_id=self.client_id,
            round=batch.round,
            local_epoch=batch.local_epoch,
            step=self._steps_done,
            warmup=self._steps_done < self._config.warmup_steps,
            examples=len(batch.labels),
            loss=reply.loss,
            correct=reply.correct,
            uplink_bytes=request.ByteSize(),
            downlink_bytes=reply.ByteSize(),
            step_s=ended - started,
            server_update_s=None,
            started_s=started,
            between_s=between_s,
            cpu_s=cpu_s,
            **_WALL_CLOCKS_TELL_NO_PHASES,
        )
        self._steps_done += 1
        return row

    def predict(self, x: Array) -> Array:
        request = pb.PredictRequest(activations=lists.activations_message(self._model(x, training=False)))
        return lists.read_activations(self._predict(request).logits)

    def get_weights(self) -> list[Array]:
        return [np.asarray(weight) for weight in self._model.weights]
