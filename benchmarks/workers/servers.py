"""The processes that hold the servers of a cell."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.machine.environment import usable_cores
from benchmarks.workers.base import Process
from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.federation.build_fed import build_fed_server
from splitfed_core.records.results import CellKey, DataShape
from splitfed_core.roles.fed_server import FedServer
from splitfed_core.roles.relay import Relay
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.messages import Aggregate, BodyReply, BodyRequest, ClientModel, StepReply, StepRequest
from splitfed_core.wire.transports.addresses import PublicAddress
from splitfed_core.wire.transports.base import encoded_now, get_timed
from splitfed_core.wire.transports.grpc_server import RpcServer

if TYPE_CHECKING:
    from benchmarks.baselines.notebook.training import TrainingServer
    from splitfed_core.roles.main_server import BodyServer, MainServer


@dataclass(frozen=True, slots=True)
class InitialWeights:
    """The clients' weights before the first round, and which of them are trained."""

    weights: list[Array]
    trainable: list[bool]


class ServerProcess(Process):
    """Holds a server of one cell after the other, and says what it took."""

    _cleanup: ExitStack

    def _begin(self) -> None:
        self._cleanup = ExitStack()

    def _serve(self, **how: Any) -> str:
        """Listen until the end of the cell; returns the address."""
        return self._cleanup.enter_context(RpcServer(**how)).address

    def cpu_s(self) -> float:
        """Return the processor time of this process since it began."""
        return process_time()

    def end_cell(self) -> dict[str, float]:
        """Stop to serve; returns resident memory (bytes)."""
        self._cleanup.close()
        return {"rss_bytes": psutil.Process().memory_info().rss}


class MainServerProcess(ServerProcess):
    """Holds the main server of one cell after the other."""

    _main: "MainServer | BodyServer | TrainingServer"

    def begin_cell(
        self,
        key: CellKey,
        config: CellConfig,
        shape: DataShape,
        examples: Mapping[int, int],
        token: str,
        max_message_bytes: int,
        exposed: PublicAddress | None,
    ) -> str:
        """Build the main server and serve it; returns its address."""
        self._begin()
        if config.algorithm == "notebook":
            from benchmarks.baselines.notebook.training import TrainingServer

            self._main = self._cleanup.enter_context(TrainingServer(key, config, shape, token))
            return self._main.address
        from splitfed_core.federation.build_main import build_main_server

        self._main = build_main_server(key, config, shape, examples, usable_cores(), self._step_cache)
        self._cleanup.callback(self._main.close)
        if config.transport == "ray":
            return ""
        return self._serve(
            token=token,
            callers=config.num_clients,
            max_message_bytes=max_message_bytes,
            main=self._main,
            exposed=exposed,
        )

    def get_weights(self) -> list[Array]:
        """Return the weights of the server-side model."""
        return self._main.get_weights()

    def end_cell(self) -> dict[str, float]:
        """Stop to serve; returns resident memory (bytes), and how many clients could train at the same time."""
        return super().end_cell() | {"replicas": self._main.replicas}

    # What follows is called by clients with `transport: ray`; the others come over `RpcServer`.

    def step(self, request: StepRequest) -> StepReply:
        """Train on one mini-batch."""
        reply: StepReply = self._service.step(request, perf_counter())
        return encoded_now(reply)

    def forward(self, request: BodyRequest) -> BodyReply:
        """Return the body's output."""
        reply: BodyReply = self._service.forward(request, perf_counter())
        return encoded_now(reply)

    def backward(self, request: BodyRequest) -> BodyReply:
        """Return the gradient of the smashed data."""
        reply: BodyReply = self._service.backward(request, perf_counter())
        return encoded_now(reply)

    def end_round(self, client_id: int, round: int) -> Sequence[float]:
        """Close a client's round."""
        return tuple(self._service.end_round(client_id, round))

    def predict(self, client_id: int, smashed: EncodedTensor) -> EncodedTensor:
        """Return the logits of smashed data."""
        logits: EncodedTensor = self._service.predict(client_id, smashed)
        return logits

    @property
    def _service(self) -> Any:
        """The main server, of whichever kind the algorithm has."""
        return self._main


class FedServerProcess(ServerProcess):
    """Holds the fed server of one cell after the other; needs no TensorFlow."""

    _fed: FedServer | Relay

    def begin_cell(
        self,
        key: CellKey,
        config: CellConfig,
        start: InitialWeights,
        token: str,
        max_message_bytes: int,
        exposed: PublicAddress | None,
    ) -> str:
        """Serve a fed server that goes on from the clients' first weights; returns its address."""
        self._begin()
        if config.algorithm == "notebook":
            from benchmarks.baselines.notebook.aggregator import AggregatorServer

            aggregator = AggregatorServer(config.num_clients, config.timeout_s, token)
            return self._cleanup.enter_context(aggregator).address
        self._fed = build_fed_server(key, config, start.weights, start.trainable)
        if config.transport == "ray":
            return ""
        return self._serve(
            token=token,
            callers=config.num_clients,
            max_message_bytes=max_message_bytes,
            fed=self._fed,
            exposed=exposed,
        )

    # What follows is called by clients with `transport: ray`.

    def push(self, model: ClientModel) -> None:
        """Take one client's model."""
        self._fed.push(model)

    def get_aggregate(self, client_id: int, round: int) -> Aggregate:
        """Wait for the round's models and return their average."""
        return get_timed(self._fed, client_id, round)
