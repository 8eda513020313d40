"""A whole federation in one process: for oracles, and for `transport: inproc`, where no network is measured."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from splitfed_core.cell import CellKey, DataShape, Evaluation, GroupRound, ModelFacts
from splitfed_core.config import CellConfig
from splitfed_core.data import ClientShard
from splitfed_core.fedserver import build_fed_server
from splitfed_core.group import ClientGroup
from splitfed_core.kept import KeptParts
from splitfed_core.service import build_main_server
from splitfed_core.steps.part import Part
from splitfed_core.wire.channel import Endpoints, connect
from splitfed_core.wire.codecs import Array
from splitfed_core.wire.rpc import RpcServer
from splitfed_core.wire.security import new_token
from splitfed_core.wire.transport import FedTransport, InProcessFedTransport, InProcessTransport, Transport


class LocalFederation:
    """All roles of a cell in this process; with a gRPC transport they still speak over loopback. A context manager."""

    def __init__(
        self,
        key: CellKey,
        config: CellConfig,
        shape: DataShape,
        shards: Sequence[ClientShard],
        test: tuple[Array, Array],
        kept: KeptParts | None = None,
    ) -> None:
        """Build the roles and connect them.

        Args:
            key: Cell, repeat and seed.
            config: The cell.
            shape: Of the data.
            shards: The data of every client.
            test: Inputs and labels of the test set.
            kept: Compiled steps of earlier cells in this process.
        """
        self.key = key
        self._stack = ExitStack()
        self._group = ClientGroup(key, config, shape, shards, test, kept=kept)
        self.facts: ModelFacts = self._group.facts
        self.part: Part = self._group.part
        self.main = self.fed = None
        if config.has_main_server:
            examples = {shard.client_id: len(shard.y) for shard in shards}
            self.main = build_main_server(key, config, shape, examples, kept=kept)
            self._stack.callback(self.main.close)
        if config.exchanges_models:
            self.fed = build_fed_server(key, config, *self.start())
        self._group.connect(*self._connect(config))

    def _connect(self, config: CellConfig) -> tuple[Transport | None, FedTransport | None]:
        if config.in_one_process:
            main = InProcessTransport(self.main) if self.main else None
            return main, InProcessFedTransport(self.fed) if self.fed else None
        token = new_token()
        limit = self.facts.largest_message_bytes(config.batch_size)
        server = RpcServer(
            token=token, callers=config.num_clients, max_message_bytes=limit, main=self.main, fed=self.fed
        )
        self._stack.enter_context(server)
        ends = Endpoints(
            main=server.address if self.main else None,
            fed=server.address if self.fed else None,
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

    def train_round(self, round: int) -> list[GroupRound]:
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
