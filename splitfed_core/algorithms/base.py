"""What algorithms share."""

from collections.abc import Iterator, Sequence

from splitfed_core.roles.batches import Batch
from splitfed_core.roles.client import Client


def in_turns(clients: Sequence[Client], round: int) -> Iterator[tuple[Client, Batch]]:
    """Yield step t of every client before step t + 1 of any; clients whose data has run out drop out."""
    running = [(client, client.batches(round)) for client in clients]
    while running:
        still = []
        for client, batches in running:
            batch = next(batches, None)
            if batch is not None:
                yield client, batch
                still.append((client, batches))
        running = still
