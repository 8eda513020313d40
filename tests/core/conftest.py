"""Small federations: real roles, real gRPC where a cell asks for it, a few 8×8 images of noise."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import ClientShard
from splitfed_core.federation.rounds import RoundResult, train_rounds
from splitfed_core.records.results import CellKey, DataShape, ModelFacts
from splitfed_core.records.rows import StepRow
from splitfed_core.timing.pace import Pace

if TYPE_CHECKING:
    from splitfed_core.federation.local import LocalFederation
    from splitfed_core.wire.layers.link import LinkClock


@dataclass(frozen=True)
class Trained:
    """What a federation left behind; weights by client."""

    rounds: list[RoundResult]
    clients: dict[int, list[Array]]
    server: list[Array]
    facts: ModelFacts

    @property
    def steps(self) -> list[StepRow]:
        """The step rows of all rounds."""
        return [row for result in self.rounds for row in result.steps]

    def of(self, client_id: int) -> list[StepRow]:
        """The step rows of one client."""
        return [row for row in self.steps if row.client_id == client_id]


class Federations:
    """Builds federations, and trains each kind of cell once a session: its results are there for every test."""

    shape = DataShape((8, 8, 1), 10)
    key = CellKey("cell", 0, seed=7)

    def __init__(self, dtype: str = "float32") -> None:
        self._dtype = dtype
        self._trained: dict[tuple[Any, ...], Trained] = {}

    def examples(self, count: int, seed: int) -> tuple[Array, Array]:
        """Return images and labels."""
        rng = np.random.default_rng(seed)
        images = rng.random((count, *self.shape.example), dtype=np.float32).astype(self._dtype)
        return images, rng.integers(0, 10, count).astype(np.uint8)

    def config(self, **parameters: Any) -> CellConfig:
        """Return a cell that trains for a second."""
        small = {"model": "mlp", "cut_layer": "dense1", "batch_size": 8, "rounds": 2, "transport": "inproc"}
        return CellConfig.parse(small | parameters)

    def shards(self, *sizes: int) -> list[ClientShard]:
        """Return shards of these sizes, each with data of its own; a client without examples has none."""
        return [ClientShard(client, *self.examples(size, seed=client)) for client, size in enumerate(sizes) if size]

    def build(
        self,
        config: CellConfig,
        shards: list[ClientShard],
        pace: Pace | None = None,
        link_clock: "LinkClock | None" = None,
    ) -> "LocalFederation":
        """Build a federation of the holders of these shards."""
        from splitfed_core.federation.local import LocalFederation

        holders = {shard.client_id for shard in shards}
        key = replace(self.key, empty=frozenset(range(config.num_clients)) - holders)
        test = self.examples(30, seed=99)
        return LocalFederation(key, config, self.shape, shards, test, pace=pace, link_clock=link_clock)

    def train(self, *sizes: int, **parameters: Any) -> Trained:
        """Train a cell, whose clients hold so many examples each, to its end."""
        config = self.config(clients=len(sizes), **parameters)
        kind = (repr(config), sizes)  # `participation: 1` is another cell than 1.0, which is equal to it
        if kind not in self._trained:
            with self.build(config, self.shards(*sizes)) as federation:
                rounds = list(train_rounds(federation.key, config, federation))
                clients = {client: federation.get_weights(client) for client, size in enumerate(sizes) if size}
                server = federation.get_server_weights()
                self._trained[kind] = Trained(rounds, clients, server, federation.facts)
        return self._trained[kind]


@pytest.fixture
def double() -> Iterator[Federations]:
    """Build federations that compute in double precision, where a tolerance tells a wrong update from a right one."""
    import keras

    keras.config.set_floatx("float64")
    yield Federations("float64")
    keras.config.set_floatx("float32")


@pytest.fixture(scope="session")
def federations() -> Federations:
    """Build federations, and train each kind of cell once a session."""
    return Federations()
