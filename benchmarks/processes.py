"""What runs inside the processes of a cell: three plain classes that `cluster.py` makes actors of.

TensorFlow is imported when a process is told its threads, not with this module: the settings must come first.
"""

import ctypes
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.abc import MetaPathFinder
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import psutil

from benchmarks.environment import usable_cores
from splitfed_core.cell import CellKey, DataShape, Evaluation, GroupRound, ModelFacts
from splitfed_core.config import CellConfig
from splitfed_core.data import Dataset, IndexArray, make_shards
from splitfed_core.errors import CellError, SfbenchError, gist
from splitfed_core.fedserver import build_fed_server
from splitfed_core.wire.channel import Endpoints, connect
from splitfed_core.wire.codecs import Array
from splitfed_core.wire.rpc import RpcServer

if TYPE_CHECKING:  # these import TensorFlow
    from benchmarks.baselines.notebook.aggregator import AggregatorServer
    from benchmarks.baselines.notebook.clients import NotebookClients
    from benchmarks.baselines.notebook.training import TrainingServer
    from splitfed_core.group import ClientGroup
    from splitfed_core.kept import KeptParts
    from splitfed_core.local import LocalFederation
    from splitfed_core.server import BodyServer, MainServer

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _NEVER = -1, -3, 1 << 30  # of glibc's malloc.h
_SPARE_INTER_OP = 2  # an exchange keeps one inter-op thread waiting; with none left the process would stand still


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
        _redirect_output(Path(log_dir), name)
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

    def _begin(self) -> None:
        self._cpu_began = process_time()

    def _usage(self) -> dict[str, float]:
        """Return processor time since the cell began (s) and resident memory (bytes), as the manifest has them."""
        return {"cpu_s": process_time() - self._cpu_began, "rss_bytes": psutil.Process().memory_info().rss}


class MainServerProcess(ServerProcess):
    """Holds the main server of one cell after the other."""

    _main: "MainServer | BodyServer | TrainingServer"
    _cleanup: ExitStack

    def check(self, config: CellConfig, shape: DataShape) -> ModelFacts:
        """Build the network of a cell and return its sizes; raises `ConfigError` for no such model or cut."""
        from splitfed_core.parts import Network

        return Network(config, shape, seed=0).facts()

    def begin_cell(
        self, key: CellKey, config: CellConfig, shape: DataShape, examples: Mapping[int, int], token: str
    ) -> str:
        """Build the main server and serve it; returns its address."""
        self._begin()
        self._cleanup = ExitStack()
        if config.algorithm == "notebook":
            from benchmarks.baselines.notebook.training import TrainingServer

            self._main = self._cleanup.enter_context(TrainingServer(key, config, shape, token))
            return self._main.address
        from splitfed_core.service import build_main_server

        self._main = build_main_server(key, config, shape, examples, usable_cores(), self._kept)
        self._cleanup.callback(self._main.close)
        return self._cleanup.enter_context(RpcServer(token=token, callers=config.num_clients, main=self._main)).address

    def get_weights(self) -> list[Array]:
        """Return the weights of the server-side model."""
        return self._main.get_weights()

    def end_cell(self) -> dict[str, float]:
        """Stop to serve; returns what the cell took."""
        self._cleanup.close()
        return self._usage()


class FedServerProcess(ServerProcess):
    """Holds the fed server of one cell after the other; needs no TensorFlow."""

    _rpc: "RpcServer | AggregatorServer"

    def begin_cell(self, key: CellKey, config: CellConfig, start: Start, token: str) -> str:
        """Serve a fed server that goes on from the clients' first weights; returns its address."""
        self._begin()
        if config.algorithm == "notebook":
            from benchmarks.baselines.notebook.aggregator import AggregatorServer

            self._rpc = AggregatorServer(config.num_clients, config.timeout_s, token)
            return self._rpc.address
        fed = build_fed_server(key, config, start.weights, start.trainable)
        self._rpc = RpcServer(token=token, callers=config.num_clients, fed=fed)
        return self._rpc.address

    def end_cell(self) -> dict[str, float]:
        """Stop to serve; returns what the cell took."""
        self._rpc.stop()
        return self._usage()


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
        from splitfed_core.group import ClientGroup

        if isinstance(self._group, NotebookClients):
            self._group.connect(ends)
            return
        assert isinstance(self._group, ClientGroup)  # noqa: S101  a local federation is connected already
        _, config, _ = self._cell
        main, fed = connect(str(config.transport), ends)
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


def _redirect_output(log_dir: Path, name: str) -> None:
    """Send file descriptors 1 and 2 to a file: the libraries' chatter does not ask Python before it prints."""
    log_dir.mkdir(parents=True, exist_ok=True)
    handle, _ = tempfile.mkstemp(prefix=f"{name}-", suffix=".log", dir=log_dir)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)  # Ray has put its own in their place
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)


def keep_freed_memory() -> None:
    """Let glibc keep what is freed: else every message and activation of some MB is paid for with new page faults.

    Measured in docs/performance.md. Elsewhere than with glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            mallopt(parameter, _NEVER)


def start_tensorflow(threads: int | None) -> None:
    """Import TensorFlow and give it so many intra-op threads; None leaves them to it."""
    with _hidden("matplotlib", "pandas", "sklearn"):
        import tensorflow as tf

    if threads is None:
        return
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads + _SPARE_INTER_OP)


@contextmanager
def _hidden(*packages: str) -> Iterator[None]:
    """Let Keras find these packages missing: it imports them for wrappers and plots that nobody needs here.

    They are 40 % of the time that TensorFlow takes to import. Afterwards a user's own model may import them as ever.
    """

    class Hide(MetaPathFinder):
        def find_spec(self, fullname: str, path: object, target: object = None) -> None:
            if fullname.partition(".")[0] in packages:
                raise ModuleNotFoundError(f"{fullname} is hidden while TensorFlow starts", name=fullname)

    finder = Hide()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
