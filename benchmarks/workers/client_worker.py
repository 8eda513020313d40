"""What runs inside the processes of a cell: three plain classes that `cluster.py` makes actors of.

TensorFlow is imported when a process is told its threads, not with this module: the settings must come first.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psutil

from benchmarks.baselines.base import OwnClients, own_processes
from benchmarks.workers.base import Process
from benchmarks.workers.servers import InitialWeights
from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import Dataset, IndexArray, make_shards
from splitfed_core.errors import CellError
from splitfed_core.records.results import CellKey, DataShape, Evaluation, ModelFacts, WorkerRound
from splitfed_core.wire.clock import NO_OFFSET, ClockOffset
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.transports.arbiter import RemoteArbiter
from splitfed_core.wire.transports.base import Transport
from splitfed_core.wire.transports.grpc_client import Endpoints, connect, read_clock

if TYPE_CHECKING:  # these import TensorFlow
    from splitfed_core.federation.client_group import ClientGroup
    from splitfed_core.federation.local import LocalFederation


class WorkerProcess(Process):
    """Holds the clients of one group (or, with `transport: inproc`, a whole federation) of one cell after the other."""

    _group: "ClientGroup | LocalFederation | OwnClients"
    _ours: "ClientGroup | None"
    """The clients that are connected to our servers; the other kinds connect themselves."""
    _baseline: OwnClients | None
    _clock: ClockOffset = NO_OFFSET
    _cleanup: ExitStack

    def check(self, config: CellConfig, shape: DataShape) -> ModelFacts:
        """Build the network of a cell and return its sizes; raises `ConfigError` for no such model or cut."""
        from splitfed_core.training.cell_network import CellNetwork

        _ = config.method  # one of the user's own is loaded now: its code is known before anything is run with it
        return CellNetwork(config, shape, seed=0).facts()

    def begin_cell(
        self,
        key: CellKey,
        config: CellConfig,
        shape: DataShape,
        dataset: Dataset,
        indices: Mapping[int, IndexArray],
        worker: int,
        arbiter: str | None = None,
    ) -> ModelFacts:
        """Build the clients; returns what the manifest says of the network.

        Args:
            key: Cell, repeat and seed.
            config: The cell.
            shape: Of the data.
            dataset: The whole data set, in shared memory.
            indices: Which training examples each client of this process holds.
            worker: Number of this process.
            arbiter: Where the arbiter of shared links answers.
        """
        from splitfed_core.federation.client_group import ClientGroup
        from splitfed_core.federation.local import LocalFederation

        self._cleanup = ExitStack()
        self._clock = NO_OFFSET
        self._cell = (key, config, shape)
        shards = make_shards(dataset, indices)
        test = (dataset.x_test, dataset.y_test)
        self._ours = self._baseline = None
        if own := own_processes(config.algorithm):
            clients = own.clients(key, config, shape, shards, test, worker)
            self._group = self._baseline = self._cleanup.enter_context(clients)
        elif config.in_one_process:
            self._group = self._cleanup.enter_context(
                LocalFederation(key, config, shape, shards, test, self._step_cache)
            )
        else:
            asked = self._cleanup.enter_context(RemoteArbiter(arbiter)) if arbiter else None
            self._group = self._ours = ClientGroup(
                key, config, shape, shards, test, worker, self._step_cache, arbiter=asked
            )
        return self._group.facts

    def start(self) -> InitialWeights:
        """Return what the fed server must know of the clients' part of the network."""
        return InitialWeights(*self._group.start())

    def connect(self, ends: Endpoints) -> ClockOffset:
        """Connect the clients to the servers; returns how far their clock is ahead of this host's."""
        if self._baseline:
            self._baseline.connect(ends)
            return NO_OFFSET
        _, config, _ = self._cell
        self._clock = read_clock(ends)
        self.attach(*connect(str(config.transport), ends))
        return self._clock

    def attach(self, main: Transport[EncodedTensor] | None, fed: Transport[EncodedTensor] | None) -> None:
        """Give the clients their ways to the servers."""
        if self._ours is None:
            raise CellError(f"the clients of {self._cell[0].cell_id} are not connected to servers of ours")
        for transport in (main, fed):
            if transport is not None:
                self._cleanup.callback(transport.close)
        self._ours.connect(main, fed, self._clock)

    def train_round(self, round: int) -> list[WorkerRound]:
        """Train the clients of this process for a round; the times are by the servers' clock."""
        groups = self._group.train_round(round)
        return groups if self._clock is NO_OFFSET else [group.shifted(self._clock.offset_s) for group in groups]

    def evaluate(self, client_ids: Sequence[int]) -> list[Evaluation]:
        """Evaluate those of these clients that are here."""
        return self._group.evaluate(client_ids)

    def joined_model(self, client_id: int, server_weights: list[Array]) -> bytes:
        """Return the joined model of a client of this process as the content of a `.keras` file.

        Args:
            client_id: Whose part of the network.
            server_weights: Of the main server's part; not needed where that is in this process.
        """
        from splitfed_core.training.cell_network import joined_model

        weights = self._group.get_weights(client_id)
        return joined_model(*self._cell, weights, self._group.get_server_weights() or server_weights)

    def end_cell(self) -> int:
        """Close the connections; returns resident memory (bytes)."""
        self._cleanup.close()
        return int(psutil.Process().memory_info().rss)
