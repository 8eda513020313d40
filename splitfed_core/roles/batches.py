"""Mini-batches of a client."""

from collections.abc import Iterator
from dataclasses import dataclass

import tensorflow as tf

from splitfed_core.arrays import Array, IndexArray
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import ClientShard
from splitfed_core.records.results import CellKey
from splitfed_core.seeding import stream


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One mini-batch, ready before its step starts; `step` counts within the round, `ids` within the client's shard."""

    round: int
    local_epoch: int
    step: int
    x: tf.Tensor
    labels: Array
    ids: IndexArray


def mini_batches(key: CellKey, config: CellConfig, shard: ClientShard, round: int) -> Iterator[Batch]:
    """Yield the mini-batches of a round: `local_epochs` passes, each in a seeded order of its own."""
    size, examples, step = config.batch_size, len(shard.y), 0
    for local_epoch in range(config.local_epochs):
        order = stream(key.seed, "batches", shard.client_id, round, local_epoch).permutation(examples)
        x, y = shard.x[order], shard.y[order]
        for start in range(0, examples, size):
            rows = slice(start, start + size)
            yield Batch(round, local_epoch, step, tf.constant(x[rows]), y[rows], order[rows])
            step += 1
