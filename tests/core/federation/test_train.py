"""`train` is a cell of a sweep without its processes: the same rows, and the sums of them."""

import numpy as np
import pytest

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import Dataset
from splitfed_core.errors import ConfigError

SMALL = {
    "dataset": {"name": "synthetic", "shape": [8, 8, 1], "examples": 96, "test_examples": 20},
    "model": "mlp", "cut_layer": "dense1", "clients": 3, "batch_size": 8, "rounds": 2, "order": "fixed",
}  # fmt: skip


def test_every_batch_is_trained_and_counted_and_a_seed_repeats_to_the_bit() -> None:
    from splitfed_core.federation.train import train

    config = CellConfig.parse(SMALL | {"transport": "inproc"})
    once, again, other = train(config), train(config), train(config, seed=1)
    assert len(once.steps) == 2 * 96 / 8
    assert [len(once.rounds), len(once.clients)] == [2, 2 * 3]
    assert {row.examples for row in once.steps} == {8}
    assert [row.loss for row in once.steps] == [row.loss for row in again.steps] != [row.loss for row in other.steps]
    assert once.numbers["uplink_bytes_per_step"] == once.steps[0].uplink_bytes
    assert sum(row.uplink_bytes for row in once.rounds) == sum(row.uplink_bytes or 0 for row in once.steps)


def test_over_grpc_it_trains_the_same() -> None:
    from splitfed_core.federation.train import train

    here, there = (train(CellConfig.parse(SMALL | {"transport": transport})) for transport in ("inproc", "grpc"))
    assert [row.loss for row in here.steps] == [row.loss for row in there.steps]
    assert [row.eval_accuracy for row in here.rounds] == [row.eval_accuracy for row in there.rounds]


def test_data_of_ones_own_is_taken_and_a_client_without_any_takes_no_part() -> None:
    from splitfed_core.federation.train import train

    rng = np.random.default_rng(0)
    x, y = rng.random((40, 6), dtype=np.float32), np.repeat([0, 1], 20)
    data = Dataset("mine", x, y, x[::4], y[::4], ("no", "yes"))
    skewed = {"clients": 8, "partitioner": {"name": "dirichlet", "alpha": 0.01}, "transport": "inproc"}
    trained = train(CellConfig.parse(SMALL | skewed), data)
    assert sum(row.examples for row in trained.steps) == 2 * 40
    holders = {row.client_id for row in trained.clients}
    assert 0 < len(holders) < 8
    assert [(row.clients_ok, row.clients_lost) for row in trained.rounds] == [(len(holders), 0)] * 2


def test_a_network_that_does_not_fit_the_data_says_so() -> None:
    from splitfed_core.federation.train import train

    with pytest.raises(ConfigError, match="model 'lenet5' needs images of at least"):
        train(CellConfig.parse(SMALL | {"model": "lenet5", "cut_layer": "conv1", "transport": "inproc"}))
