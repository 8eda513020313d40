"""U-shaped split learning with a federated outside: head and tail with the clients, the body with the main server.

Vepakomma, Gupta, Swedish, Raskar: "Split learning for health: Distributed deep learning without sharing raw patient
data", 2018, the configuration without label sharing; aggregated as in SplitFedV2. A step makes two exchanges, smashed
data for the body's output and the gradient of that for the gradient of the smashed data: no label leaves the client.
"""

from collections.abc import Sequence

from splitfed_core.algorithms.base import Algorithm, Batch, Plain, Reference, TrainingClient, in_turns


def client_round(clients: Sequence[TrainingClient[Batch]], round: int, *, aggregation: bool) -> None:
    """Train the clients of one process, which take turns step by step; heads and tails are aggregated."""
    if aggregation:
        for client in clients:
            client.pull_model(round - 1)  # costs nothing but for those who sat the last round out
    for client, batch in in_turns(clients, round):
        client.train_step(batch)
    for client in clients:
        client.end_server_round(round)
    if aggregation:
        for client in clients:
            client.push_model(round)
        for client in clients:
            client.pull_model(round)


USHAPE = Algorithm(
    name="ushape",
    paper="Vepakomma et al., 2018, without label sharing",
    cuts=2,
    server="body",
    handover="average",
    client_round=client_round,
    reference=Reference("ushape, 1 client = unsplit", Plain.UNSPLIT, clients=1),
)
