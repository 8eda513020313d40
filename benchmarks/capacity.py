"""What this machine can hold: a warning where a grid asks for more cores than it has, a refusal where memory ends."""

from collections.abc import Iterable, Iterator

from splitfed_core.cell import ModelFacts
from splitfed_core.config import CellConfig
from splitfed_core.errors import CellError

_SLOTS = {"adam": 2, "sgd": 0}
"""Arrays of an optimizer beside each weight."""


def overcommitted(configs: Iterable[CellConfig], cores: int) -> Iterator[str]:
    """Say, once for each value, which cells ask for more processes or threads than there are cores."""
    workers = {config.workers for config in configs if isinstance(config.workers, int)}
    threads = {config.threads for config in configs if config.threads is not None}
    for number in sorted(number for number in workers if number > cores):
        yield f"workers {number}: there are {cores} cores, so processes take turns and phases contain waiting; use auto"
    for number in sorted(number for number in threads if number > cores):
        yield f"threads {number}: there are {cores} cores; use at most {cores} divided by the processes of a cell"


def needed_bytes(config: CellConfig, facts: ModelFacts) -> int:
    """Return the memory that the state of all clients of a cell takes at least, wherever it is held.

    Weights and optimizer slots of every client's part, of every copy that the main server keeps (`sflv1`), and the
    models of a round that the fed server collects.
    """
    states = 1 + _SLOTS[config.optimizer]
    clients = config.num_clients * states * facts.client_parameter_bytes
    copies = config.num_clients if config.algorithm == "sflv1" else 1
    collected = config.participants * facts.client_parameter_bytes if config.exchanges_models else 0
    return clients + copies * states * facts.server_parameter_bytes + collected


def check_memory(config: CellConfig, facts: ModelFacts, free_bytes: int) -> None:
    """Refuse a cell whose clients cannot fit.

    Raises:
        CellError: With the estimate.
    """
    needed = needed_bytes(config, facts)
    if needed > free_bytes:
        raise CellError(
            f"{config.num_clients} clients need {needed / 1e9:.1f} GB for their weights and optimizer states, but "
            f"{free_bytes / 1e9:.1f} GB are free: fewer clients, a smaller network or cut, or optimizer sgd"
        )
