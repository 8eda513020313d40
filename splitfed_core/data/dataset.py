"""The values: a data set, a client's shard of it, and who holds which labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from splitfed_core.arrays import Array, IndexArray
from splitfed_core.records.rows import LabelRow
from splitfed_core.seeding import stream

Features = NDArray[np.float32]
Labels = NDArray[np.int64]
Size = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]  # height, width

_TEST_SHARE = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A classification data set in memory.

    `x_*` are float32 in [0, 1], examples first; `y_*` are label numbers, `label_names[y]` their names.
    `columns` holds what else is known of the training examples (a writer, a region), for partitioners; `warnings` say
    what may make its results mean less than they seem to.
    """

    name: str
    x_train: Features
    y_train: Labels
    x_test: Features
    y_test: Labels
    label_names: tuple[str, ...]
    columns: Mapping[str, Array] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """How many labels there are."""
        return len(self.label_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.x_train.shape[1:]


@dataclass(frozen=True, slots=True, eq=False)
class ClientShard:
    """One client's local training data."""

    client_id: int
    x: Features
    y: Array


def make_shards(dataset: Dataset, indices: Mapping[int, IndexArray]) -> list[ClientShard]:
    """Copy the examples of these clients out of the training data.

    Labels become the smallest integers that can hold them: they travel with every mini-batch.
    """
    y = dataset.y_train.astype(np.min_scalar_type(dataset.num_classes - 1))
    return [ClientShard(client, dataset.x_train[rows], y[rows]) for client, rows in indices.items()]


def label_rows(dataset: Dataset, shards: Sequence[ClientShard]) -> list[LabelRow]:
    """Count every label of every client, zeros included."""
    return [
        LabelRow(shard.client_id, name, int(count))
        for shard in shards
        for name, count in zip(dataset.label_names, np.bincount(shard.y, minlength=dataset.num_classes), strict=True)
    ]


def held_out(examples: int) -> tuple[IndexArray, IndexArray]:
    """Split row numbers 80/20 into train and test, by their number alone and never by a run's seed."""
    order = stream("train-test-split", examples).permutation(examples)
    test = max(1, round(examples * _TEST_SHARE))
    return np.sort(order[test:]), np.sort(order[:test])
