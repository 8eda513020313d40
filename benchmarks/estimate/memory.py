"""What this machine can hold: warnings where a grid asks for more than it has cores, a refusal where memory ends."""

from collections.abc import Iterable, Iterator

from benchmarks.workers.topology import worker_count
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.codec_choice import has_feedback
from splitfed_core.errors import CellError, ConfigError
from splitfed_core.federation.codecs import remembers_examples
from splitfed_core.records.results import ModelFacts

SLOTS = {"adam": 2, "sgd": 0}
"""Arrays of an optimizer beside each weight."""

PROCESS_BYTES = 750_000_000
"""What a process takes with TensorFlow, the data and a compiled step of a small network in it."""


def overcommitted(configs: Iterable[CellConfig], cores: int) -> Iterator[str]:
    """Say, once for each value, which cells ask for more processes or threads than there are cores."""
    workers = {config.workers for config in configs if isinstance(config.workers, int)}
    threads = {config.threads for config in configs if config.threads is not None}
    for number in sorted(number for number in workers if number > cores):
        yield f"workers {number}: there are {cores} cores, so processes take turns and phases contain waiting for one"
    for number in sorted(number for number in threads if number > cores):
        yield f"threads {number}: there are {cores} cores; use at most {cores} divided by the processes of a cell"


def sharing(configs: Iterable[CellConfig], cores: int) -> Iterator[str]:
    """Say, in one line, which cells have more clients in a round than processes to hold them, and what that hides."""
    at_once = [
        c for c in configs if not c.in_one_process and not c.method.in_line
    ]  # those train one after the other anyway
    shared = {(c.participants, workers) for c in at_once if c.participants > (workers := worker_count(c, cores))}
    if shared:
        cells = ", ".join(f"{clients} in {workers}" for clients, workers in sorted(shared))
        yield (
            f"clients share processes ({cells}): no more of them than processes are ever at the server at once, so "
            "latency, queue and stragglers are those of this host; to see them side by side give each its own, with "
            f"workers: {max(clients for clients, _ in shared)}"
        )


def needed_bytes(config: CellConfig, facts: ModelFacts) -> int:
    """Return the memory that the state of all clients of a cell takes at least, wherever it is held.

    Weights and optimizer slots of every client's part, of every copy that the main server keeps (`sflv1`), the
    models of a round that the fed server collects, and what error feedback remembers of each client's model.
    """
    states = 1 + SLOTS[config.optimizer]
    clients = config.num_clients * states * facts.client_parameter_bytes
    copies = config.num_clients if config.method.server == "copies" else 1
    collected = config.participants * facts.client_parameter_bytes if config.exchanges_models else 0
    fed_back = config.num_clients * facts.client_parameter_bytes if has_feedback(config.model_codec) else 0
    return clients + copies * states * facts.server_parameter_bytes + collected + fed_back


def remembered_bytes(config: CellConfig, facts: ModelFacts, train_examples: int) -> int:
    """Return the memory of codec `delta`: the last values of every example at the cut (at both), on both sides.

    Args:
        config: The cell.
        facts: Of its network.
        train_examples: How many the data set has to train with.
    """
    if not remembers_examples(config):
        return 0
    held = min(train_examples, (config.examples_per_client or train_examples) * config.num_clients)
    at_the_cuts = (facts.smashed_bytes_per_example or 0) + (facts.output_bytes_per_example or 0)
    return 2 * held * at_the_cuts


def check_memory(config: CellConfig, facts: ModelFacts, free_bytes: int, train_examples: int) -> None:
    """Refuse a cell whose clients cannot fit, or whose examples cannot be remembered.

    Raises:
        CellError: With the estimate.
    """
    needed, remembered = needed_bytes(config, facts), remembered_bytes(config, facts, train_examples)
    free = f"but {free_bytes / 1e9:.1f} GB are free"
    if needed > free_bytes:
        raise CellError(
            f"{config.num_clients} clients need {needed / 1e9:.1f} GB for their weights and optimizer states, {free}: "
            "fewer clients, a smaller network or cut, or optimizer sgd"
        )
    if needed + remembered > free_bytes:
        raise CellError(
            f"codec 'delta' needs {remembered / 1e9:.1f} GB to remember all examples' smashed data, on both sides, "
            f"beside {needed / 1e9:.1f} GB of the clients, {free}: another codec, a later cut, or examples_per_client"
        )


def check_processes(config: CellConfig, free_bytes: int) -> None:
    """Refuse a cell that needs a process for each client where memory does not hold so many.

    Args:
        config: The cell.
        free_bytes: What is free before any of its processes is there.

    Raises:
        ConfigError: With the number of clients that fit.
    """
    fit = max(free_bytes // PROCESS_BYTES - config.has_main_server, 0)
    if config.emulates and config.num_clients > fit:
        raise ConfigError(
            f"clients {config.num_clients}: with a link or a device each has a process of its own, of some "
            f"{PROCESS_BYTES / 1e9:g} GB, and {free_bytes / 1e9:.1f} GB are free, which hold {fit} beside the servers; "
            "use fewer clients",
            "clients",
        )
