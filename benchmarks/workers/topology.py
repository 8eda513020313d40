"""Who holds what: the data of each client, and the processes that a cell needs."""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine.environment import usable_cores
from splitfed_core.aggregation import check_strategy
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import Dataset, IndexArray
from splitfed_core.errors import ConfigError

_TOLERABLY_IDLE = 0.15  # places in the last turn, as a share of the clients


def digest_of(dataset: Dataset) -> str:
    """Return a hash of the content of a data set: what is compared where sizes and names agree."""
    digest = hashlib.blake2b(repr(dataset.label_names).encode(), digest_size=8)
    parts: list[NDArray[np.generic]] = [
        dataset.x_train,
        dataset.y_train,
        dataset.x_test,
        dataset.y_test,
        *_columns(dataset),
    ]
    for part in parts:
        digest.update(f"{part.dtype} {part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data.cast("B") if part.size else b"")
    return digest.hexdigest()


def _columns(dataset: Dataset) -> list[NDArray[np.uint8]]:
    """Return what else is known of the examples as the bytes of its text: columns may hold any objects."""
    texts = (f"{name} {dataset.columns[name].tolist()}" for name in sorted(dataset.columns))
    return [np.frombuffer(text.encode(), np.uint8) for text in texts]


def without_examples(config: CellConfig, indices: Mapping[int, IndexArray]) -> frozenset[int]:
    """Return the clients whom the partitioner gave nothing: they never take part.

    Raises:
        ConfigError: What is trained cannot do without them.
    """
    empty = frozenset(client for client, rows in indices.items() if not len(rows))
    if empty and config.participation is None:  # it knows no rounds of some clients only
        raise ConfigError(
            f"algorithm {config.algorithm!r} waits for every client, but {len(empty)} of {len(indices)} got no "
            "examples; use fewer clients, or a partitioner that skews less",
            "algorithm",
        )
    if empty and config.strategy is not None:
        check_strategy(config.strategy, min(config.participants, len(indices) - len(empty)))
    return empty


def servers_of(config: CellConfig) -> tuple[str, ...]:
    """Return the servers of a cell that are processes of their own; a cell in one process has its servers there."""
    if config.in_one_process:
        return ()
    needed = {
        "main_server": config.has_main_server,
        "fed_server": config.exchanges_models,
        "arbiter": config.shares_links,
    }
    return tuple(name for name, is_needed in needed.items() if is_needed)


def worker_count(config: CellConfig, cores: int | None = None) -> int:
    """Return how many processes hold the clients of a cell on this number of cores; by default on this machine's."""
    if config.in_one_process:
        return 1
    if config.workers is None:  # it knows one way: a process for each client
        return config.num_clients
    if isinstance(config.workers, int):
        return min(config.workers, config.num_clients)
    if config.emulates:  # who waits for a link or a device must not keep others waiting
        return config.num_clients
    return _even_workers(config.num_clients, cores or usable_cores())


def _even_workers(clients: int, cores: int) -> int:
    """Return one for each core, or a few more where a round would wait for those that hold one client more.

    Three clients in two processes take as long as four; in three processes the system shares two cores among them.
    """
    counts = range(min(clients, cores), min(clients, 2 * cores) + 1)
    idle = {workers: -clients % workers for workers in counts}
    tolerable = [workers for workers in counts if idle[workers] <= _TOLERABLY_IDLE * clients]
    return tolerable[0] if tolerable else min(counts, key=idle.__getitem__)
