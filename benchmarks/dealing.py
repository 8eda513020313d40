"""Who holds what: the data of each client, and the number of processes that hold the clients."""

import numpy as np

from benchmarks.environment import usable_cores
from splitfed_core.cell import DataShape
from splitfed_core.config import CellConfig
from splitfed_core.data import Dataset, IndexArray, partition
from splitfed_core.seeding import derive


def shape_of(dataset: Dataset) -> DataShape:
    """Return what a network must know of a data set."""
    return DataShape(dataset.input_shape, dataset.num_classes)


def deal(dataset: Dataset, config: CellConfig, seed: int) -> dict[int, IndexArray]:
    """Return the training examples of each client; `central` is one that has them all."""
    if config.partitioner is None:
        return {0: np.arange(len(dataset.y_train))}
    shards = partition(
        dataset, config.partitioner, config.num_clients, derive(seed, "shards"), config.examples_per_client
    )
    return dict(enumerate(shards))


def worker_count(config: CellConfig, cores: int | None = None) -> int:
    """Return how many processes hold the clients: one for each, as far as there are cores (by default, here)."""
    if config.in_one_process:
        return 1
    if config.algorithm == "notebook":
        return config.num_clients
    wanted = config.workers if isinstance(config.workers, int) else cores or usable_cores()
    return min(config.num_clients, wanted)
