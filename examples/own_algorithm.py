"""An algorithm of your own: SplitFedV2, but the client-side models are averaged after every second round only.

An algorithm is a value that says who has what, and one function that reads like the paper: docs/architecture.md has the
table of its attributes. A grid names it by its file, as `own_algorithm.yml` does: `./own_algorithm.py:EVERY_SECOND`. A
script that registers it can also call it by its name.
"""

from collections.abc import Sequence

import sfbench
from splitfed_core.algorithms import Algorithm, Batch, TrainingClient, in_turns, register


def client_round(clients: Sequence[TrainingClient[Batch]], round: int, *, aggregation: bool) -> None:
    """Train step t of every client before step t + 1 of any, then meet in every second round."""
    for client, batch in in_turns(clients, round):
        client.train_step(batch)  # sends smashed data and labels to the main server, and gets the gradient back
    for client in clients:
        client.end_server_round(round)
    if aggregation and round % 2:
        for client in clients:
            client.push_model(round)
        for client in clients:
            client.pull_model(round)  # waits for the average


EVERY_SECOND = Algorithm(
    name="every-second",
    paper="this example",
    cuts=1,
    server="shared",
    handover="average",
    client_round=client_round,
)


def main() -> None:
    """Hold it against SplitFedV2: half of the models travel; what does that cost in accuracy?"""
    register(EVERY_SECOND)
    for algorithm in ("sflv2", "every-second"):
        cell = {"algorithm": algorithm, "model": "mlp", "clients": 3, "batch_size": 32, "rounds": 4, "order": "fixed"}
        trained = sfbench.train(sfbench.CellConfig.parse(cell | {"transport": "inproc", "examples_per_client": 128}))
        sent = sum(row.aggregation_uplink_bytes for row in trained.rounds)
        print(f"{algorithm}: {sent:,} bytes of models, accuracy {trained.rounds[-1].eval_accuracy:.3f}")


if __name__ == "__main__":
    main()
