"""Who takes part in a round, and in which order: computed alike by every process, from the cell's seed."""

from collections.abc import Iterator, Mapping, Sequence

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.records.results import CellKey
from splitfed_core.seeding import stream


def participants(key: CellKey, config: CellConfig, round: int) -> list[int]:
    """Return the clients of a round, a seeded sample of `config.participants` of those who have examples, by id."""
    return sorted(_with_examples(key, config, "participation", round)[: config.participants])


def round_size(key: CellKey, config: CellConfig) -> int:
    """Return how many clients a round has: fewer than `config.participants` where too few have examples."""
    return min(config.participants, config.num_clients - len(key.empty))


def evaluated(key: CellKey, config: CellConfig, round: int) -> list[int]:
    """Return a seeded sample of the clients who have examples, at most `eval_clients`, by id."""
    return sorted(_with_examples(key, config, "evaluation", round)[: config.eval_clients])


def _with_examples(key: CellKey, config: CellConfig, purpose: str, round: int) -> list[int]:
    """Return everyone who has examples in a seeded order; the others leave no gap, and move no one."""
    order = stream(key.seed, purpose, round).permutation(config.num_clients)
    return [client for client in map(int, order) if client not in key.empty]


def in_order(key: CellKey, clients: Sequence[int], round: int) -> list[int]:
    """Return clients in the seeded order of a round; who else takes part does not change who of two comes first."""
    return sorted(clients, key=lambda client: int(stream(key.seed, "order", round, client).integers(2**62)))


def turns(order: Sequence[int], steps: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Yield (client, step) of a round: step t of every client before step t + 1 of any, finished clients left out."""
    for step in range(max((steps[client] for client in order), default=0)):
        for client in order:
            if step < steps[client]:
                yield client, step


def steps_of_round(config: CellConfig, examples: int) -> int:
    """Return how many mini-batches a client with so many examples trains on in a round."""
    return config.local_epochs * -(-examples // config.batch_size)
