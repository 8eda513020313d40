"""The unsplit model on all the data, in one process: what every distributed algorithm is measured against."""

from collections.abc import Sequence

from splitfed_core.algorithms.base import in_turns
from splitfed_core.roles.client import Client


def client_update(clients: Sequence[Client], round: int, *, aggregation: bool) -> None:
    """Train the one model; `round` is `local_epochs` passes over the data."""
    for client, batch in in_turns(clients, round):
        client.train_step(batch)
