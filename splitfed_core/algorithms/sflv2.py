"""SplitFedV2: one server-side model for all clients, client-side models averaged after each round.

Thapa, Chamikara, Camtepe, Sun: "SplitFed: When Federated Learning Meets Split Learning", AAAI 2022; Algorithms 1 and 2 with
the changes of the section on SFLV2: the main server updates one model, one client's mini-batch after the other.
"""

from collections.abc import Sequence

from splitfed_core.client import Client, in_turns


def client_update(clients: Sequence[Client], round: int, *, aggregation: bool) -> None:
    """Algorithm 2, ClientUpdate, for the clients of one process, which take turns step by step."""
    for client, batch in in_turns(clients, round):
        client.train_step(batch)
    if aggregation:
        for client in clients:
            client.push_model(round)
        for client in clients:
            client.pull_model(round)
