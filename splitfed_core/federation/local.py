"""A whole federation in one process: for oracles, and for `transport: inproc`, where no network is measured."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import ClientShard
from splitfed_core.federation.build_fed import build_fed_server
from splitfed_core.federation.build_links import build_arbiter, link_gates
from splitfed_core.federation.build_main import build_main_server
from splitfed_core.federation.client_group import ClientGroup
from splitfed_core.federation.codecs import aggregate_coder, cut_coder, largest_message_bytes
from splitfed_core.records.results import CellKey, DataShape, Evaluation, ModelFacts, WorkerRound
from splitfed_core.timing.pace import Pace
from splitfed_core.timing.processor_time import ProcessorTime
from splitfed_core.timing.queues import Arbiter
from splitfed_core.training.segment import ClientSegment
from splitfed_core.training.step_cache import CompiledStepCache
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.layers.link import HostClock, LinkClock
from splitfed_core.wire.layers.stack import server_gate
from splitfed_core.wire.security.tokens import new_token
from splitfed_core.wire.transports.base import Transport
from splitfed_core.wire.transports.grpc_client import Endpoints, connect
from splitfed_core.wire.transports.grpc_server import RpcServer
from splitfed_core.wire.transports.in_process import InProcessTransport


class LocalFederation:
    """All roles of a cell in this process; with a gRPC transport they still speak over loopback. A context manager."""

    def __init__(
        self,
        key: CellKey,
        config: CellConfig,
        shape: DataShape,
        shards: Sequence[ClientShard],
        test: tuple[Array, Array],
        step_cache: CompiledStepCache | None = None,
        pace: Pace | None = None,
        link_clock: LinkClock | None = None,
        arbiter: Arbiter | None = None,
    ) -> None:
        """Build the roles and connect them.

        Args:
            key: Cell, repeat and seed.
            config: The cell.
            shape: Of the data.
            shards: The data of every client.
            test: Inputs and labels of the test set.
            step_cache: Compiled steps of earlier cells in this process.
            pace: Of all roles beside that of their devices, if it is not the one that the environment asks for.
            link_clock: Of emulated links, on both sides, if it is not this host's.
            arbiter: Of links that clients share, if it is not one of its own.
        """
        self.key = key
        self._stack = ExitStack()
        host_clock, processor = HostClock(), ProcessorTime()
        self._link_clock, self._arbiter = link_clock or host_clock, arbiter or build_arbiter(key, config)
        self._group = ClientGroup(
            key,
            config,
            shape,
            shards,
            test,
            step_cache=step_cache,
            pace=pace,
            processor=processor,
            link_clock=self._link_clock,
            arbiter=self._arbiter,
        )
        self.facts: ModelFacts = self._group.facts
        self.segment: ClientSegment = self._group.segment
        self.main = self.fed = None
        self._examples = {shard.client_id: len(shard.y) for shard in shards}
        if config.has_main_server:
            self.main = build_main_server(
                key, config, shape, self._examples, step_cache=step_cache, pace=pace, processor=processor
            )
            self._stack.callback(self.main.close)
        if config.exchanges_models:
            self.fed = build_fed_server(key, config, *self.start(), pace=pace, processor=processor)
        self._group.connect(*self._connect(config))
        self._stack.callback(host_clock.stop)  # first of all: a message that is held keeps its thread

    def _connect(self, config: CellConfig) -> tuple[Transport[EncodedTensor] | None, Transport[EncodedTensor] | None]:
        links = link_gates(config, self._link_clock, self._arbiter)
        limit = largest_message_bytes(config, self.facts)
        main = fed = None
        if self.main:
            cut = cut_coder(self.key, config, self._examples, self.main.largest_example_bytes, limit)
            main = server_gate(self.main, cut, links)
        if self.fed:
            fed = server_gate(self.fed, aggregate_coder(self.key, config, self.start()[0], limit), links)
        if config.in_one_process:
            return InProcessTransport(main) if main else None, InProcessTransport(fed) if fed else None
        token = new_token()
        server = RpcServer(token=token, callers=config.num_clients, max_message_bytes=limit, main=main, fed=fed)
        self._stack.enter_context(server)
        ends = Endpoints(
            main=server.address if main else None,
            fed=server.address if fed else None,
            token=token,
            deadline_s=config.timeout_s,
            max_message_bytes=limit,
        )
        transports = connect(str(config.transport), ends)
        for transport in transports:
            if transport is not None:
                self._stack.callback(transport.close)
        return transports

    def start(self) -> tuple[list[Array], list[bool]]:
        """Return the first weights of the clients' part, and which of them are trained."""
        return self._group.start()

    def train_round(self, round: int) -> list[WorkerRound]:
        """Train a round of all clients."""
        return self._group.train_round(round)

    @property
    def servers_cpu_s(self) -> dict[str, float]:
        """Nothing: the servers are in this process, and what they take is the clients'."""
        return {}

    def evaluate(self, client_ids: Sequence[int]) -> list[Evaluation]:
        """Evaluate the joined models of these clients."""
        return self._group.evaluate(client_ids)

    def get_weights(self, client_id: int) -> list[Array]:
        """Return the weights of one client's part."""
        return self._group.get_weights(client_id)

    def get_server_weights(self) -> list[Array]:
        """Return the weights of the main server's part; empty where there is none."""
        return self.main.get_weights() if self.main else []

    def close(self) -> None:
        """Close connections, then servers."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
