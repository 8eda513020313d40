"""The main server that a cell's algorithm needs."""

from collections.abc import Iterator, Mapping
from functools import partial

from splitfed_core.cell import CellKey, DataShape
from splitfed_core.config import CellConfig
from splitfed_core.kept import KeptParts
from splitfed_core.parts import Network
from splitfed_core.schedule import in_order, participants, round_size, steps_of_round
from splitfed_core.schedule import turns as step_turns
from splitfed_core.server import BodyServer, MainServer
from splitfed_core.turns import ArrivalTurns, FixedTurns, Turns


def build_main_server(
    key: CellKey,
    config: CellConfig,
    shape: DataShape,
    examples: Mapping[int, int],
    replicas: int = 1,
    kept: KeptParts | None = None,
) -> MainServer | BodyServer:
    """Build the main server of a cell, ready to serve: its optimizers have their slots before the first call.

    Args:
        key: Cell, repeat and seed.
        config: The cell; its algorithm has a main server.
        shape: Of the data.
        examples: Number of examples of each client.
        replicas: How many clients may train at the same time at most, where each has a copy of the model.
        kept: Compiled steps of earlier cells in this process.
    """
    kept = kept or KeptParts()
    copies = config.algorithm == "sflv1"  # these do not touch each other, so their order makes no difference
    size = round_size(key, config)
    replicas = min(replicas, size) if copies else 1
    network = Network(config, shape, key.seed)
    turns: Turns = ArrivalTurns(replicas)
    if config.order == "fixed" and not copies:
        turns = FixedTurns(partial(_fixed_order, key, config, examples), config.timeout_s)
    if config.algorithm == "ushape":
        hold = config.order == "fixed"
        return BodyServer(kept.body(network), turns, hold=hold, participants=size)
    parts = [kept.server(network)]  # every further one of a network of its own: a step is bound to its variables
    parts += [kept.server(Network(config, shape, key.seed), copy) for copy in range(1, replicas)]
    return MainServer(parts, turns, copies=copies, participants=size)


def _fixed_order(
    key: CellKey, config: CellConfig, examples: Mapping[int, int], round: int
) -> Iterator[tuple[int, int]]:
    steps = {client: steps_of_round(config, count) for client, count in examples.items()}
    return step_turns(in_order(key, participants(key, config, round), round), steps)
