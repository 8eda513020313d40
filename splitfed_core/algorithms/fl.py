"""Federated averaging of the whole model: what split learning is compared with.

McMahan, Moore, Ramage, Hampson, Agüera y Arcas: "Communication-Efficient Learning of Deep Networks from Decentralized
Data", AISTATS 2017, Algorithm 1.
"""

from collections.abc import Sequence

from splitfed_core.algorithms.base import in_turns
from splitfed_core.roles.client import Client


def client_update(clients: Sequence[Client], round: int, *, aggregation: bool) -> None:
    """Algorithm 1, ClientUpdate, for the clients of one process; aggregation is always on."""
    for client in clients:
        client.pull_model(round - 1)
    for client, batch in in_turns(clients, round):
        client.train_step(batch)
    for client in clients:
        client.push_model(round)
    for client in clients:
        client.pull_model(round)
