"""Sequential split learning: one model, which goes from client to client.

Gupta, Raskar: "Distributed learning of deep neural network over multiple agents", 2018. A client takes over weights and
optimizer state of the one before it, trains all its local epochs, and hands them on through the fed server.
"""

from collections.abc import Sequence

from splitfed_core.algorithms.base import in_turns
from splitfed_core.roles.client import Client


def client_update(clients: Sequence[Client], round: int, *, aggregation: bool) -> None:
    """Train the clients of one process, each when its turn has come. There is nothing to aggregate."""
    for client in clients:
        client.pull_state(round)
        for _, batch in in_turns([client], round):
            client.train_step(batch)
        client.end_server_round(round)
        client.push_state(round)
