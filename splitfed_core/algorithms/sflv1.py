"""SplitFedV1: every client has a copy of the server-side model; both sides are averaged after each round.

Thapa, Chamikara, Camtepe, Sun: "SplitFed: When Federated Learning Meets Split Learning", AAAI 2022, Algorithms 1 and 2.
A training step itself (forward on the client, forward and backward on its copy at the main server, backward on the
client) is `TrainingClient.train_step`.
"""

from collections.abc import Sequence
from functools import reduce
from operator import add

from splitfed_core.algorithms.base import Algorithm, Batch, Plain, Reference, TrainingClient, Weights, in_turns


def client_round(clients: Sequence[TrainingClient[Batch]], round: int, *, aggregation: bool) -> None:
    """Algorithm 2, ClientUpdate, for the clients of one process: each trains with its own copy, all at the same time.

    The fed server's average of the client-side models is the parameter `strategy`.
    """
    if aggregation:
        for client in clients:
            client.pull_model(round - 1)  # costs nothing but for those who sat the last round out
    for client, batch in in_turns(clients, round):
        client.train_step(batch)
    for client in clients:
        client.end_server_round(round)  # the last one's makes the main server average its copies
    if aggregation:
        for client in clients:
            client.push_model(round)
        for client in clients:
            client.pull_model(round)


def average_copies(copies: Sequence[tuple[Weights, int]]) -> Weights:
    """Algorithm 1, the main server's last line: W ← Σₖ nₖ/n Wₖ, over the copies of the clients of the round."""
    n = sum(n_k for _, n_k in copies)
    scaled = ([array * n_k for array in w_k] for w_k, n_k in copies)
    return [reduce(add, of_all_copies) / n for of_all_copies in zip(*scaled, strict=True)]


SFLV1 = Algorithm(
    name="sflv1",
    paper="Thapa et al., AAAI 2022, Algorithms 1 and 2",
    cuts=1,
    server="copies",
    handover="average",
    client_round=client_round,
    average_copies=average_copies,
    reference=Reference("sflv1, SGD = FedAvg", Plain.FEDERATED, optimizer="sgd"),
)
