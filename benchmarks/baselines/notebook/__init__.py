"""`algorithm: notebook`: the course work that sfbench grew out of, done again in its way, as the honest "before".

Its way: an eager tape on both sides, Keras' optimizer, messages of lists of floats, a pool of gRPC threads that step
the shared server-side model without a lock, TensorFlow's default threads, wall clocks, a process for every client.

Only what kept it from running to its end is fixed: optimizers are built before the first call (half of the notebook's
starts failed there), waiting has a deadline, an average cannot be cleared while others still wait for it, and the
servers listen on a free loopback port and ask for the run's token. Times are ours, taken around the whole step: its own
come from the wall clocks of two processes and cannot be phases.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.baselines.base import OwnProcesses, register_baseline
from splitfed_core.algorithms import Algorithm

if TYPE_CHECKING:  # these import TensorFlow or gRPC
    from benchmarks.baselines.notebook.aggregator import AggregatorServer
    from benchmarks.baselines.notebook.clients import NotebookClients
    from benchmarks.baselines.notebook.training import TrainingServer
    from splitfed_core.arrays import Array
    from splitfed_core.config.cell_config import CellConfig
    from splitfed_core.data import ClientShard
    from splitfed_core.records.results import CellKey, DataShape


def _main_server(key: "CellKey", config: "CellConfig", shape: "DataShape", token: str) -> "TrainingServer":
    from benchmarks.baselines.notebook.training import TrainingServer

    return TrainingServer(key, config, shape, token)


def _fed_server(config: "CellConfig", token: str) -> "AggregatorServer":
    from benchmarks.baselines.notebook.aggregator import AggregatorServer

    return AggregatorServer(config.num_clients, config.timeout_s, token)


def _clients(
    key: "CellKey",
    config: "CellConfig",
    shape: "DataShape",
    shards: Sequence["ClientShard"],
    test: tuple["Array", "Array"],
    worker: int,
) -> "NotebookClients":
    from benchmarks.baselines.notebook.clients import NotebookClients

    return NotebookClients(key, config, shape, shards, test, worker)


register_baseline(
    Algorithm(
        name="notebook",
        paper="none: SplitFedV2 as a course notebook wrote it",
        cuts=1,
        server="shared",
        handover="average",
        client_round=None,
        # one way: plain averages of all, a process for each, its own messages, TensorFlow's own threads
        ignored=frozenset({"strategy", "participation", "order", "transport", "workers", "threads"}),
    ),
    OwnProcesses(_main_server, _fed_server, _clients),
)
