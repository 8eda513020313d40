"""The unsplit model on all the data, in one process: what every distributed algorithm is measured against."""

from collections.abc import Sequence

from splitfed_core.algorithms.base import Algorithm, Batch, TrainingClient, in_turns


def client_round(clients: Sequence[TrainingClient[Batch]], round: int, *, aggregation: bool) -> None:
    """Train the one model; `round` is `local_epochs` passes over the data."""
    for client, batch in in_turns(clients, round):
        client.train_step(batch)


_OF_CLIENTS = {"clients", "partitioner", "participation", "examples_per_client", "workers", "order", "eval_clients"}

CENTRAL = Algorithm(
    name="central",
    paper="none: stochastic gradient descent on all the data",
    cuts=0,
    server="none",
    handover="none",
    client_round=client_round,
    ignored=frozenset({"cut_layer", "aggregation", "strategy", "transport", *_OF_CLIENTS}),
)
