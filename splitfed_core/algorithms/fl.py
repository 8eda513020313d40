"""Federated averaging of the whole model: what split learning is compared with.

McMahan, Moore, Ramage, Hampson, Agüera y Arcas: "Communication-Efficient Learning of Deep Networks from Decentralized
Data", AISTATS 2017, Algorithm 1.
"""

from collections.abc import Sequence

from splitfed_core.algorithms.base import Algorithm, Batch, Plain, Reference, TrainingClient, in_turns


def client_round(clients: Sequence[TrainingClient[Batch]], round: int, *, aggregation: bool) -> None:
    """Algorithm 1, ClientUpdate, for the clients of one process; aggregation is always on."""
    for client in clients:
        client.pull_model(round - 1)
    for client, batch in in_turns(clients, round):
        client.train_step(batch)
    for client in clients:
        client.push_model(round)
    for client in clients:
        client.pull_model(round)


FL = Algorithm(
    name="fl",
    paper="McMahan et al., AISTATS 2017, Algorithm 1",
    cuts=0,
    server="none",
    handover="average",
    client_round=client_round,
    ignored=frozenset({"cut_layer", "aggregation", "order", "eval_clients"}),  # not averaged, it would not be federated
    reference=Reference("fl = FedAvg", Plain.FEDERATED),
)
