"""Which examples each client holds."""

import numpy as np

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import Dataset, IndexArray, partition
from splitfed_core.records.results import DataShape
from splitfed_core.seeding import derive


def shape_of(dataset: Dataset) -> DataShape:
    """Return what a network must know of a data set."""
    return DataShape(dataset.input_shape, dataset.num_classes)


def assign_examples(dataset: Dataset, config: CellConfig, seed: int) -> dict[int, IndexArray]:
    """Return the training examples of each client; `central` is one that has them all."""
    if config.partitioner is None:
        return {0: np.arange(len(dataset.y_train))}
    shards = partition(
        dataset, config.partitioner, config.num_clients, derive(seed, "shards"), config.examples_per_client
    )
    return dict(enumerate(shards))
