"""The clients of one process, and what they are told to do: train a round, evaluate."""

from collections.abc import Sequence
from time import process_time

import numpy as np

from splitfed_core.algorithms import ClientRound
from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import ClientShard
from splitfed_core.errors import ConfigError
from splitfed_core.federation.build_links import link_layers
from splitfed_core.federation.build_paces import client_pace, client_shares
from splitfed_core.federation.codecs import cut_coder, largest_message_bytes, model_coder
from splitfed_core.federation.schedule import in_order, participants
from splitfed_core.records.results import EVALUATION_BATCH, CellKey, DataShape, Evaluation, ModelFacts, WorkerRound
from splitfed_core.roles.client import Client, Worker
from splitfed_core.roles.exchange import ledger_factory
from splitfed_core.timing.pace import Pace
from splitfed_core.timing.processor_time import ProcessorTime
from splitfed_core.timing.queues import Arbiter
from splitfed_core.training.cell_network import CellNetwork
from splitfed_core.training.loss import Objective
from splitfed_core.training.segment import ClientSegment
from splitfed_core.training.step_cache import CompiledStepCache
from splitfed_core.wire.call import Address, Call, Kind
from splitfed_core.wire.clock import NO_OFFSET, ClockOffset
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.link import HostClock, LinkClock
from splitfed_core.wire.layers.stack import client_stack
from splitfed_core.wire.transports.base import NoServer, Transport


class ClientGroup:
    """All clients that one process holds, around one compiled step. By itself a federation of one group."""

    def __init__(
        self,
        key: CellKey,
        config: CellConfig,
        shape: DataShape,
        shards: Sequence[ClientShard],
        test: tuple[Array, Array],
        worker: int = 0,
        step_cache: CompiledStepCache | None = None,
        pace: Pace | None = None,
        processor: ProcessorTime | None = None,
        link_clock: LinkClock | None = None,
        arbiter: Arbiter | None = None,
    ) -> None:
        """Build the clients' part of the network.

        Args:
            key: Cell, repeat and seed.
            config: The cell.
            shape: Of the data.
            shards: The data of each client of this process.
            test: Inputs and labels of the test set.
            worker: Number of this process among those that hold clients.
            step_cache: Compiled steps of earlier cells in this process.
            pace: Of these clients beside that of their devices, if it is not the one that the environment asks for.
            processor: Of this process, if somebody else computes in it too.
            link_clock: Of emulated links, if it is not this host's.
            arbiter: Of links that clients share.
        """
        if config.method.client_round is None:
            raise ConfigError(f"algorithm {config.algorithm!r} trains only in processes of its own", "algorithm")
        self._train: ClientRound = config.method.client_round
        network = CellNetwork(config, shape, key.seed)
        self.facts: ModelFacts = network.facts()
        self.segment: ClientSegment = (step_cache or CompiledStepCache()).client(network)
        self._key, self._config, self._shards, self._worker = key, config, shards, Worker(worker, config.warmup_steps)
        self._link_clock, self._arbiter = link_clock or HostClock(), arbiter
        self._shares = client_shares(config)
        self._pace = client_pace(key, config, self._shares, processor or ProcessorTime(), pace)
        self._objective = Objective(config.loss, shape.num_classes)
        self._test = test
        self._clients: dict[int, Client] = {}
        self._main: Transport[Array] = NoServer()
        self._counters = Counters()

    def connect(
        self,
        main: Transport[EncodedTensor] | None,
        fed: Transport[EncodedTensor] | None,
        clock: ClockOffset = NO_OFFSET,
    ) -> None:
        """Give the clients their ways to the servers; those of a process take turns, so they share them.

        Args:
            main: The way to the main server, where there is one.
            fed: The way to the fed server, where there is one.
            clock: How far the servers' clock is ahead.
        """
        limit = largest_message_bytes(self._config, self.facts)
        examples = {shard.client_id: len(shard.y) for shard in self._shards}
        most_bytes = self.facts.largest_bytes_per_example
        links = link_layers(self._key, self._config, list(examples), self._shares, self._link_clock, self._arbiter)
        ways = (
            (main, cut_coder(self._key, self._config, examples, most_bytes, limit)),
            (fed, model_coder(self._key, self._config, self.segment.get_weights(), limit)),
        )
        self._main, to_fed = (
            NoServer() if end is None else client_stack(end, self._counters, clock, coder, links, self._pace)
            for end, coder in ways
        )
        ledger = ledger_factory(self.segment, self._main, self._pace)
        for shard in self._shards:
            self._clients[shard.client_id] = Client(
                self._key,
                self._config,
                shard,
                self.segment,
                ledger,
                self._main,
                to_fed,
                self._worker,
                self._pace,
                self._shares,
            )

    def train_round(self, round: int) -> list[WorkerRound]:
        """Train those clients of the round that are here and exchange their models, as the algorithm says."""
        stopwatch = self._worker.stopwatch
        stopwatch.begin_round()
        cpu = process_time()
        chosen = participants(self._key, self._config, round)
        if self._config.order == "fixed" or self._config.method.in_line:
            chosen = in_order(self._key, chosen, round)
        clients = [self._clients[client_id] for client_id in chosen if client_id in self._clients]
        for client in clients:
            client.begin_round()
        before = self._counters.rpcs
        self._train(clients, round, aggregation=bool(self._config.aggregation))
        closed = [client.end_round(round) for client in clients]
        return [
            WorkerRound(
                steps=[row for rows, _ in closed for row in rows],
                clients=[row for _, row in closed],
                aggregation_uplink_bytes=sum(client.aggregation_bytes[0] for client in clients),
                aggregation_downlink_bytes=sum(client.aggregation_bytes[1] for client in clients),
                began=stopwatch.began,
                training=stopwatch.training,
                ended=stopwatch.last,
                cpu_s=process_time() - cpu,
                rpcs=self._counters.rpcs - before,
            )
        ]

    def evaluate(self, client_ids: Sequence[int]) -> list[Evaluation]:
        """Evaluate the joined models of those of these clients that are here."""
        return [self._evaluate(self._clients[i]) for i in client_ids if i in self._clients]

    def get_weights(self, client_id: int) -> list[Array]:
        """Return the weights of one client's part."""
        self.segment.state_swap.load(client_id)
        return self.segment.get_weights()

    def start(self) -> tuple[list[Array], list[bool]]:
        """Return the weights of whichever client is first, and which of them are trained: what a fed server needs."""
        return self.segment.get_weights(), self.segment.trainable

    def get_server_weights(self) -> list[Array]:
        """Return the weights of the main server's part: none of it is here."""
        return []

    def _evaluate(self, client: Client) -> Evaluation:
        x, y = self._test
        self.segment.state_swap.load(client.client_id)
        logits = np.concatenate(
            [self._predict(client.client_id, x[i : i + EVALUATION_BATCH]) for i in range(0, len(x), EVALUATION_BATCH)]
        )
        labels = y.astype(np.int32)
        loss, correct = self._objective.loss(labels, logits), self._objective.correct(labels, logits)
        return Evaluation(client.client_id, float(loss), int(correct) / len(y), client.examples)

    def _predict(self, client_id: int, x: Array) -> Array:
        """Return the logits of the joined model: this client's part, and the main server's where there is one."""
        output = self.segment.infer(x)
        if self._config.has_main_server:
            (output,) = self._main.exchange(Call(Kind.PREDICT, Address(client_id), (output,))).tensors
        return self.segment.infer_tail(output)
