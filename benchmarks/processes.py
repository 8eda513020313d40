"""What runs inside the processes of a cell: three plain classes that `cluster.py` makes actors of.

TensorFlow is imported when a process is told its threads, not with this module: the settings must come first.
"""

import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.environment import usable_cores
from benchmarks.startup import keep_freed_memory, redirect_output, start_tensorflow
from splitfed_core.cell import CellKey, DataShape, Evaluation, GroupRound, ModelFacts
from splitfed_core.config import CellConfig
from splitfed_core.data import Dataset, IndexArray, make_shards
from splitfed_core.errors import CellError, SfbenchError, gist
from splitfed_core.fedserver import FedServer, Relay, build_fed_server
from splitfed_core.wire.channel import Endpoints, connect
from splitfed_core.wire.codecs import Array, EncodedTensor
from splitfed_core.wire.messages import BodyReply, BodyRequest, ClientModel, StepReply, StepRequest
from splitfed_core.wire.rpc import RpcServer
from splitfed_core.wire.transport import FedTransport, Transport, encoded_now

if TYPE_CHECKING:  # these import TensorFlow
    from benchmarks.baselines.notebook.clients import NotebookClients
    from benchmarks.baselines.notebook.training import TrainingServer
    from splitfed_core.group import ClientGroup
    from splitfed_core.kept import KeptParts
    from splitfed_core.local import LocalFederation
    from splitfed_core.server import BodyServer, MainServer


@dataclass(frozen=True, slots=True)
class Start:
    """The clients' weights before the first round, and which of them are trained."""

    weights: list[Array]
    trainable: list[bool]


@contextmanager
def _in_words() -> Iterator[None]:
    """Put an unexpected error into words; its traceback goes to the log.

    The error itself may be of a class of TensorFlow's: the driver could not read it without importing that.
    """
    try:
        yield
    except SfbenchError:
        raise
    except Exception as error:
        traceback.print_exc()
        said = f"{type(error).__name__}: {gist(str(error))}"
        raise CellError(f"a process failed: {said}; its traceback is in log.txt") from None


class Process:
    """A process of a cell: its output goes to a file, TensorFlow gets its share of the cores."""

    def __init_subclass__(cls) -> None:
        """Let no unexpected error out of a process as it is, whatever the process was asked to do."""
        for name, method in list(vars(cls).items()):
            if callable(method) and not name.startswith("_"):
                setattr(cls, name, _in_words()(method))

    def __init__(self, name: str, log_dir: str, threads: int | None, app_path: Sequence[str]) -> None:
        """Redirect the output, then start TensorFlow.

        Args:
            name: Of the process, for its log.
            log_dir: Where its log goes.
            threads: TensorFlow's intra-op threads; None leaves it to TensorFlow, 0 does without TensorFlow.
            app_path: Folders of the user's own modules.
        """
        redirect_output(Path(log_dir), name)
        keep_freed_memory()
        sys.path.extend(app_path)
        if threads != 0:
            start_tensorflow(threads)

    @cached_property
    def _kept(self) -> "KeptParts":
        from splitfed_core.kept import KeptParts

        return KeptParts()


class ServerProcess(Process):
    """Holds a server of one cell after the other, and says what it took."""

    _cpu_began: float
    _cleanup: ExitStack

    def _begin(self) -> None:
        self._cpu_began = process_time()
        self._cleanup = ExitStack()

    def _serve(self, **how: Any) -> str:
        """Listen until the end of the cell; returns the address."""
        return self._cleanup.enter_context(RpcServer(**how)).address

    def end_cell(self) -> dict[str, float]:
        """Stop to serve; returns processor time since the cell began (s) and resident memory (bytes)."""
        self._cleanup.close()
        return {"cpu_s": process_time() - self._cpu_began, "rss_bytes": psutil.Process().memory_info().rss}


class MainServerProcess(ServerProcess):
    """Holds the main server of one cell after the other."""

    _main: "MainServer | BodyServer | TrainingServer"

    def check(self, config: CellConfig, shape: DataShape) -> ModelFacts:
        """Build the network of a cell and return its sizes; raises `ConfigError` for no such model or cut."""
        from splitfed_core.parts import Network

        return Network(config, shape, seed=0).facts()

    def begin_cell(
        self,
        key: CellKey,
        config: CellConfig,
        shape: DataShape,
        examples: Mapping[int, int],
        token: str,
        max_message_bytes: int,
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
            token=token, callers=config.num_clients, max_message_bytes=max_message_bytes, main=self._main
        )

    def get_weights(self) -> list[Array]:
        """Return the weights of the server-side model."""
        return self._main.get_weights()

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

    def begin_cell(self, key: CellKey, config: CellConfig, start: Start, token: str, max_message_bytes: int) -> str:
        """Serve a fed server that goes on from the clients' first weights; returns its address."""
        self._begin()
        if config.algorithm == "notebook":
            from benchmarks.baselines.notebook.aggregator import AggregatorServer

            aggregator = AggregatorServer(config.num_clients, config.timeout_s, token)
            return self._cleanup.enter_context(aggregator).address
        self._fed = build_fed_server(key, config, start.weights, start.trainable)
        if config.transport == "ray":
            return ""
        return self._serve(token=token, callers=config.num_clients, max_message_bytes=max_message_bytes, fed=self._fed)

    # What follows is called by clients with `transport: ray`.

    def push(self, model: ClientModel) -> None:
        """Take one client's model."""
        self._fed.push(model)

    def get_aggregate(self, client_id: int, round: int) -> Sequence[EncodedTensor]:
        """Wait for the round's models and return their average."""
        return self._fed.get_aggregate(client_id, round)


class WorkerProcess(Process):
    """Holds the clients of one group (or, with `transport: inproc`, a whole federation) of one cell after the other."""

    _group: "ClientGroup | LocalFederation | NotebookClients"
    _cleanup: ExitStack

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

    def connect(self, ends: Endpoints) -> None:
        """Connect the clients to the servers."""
        from benchmarks.baselines.notebook.clients import NotebookClients

        if isinstance(self._group, NotebookClients):
            self._group.connect(ends)
            return
        _, config, _ = self._cell
        self.attach(*connect(str(config.transport), ends))

    def attach(self, main: Transport | None, fed: FedTransport | None) -> None:
        """Give the clients their ways to the servers."""
        from splitfed_core.group import ClientGroup

        assert isinstance(self._group, ClientGroup)  # noqa: S101  the other kinds connect themselves
        for transport in (main, fed):
            if transport is not None:
                self._cleanup.callback(transport.close)
        self._group.connect(main, fed)

    def train_round(self, round: int) -> list[GroupRound]:
        """Train the clients of this process for a round."""
        return self._group.train_round(round)

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

    def end_cell(self) -> None:
        """Close the connections."""
        self._cleanup.close()
