"""SplitFedV2: one server-side model for all clients, client-side models aggregated after each round.

Thapa, Chamikara, Camtepe, Sun: "SplitFed: When Federated Learning Meets Split Learning", AAAI 2022, section SFLV2:
Algorithms 1 and 2, but the main server updates one model, with one client's mini-batch after the other's. That is
`server="shared"`; whose mini-batch comes next is the parameter `order`.
"""

from collections.abc import Sequence

from splitfed_core.algorithms.base import Algorithm, Batch, Plain, Reference, TrainingClient, in_turns


def client_round(clients: Sequence[TrainingClient[Batch]], round: int, *, aggregation: bool) -> None:
    """Algorithm 2, ClientUpdate, for the clients of one process, which take turns step by step."""
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


SFLV2 = Algorithm(
    name="sflv2",
    paper="Thapa et al., AAAI 2022, Algorithms 1 and 2 as in section SFLV2",
    cuts=1,
    server="shared",
    handover="average",
    client_round=client_round,
    reference=Reference("sflv2, fixed = rewrite", Plain.SHARED_SERVER),
)
