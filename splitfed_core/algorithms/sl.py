"""Sequential split learning: one model, which goes from client to client.

Gupta, Raskar: "Distributed learning of deep neural network over multiple agents", 2018. A client takes over weights and
optimizer state of the one before it, trains all its local epochs, and hands them on through the fed server. That is
`handover="relay"`: clients come in a seeded order, and the first of a round goes on from the last of the round before.
"""

from collections.abc import Sequence

from splitfed_core.algorithms.base import Algorithm, Batch, Plain, Reference, TrainingClient


def client_round(clients: Sequence[TrainingClient[Batch]], round: int, *, aggregation: bool) -> None:
    """Train the clients of one process, each when its turn has come. There is nothing to aggregate."""
    for client in clients:
        client.pull_state(round)
        for batch in client.batches(round):
            client.train_step(batch)
        client.end_server_round(round)
        client.push_state(round)


SL = Algorithm(
    name="sl",
    paper="Gupta, Raskar, 2018",
    cuts=1,
    server="shared",
    handover="relay",
    client_round=client_round,
    ignored=frozenset({"aggregation", "strategy", "order", "eval_clients"}),  # one model, always in a fixed order
    reference=Reference("sl, 1 client = unsplit", Plain.UNSPLIT, clients=1),
)
