"""The compiled steps of both sides, and the average of client-side models; notebook_cnn at dense1, batch 128."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from splitfed_core.aggregation import fedavg
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.records.results import DataShape
from splitfed_core.training.cell_network import CellNetwork

Benchmark = Callable[[Callable[[], object]], object]

SHAPE = DataShape((28, 28, 1), 10)
RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.random((128, 28, 28, 1), dtype=np.float32), RNG.integers(0, 10, 128).astype(np.uint8)


@pytest.fixture(scope="module")
def network() -> CellNetwork:
    """Build and cut the network."""
    return CellNetwork(CellConfig(), SHAPE, seed=1)


def test_client_step(benchmark: Benchmark, network: CellNetwork) -> None:
    """Forward, backward and update of the client's side, with an exchange that costs nothing."""
    segment: Any = network.client_segment()
    x = tf.constant(IMAGES)
    benchmark(lambda: segment(x, lambda smashed: smashed))


def test_server_step(benchmark: Benchmark, network: CellNetwork) -> None:
    """Forward, loss, backward and update of the main server's side."""
    segment = network.server_segment()
    smashed = RNG.random((128, 64), dtype=np.float32)
    benchmark(lambda: segment.update(segment(smashed, LABELS)[-1]))


def test_unsplit_step(benchmark: Benchmark) -> None:
    """The unsplit network: the floor of both together."""
    segment: Any = CellNetwork(CellConfig(algorithm="central"), SHAPE, seed=1).client_segment()
    x = tf.constant(IMAGES)
    benchmark(lambda: segment(x, LABELS))


@pytest.mark.parametrize("clients", [3, 30])
def test_change_of_client(benchmark: Benchmark, network: CellNetwork, clients: int) -> None:
    """Bring the next client's weights and optimizer slots into a compiled step."""
    state_swap = network.client_segment().state_swap
    turn = iter(range(1_000_000_000))
    benchmark(lambda: state_swap.load(next(turn) % clients))


@pytest.mark.parametrize("clients", [3, 30])
def test_aggregation(benchmark: Benchmark, network: CellNetwork, clients: int) -> None:
    """Average the client-side models of a round."""
    weights = network.client_segment().get_weights()
    benchmark(lambda: fedavg([(weights, 1 + number) for number in range(clients)]))
