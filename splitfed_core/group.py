"""The clients of one process, and what they are told to do: train a round, evaluate."""

from collections.abc import Sequence
from time import perf_counter

import numpy as np

from splitfed_core.algorithms import sflv2
from splitfed_core.cell import CellKey, DataShape, Evaluation, GroupRound, ModelFacts
from splitfed_core.client import Client
from splitfed_core.config import CellConfig
from splitfed_core.data import ClientShard
from splitfed_core.halves import build_halves, model_facts
from splitfed_core.steps import ClientStep, count_correct, loss_from_logits, make_optimizer
from splitfed_core.wire.codecs import Array
from splitfed_core.wire.transport import FedTransport, Transport

_EVAL_BATCH = 256  # bounds the memory and the message of an evaluation, whatever the size of the test set


class ClientGroup:
    """All clients that one process holds, around one compiled step. By itself a federation of one group."""

    def __init__(
        self,
        key: CellKey,
        config: CellConfig,
        shape: DataShape,
        shards: Sequence[ClientShard],
        test: tuple[Array, Array],
        transport: Transport,
        fed: FedTransport,
        worker: int = 0,
    ) -> None:
        """Build the client-side model and its clients.

        Args:
            key: Cell, repeat and seed.
            config: The cell.
            shape: Of the data.
            shards: The data of each client of this process.
            test: Inputs and labels of the test set.
            transport: The way to the main server; clients of a process take turns, so they share it.
            fed: The way to the fed server.
            worker: Number of this process among those that hold clients.
        """
        halves = build_halves(config, shape, key.seed)
        client_side = halves.client_side
        self.facts: ModelFacts = model_facts(halves)
        step = ClientStep(client_side, make_optimizer(config.optimizer, config.learning_rate, client_side))
        self._aggregation = config.aggregation
        self._test = test
        self._clients = {shard.client_id: Client(key, config, shard, step, transport, fed, worker) for shard in shards}

    def train_round(self, round: int) -> list[GroupRound]:
        """Train all clients for a round and exchange their models, as the algorithm says."""
        clients = list(self._clients.values())
        for client in clients:
            client.begin_round()
        sflv2.client_update(clients, round, aggregation=self._aggregation)
        ended = perf_counter()
        closed = [client.end_round(round) for client in clients]
        return [
            GroupRound(
                steps=[row for rows, _ in closed for row in rows],
                clients=[row for _, row in closed],
                aggregation_uplink_bytes=sum(client.aggregation_bytes[0] for client in clients),
                aggregation_downlink_bytes=sum(client.aggregation_bytes[1] for client in clients),
                ended=ended,
            )
        ]

    def evaluate(self, client_ids: Sequence[int]) -> list[Evaluation]:
        """Evaluate the joined models of those of these clients that are here."""
        return [_evaluate(self._clients[i], *self._test) for i in client_ids if i in self._clients]


def _evaluate(client: Client, x: Array, y: Array) -> Evaluation:
    logits = np.concatenate([client.predict(x[i : i + _EVAL_BATCH]) for i in range(0, len(x), _EVAL_BATCH)])
    labels = y.astype(np.int32)
    loss, correct = loss_from_logits(labels, logits), count_correct(labels, logits)
    return Evaluation(client.client_id, float(loss), int(correct) / len(y), client.examples)
