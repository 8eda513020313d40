"""Train a whole cell in this process, for scripts, notebooks and examples. To measure what a cell costs, sweep it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splitfed_core.aggregation import check_strategy
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.device_choice import asks_host_speed, client_slowdowns
from splitfed_core.data import Dataset, load_dataset, make_shards
from splitfed_core.data.deal import assign_examples, shape_of
from splitfed_core.errors import ConfigError
from splitfed_core.federation.rounds import train_rounds
from splitfed_core.records.results import CellKey, ModelFacts
from splitfed_core.records.rows import ClientRow, RoundRow, Row, StepRow
from splitfed_core.records.summary import Column, Numbers, cell_numbers
from splitfed_core.timing.host_speed import host_speed


@dataclass(frozen=True, slots=True)
class TrainedCell:
    """What training a cell came to: the rows that a sweep would write, and the sizes of the two sides."""

    steps: list[StepRow]
    clients: list[ClientRow]
    rounds: list[RoundRow]
    facts: ModelFacts

    @property
    def numbers(self) -> Numbers:
        """What the rows sum up to, by the names in `summary.csv`; NaN for what this cell does not have."""
        return cell_numbers(_columns(self.steps), _columns(self.rounds), _columns(self.clients), isolated=False)


def train(config: CellConfig, dataset: Dataset | None = None, *, seed: int = 0) -> TrainedCell:
    """Train a cell to its end with all of its roles in this process; over gRPC they still speak through loopback.

    Args:
        config: The cell. Its `workers` and `isolation` mean nothing here. All clients take turns in this process, so
            only a single one can have an emulated link or device: several would wait for those of each other.
        dataset: Data of your own; by default that of the cell.
        seed: Of initial weights, shards and batches.

    Raises:
        ConfigError: The data, the network and the cell do not fit each other, or several clients emulate something.
        CellError: A role failed.
    """
    from splitfed_core.federation.local import LocalFederation

    if config.emulates and config.num_clients > 1:
        raise ConfigError(
            f"clients {config.num_clients}: they take turns in one process here, so they would wait for each other's "
            "links and devices; use clients: 1, or sfbench sweep, which gives each a process of its own",
            "clients",
        )
    host = host_speed() if asks_host_speed(config.device) else None
    slowdowns = client_slowdowns(config.device, config.num_clients, seed, host)
    dataset = load_dataset(config.dataset) if dataset is None else dataset
    indices = assign_examples(dataset, config, seed)
    empty = frozenset(client for client, rows in indices.items() if not len(rows))
    if config.strategy is not None:
        check_strategy(config.strategy, min(config.participants, len(indices) - len(empty)))
    indices = {client: rows for client, rows in indices.items() if client not in empty}
    key, test = CellKey(config.cell_id, 0, seed, empty, slowdowns), (dataset.x_test, dataset.y_test)
    with LocalFederation(key, config, shape_of(dataset), make_shards(dataset, indices), test) as federation:
        results = list(train_rounds(key, config, federation))
    return TrainedCell(
        steps=[row for result in results for row in result.steps],
        clients=[row for result in results for row in result.clients],
        rounds=[result.row for result in results],
        facts=federation.facts,
    )


def _columns(rows: Sequence[Row]) -> Column:
    """Return the columns of rows, as the numbers of a cell are made of them."""

    def column(name: str) -> NDArray[np.float64]:
        values = (getattr(row, name) for row in rows)
        return np.array([math.nan if value is None else float(value) for value in values])

    return column
