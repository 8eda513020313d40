"""A whole federation in one process: for oracles, and for `transport: inproc`, where no network is measured."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from splitfed_core.cell import CellKey, DataShape, Evaluation, GroupRound, ModelFacts
from splitfed_core.config import CellConfig
from splitfed_core.data import ClientShard
from splitfed_core.fedserver import FedServer
from splitfed_core.group import ClientGroup
from splitfed_core.halves import build_main_server
from splitfed_core.wire.codecs import Array
from splitfed_core.wire.rpc import Endpoints, RpcServer, connect
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
    ) -> None:
        """Build the roles and connect them.

        Args:
            key: Cell, repeat and seed.
            config: The cell.
            shape: Of the data.
            shards: The data of every client.
            test: Inputs and labels of the test set.
        """
        self._stack = ExitStack()
        main = build_main_server(config, shape, key.seed)
        self._stack.callback(main.close)
        fed = FedServer(config.clients, config.timeout_s)
        transport: Transport
        fed_transport: FedTransport
        if config.transport == "inproc":
            transport, fed_transport = InProcessTransport(main), InProcessFedTransport(fed)
        else:
            token = new_token()
            server = self._stack.enter_context(RpcServer(token=token, callers=config.clients, main=main, fed=fed))
            ends = Endpoints(main=server.address, fed=server.address, token=token, deadline_s=config.timeout_s)
            transport, fed_transport = connect(config.transport, ends)
        self._stack.callback(transport.close)
        self._stack.callback(fed_transport.close)
        self._group = ClientGroup(key, config, shape, shards, test, transport, fed_transport)
        self.facts: ModelFacts = self._group.facts

    def train_round(self, round: int) -> list[GroupRound]:
        """Train a round of all clients."""
        return self._group.train_round(round)

    def evaluate(self, client_ids: Sequence[int]) -> list[Evaluation]:
        """Evaluate the joined models of these clients."""
        return self._group.evaluate(client_ids)

    def close(self) -> None:
        """Close connections, then servers."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
