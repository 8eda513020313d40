"""The processes that hold the servers of a cell."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import psutil

from benchmarks.baselines.base import OwnMainServer, own_processes
from benchmarks.machine.environment import usable_cores
from benchmarks.workers.base import Process
from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import CellError
from splitfed_core.federation.build_fed import build_fed_server
from splitfed_core.federation.build_links import build_arbiter, link_gates
from splitfed_core.federation.codecs import aggregate_coder, cut_coder
from splitfed_core.records.results import CellKey, DataShape
from splitfed_core.wire.call import Call, Reply
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.layers.base import MakeGate
from splitfed_core.wire.layers.link import HostClock
from splitfed_core.wire.layers.stack import server_gate
from splitfed_core.wire.transports.addresses import PublicAddress
from splitfed_core.wire.transports.arbiter import RemoteArbiter, serve_arbiter
from splitfed_core.wire.transports.base import Service
from splitfed_core.wire.transports.grpc_server import RpcServer

if TYPE_CHECKING:
    from splitfed_core.roles.body_server import BodyServer
    from splitfed_core.roles.main_server import MainServer


@dataclass(frozen=True, slots=True)
class InitialWeights:
    """The clients' weights before the first round, and which of them are trained."""

    weights: list[Array]
    trainable: list[bool]


class ServerProcess(Process):
    """Holds a server of one cell after the other, and says what it took."""

    _cleanup: ExitStack
    _service: Service[EncodedTensor]

    def _begin(self) -> None:
        self._cleanup = ExitStack()
        self._link_clock = HostClock()

    def _links(self, config: CellConfig, arbiter: str | None) -> list[MakeGate]:
        """Return the gates of emulated links."""
        asked = self._cleanup.enter_context(RemoteArbiter(arbiter)) if arbiter else None
        return link_gates(config, self._link_clock, asked)

    def _serve(self, server: RpcServer) -> str:
        """Listen until the end of the cell; returns the address."""
        return self._cleanup.enter_context(server).address

    def handle(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        """Answer a call of a client with `transport: ray`; the others come over `RpcServer`."""
        return self._service.handle(call.received(perf_counter()))

    def cpu_s(self) -> float:
        """Return the processor time of this process since it began."""
        return process_time()

    def end_cell(self) -> dict[str, float]:
        """Stop to serve, also what links still hold; returns resident memory (bytes)."""
        self._link_clock.stop()
        self._cleanup.close()
        return {"rss_bytes": psutil.Process().memory_info().rss}


class MainServerProcess(ServerProcess):
    """Holds the main server of one cell after the other."""

    _main: "MainServer | BodyServer | OwnMainServer"

    def begin_cell(
        self,
        key: CellKey,
        config: CellConfig,
        shape: DataShape,
        examples: Mapping[int, int],
        token: str,
        max_message_bytes: int,
        exposed: PublicAddress | None,
        arbiter: str | None = None,
    ) -> str:
        """Build the main server and serve it; returns its address."""
        self._begin()
        if own := own_processes(config.algorithm):
            server = self._cleanup.enter_context(own.main_server(key, config, shape, token))
            self._main = server
            return server.address
        from splitfed_core.federation.build_main import build_main_server

        self._main = build_main_server(key, config, shape, examples, usable_cores(), self._step_cache)
        self._cleanup.callback(self._main.close)
        cut = cut_coder(key, config, examples, self._main.largest_example_bytes, max_message_bytes)
        self._service = server_gate(self._main, cut, self._links(config, arbiter))
        if config.transport == "ray":
            return ""
        return self._serve(
            RpcServer(
                token=token,
                callers=config.num_clients,
                max_message_bytes=max_message_bytes,
                main=self._service,
                exposed=exposed,
            )
        )

    def get_weights(self) -> list[Array]:
        """Return the weights of the server-side model."""
        return self._main.get_weights()

    def end_cell(self) -> dict[str, float]:
        """Stop to serve; returns resident memory (bytes), and how many clients could train at the same time."""
        return super().end_cell() | {"replicas": self._main.replicas}


class FedServerProcess(ServerProcess):
    """Holds the fed server of one cell after the other; needs no TensorFlow."""

    def begin_cell(
        self,
        key: CellKey,
        config: CellConfig,
        start: InitialWeights,
        token: str,
        max_message_bytes: int,
        exposed: PublicAddress | None,
        arbiter: str | None = None,
    ) -> str:
        """Serve a fed server that goes on from the clients' first weights; returns its address."""
        self._begin()
        if own := own_processes(config.algorithm):
            return self._cleanup.enter_context(own.fed_server(config, token)).address
        fed = build_fed_server(key, config, start.weights, start.trainable)
        models = aggregate_coder(key, config, start.weights, max_message_bytes)
        self._service = server_gate(fed, models, self._links(config, arbiter))
        if config.transport == "ray":
            return ""
        return self._serve(
            RpcServer(
                token=token,
                callers=config.num_clients,
                max_message_bytes=max_message_bytes,
                fed=self._service,
                exposed=exposed,
            )
        )


class ArbiterProcess(ServerProcess):
    """Holds the arbiter of the links that clients share, of one cell after the other; needs no TensorFlow."""

    def begin_cell(self, key: CellKey, config: CellConfig) -> str:
        """Answer for the links of a cell; returns the address."""
        self._begin()
        arbiter = build_arbiter(key, config)
        if arbiter is None:
            raise CellError(f"{key.cell_id} shares no links: it takes no arbiter")
        return self._cleanup.enter_context(serve_arbiter(arbiter))
