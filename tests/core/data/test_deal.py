"""Which examples each client holds: the partitioner's shards under the seed of the cell, or all."""

import numpy as np

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.choice import Named
from splitfed_core.data import load_dataset, partition
from splitfed_core.data.deal import assign_examples, shape_of
from splitfed_core.seeding import derive

DIGITS = load_dataset(Named(name="digits"))


def test_clients_hold_the_shards_in_their_order() -> None:
    config = CellConfig.parse({"clients": 3, "examples_per_client": 7, "partitioner": "iid"})
    held = assign_examples(DIGITS, config, seed=5)
    shards = partition(DIGITS, "iid", 3, derive(5, "shards"), 7)
    assert list(held) == [0, 1, 2]
    assert [rows.tolist() for rows in held.values()] == [rows.tolist() for rows in shards]
    assert [len(rows) for rows in held.values()] == [7, 7, 7]


def test_without_a_partitioner_one_client_has_all() -> None:
    held = assign_examples(DIGITS, CellConfig.parse({"algorithm": "central"}), seed=5)
    assert list(held) == [0]
    assert (held[0] == np.arange(len(DIGITS.y_train))).all()


def test_a_network_must_know_the_shape_and_the_classes() -> None:
    assert (shape_of(DIGITS).example, shape_of(DIGITS).num_classes) == (DIGITS.input_shape, 10)
