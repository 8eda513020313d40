"""What runs inside the processes of a cell: three plain classes that `cluster.py` makes actors of.

TensorFlow is imported when a process is told its threads, not with this module: the settings must come first.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.environment import usable_cores
from benchmarks.process import Process
from splitfed_core.cell import CellKey, DataShape, Evaluation, GroupRound, ModelFacts
from splitfed_core.config import CellConfig
from splitfed_core.data import Dataset, IndexArray, make_shards
from splitfed_core.fedserver import FedServer, Relay, build_fed_server
from splitfed_core.wire.channel import Endpoints, connect, read_clock
from splitfed_core.wire.clock import SAME, Ahead
from splitfed_core.wire.codecs import Array, EncodedTensor
from splitfed_core.wire.listening import Exposed
from splitfed_core.wire.messages import Aggregate, BodyReply, BodyRequest, ClientModel, StepReply, StepRequest
from splitfed_core.wire.rpc import RpcServer
from splitfed_core.wire.transport import FedTransport, Transport, encoded_now, get_timed

if TYPE_CHECKING:  # these import TensorFlow
    from benchmarks.baselines.notebook.clients import NotebookClients
    from benchmarks.baselines.notebook.training import TrainingServer
    from splitfed_core.group import ClientGroup
    from splitfed_core.local import LocalFederation
    from splitfed_core.server import BodyServer, MainServer


@dataclass(frozen=True, slots=True)
class Start:
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
        exposed: Exposed | None,
    ) -> str:
        """Build the main server and serve it; returns its address."""
        self._begin()
        if config.algorithm == "notebook":
            from benchmarks.baselines.notebook.training import TrainingServer

            self._main = self._cleanup.enter_context(TrainingServer(key, config, shape, token))
            return self._main.address
        from splitfed_core.service import build_main_server

        self._main = build_main_server(key, config, shape, examples, usable_cores(), self._kept)
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
        start: Start,
        token: str,
        max_message_bytes: int,
        exposed: Exposed | None,
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


class WorkerProcess(Process):
    """Holds the clients of one group (or, with `transport: inproc`, a whole federation) of one cell after the other."""

    _group: "ClientGroup | LocalFederation | NotebookClients"
    _clock: Ahead = SAME
    _cleanup: ExitStack

    def check(self, config: CellConfig, shape: DataShape) -> ModelFacts:
        """Build the network of a cell and return its sizes; raises `ConfigError` for no such model or cut."""
        from splitfed_core.parts import Network

        return Network(config, shape, seed=0).facts()

    def begin_cell(
        self,
        key: CellKey,
        config: CellConfig,
        shape: DataShape,
        dataset: Dataset,
        indices: Mapping[int, IndexArray],
        worker: int,
    ) -> ModelFacts:
        """Build the clients; returns what the manifest says of the network.

        Args:
            key: Cell, repeat and seed.
            config: The cell.
            shape: Of the data.
            dataset: The whole data set, in shared memory.
            indices: Which training examples each client of this process holds.
            worker: Number of this process.
        """
        from benchmarks.baselines.notebook.clients import NotebookClients
        from splitfed_core.group import ClientGroup
        from splitfed_core.local import LocalFederation

        self._cleanup = ExitStack()
        self._clock = SAME
        self._cell = (key, config, shape)
        shards = make_shards(dataset, indices)
        test = (dataset.x_test, dataset.y_test)
        if config.algorithm == "notebook":
            self._group = self._cleanup.enter_context(NotebookClients(key, config, shape, shards, test, worker))
        elif config.in_one_process:
            self._group = self._cleanup.enter_context(LocalFederation(key, config, shape, shards, test, self._kept))
        else:
            self._group = ClientGroup(key, config, shape, shards, test, worker, self._kept)
        return self._group.facts

    def start(self) -> Start:
        """Return what the fed server must know of the clients' part of the network."""
        return Start(*self._group.start())

    def connect(self, ends: Endpoints) -> Ahead:
        """Connect the clients to the servers; returns how far their clock is ahead of this host's."""
        from benchmarks.baselines.notebook.clients import NotebookClients

        if isinstance(self._group, NotebookClients):
            self._group.connect(ends)
            return SAME
        _, config, _ = self._cell
        self._clock = read_clock(ends)
        self.attach(*connect(str(config.transport), ends, self._clock))
        return self._clock

    def attach(self, main: Transport | None, fed: FedTransport | None) -> None:
        """Give the clients their ways to the servers."""
        from splitfed_core.group import ClientGroup

        assert isinstance(self._group, ClientGroup)  # noqa: S101  the other kinds connect themselves
        for transport in (main, fed):
            if transport is not None:
                self._cleanup.callback(transport.close)
        self._group.connect(main, fed)

    def train_round(self, round: int) -> list[GroupRound]:
        """Train the clients of this process for a round; the times are by the servers' clock."""
        groups = self._group.train_round(round)
        return groups if self._clock is SAME else [group.on_clock(self._clock.ahead_s) for group in groups]

    def evaluate(self, client_ids: Sequence[int]) -> list[Evaluation]:
        """Evaluate those of these clients that are here."""
        return self._group.evaluate(client_ids)

    def joined_model(self, client_id: int, server_weights: list[Array]) -> bytes:
        """Return the joined model of a client of this process as the content of a `.keras` file.

        Args:
            client_id: Whose part of the network.
            server_weights: Of the main server's part; not needed where that is in this process.
        """
        from splitfed_core.parts import joined_model

        weights = self._group.get_weights(client_id)
        return joined_model(*self._cell, weights, self._group.get_server_weights() or server_weights)

    def end_cell(self) -> int:
        """Close the connections; returns resident memory (bytes)."""
        self._cleanup.close()
        return int(psutil.Process().memory_info().rss)
