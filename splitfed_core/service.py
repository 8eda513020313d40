"""The main server that a cell's algorithm needs."""

from collections.abc import Iterator, Mapping

from splitfed_core.cell import CellKey, DataShape
from splitfed_core.config import CellConfig
from splitfed_core.kept import KeptParts
from splitfed_core.parts import Network
from splitfed_core.schedule import in_order, participants, round_size, steps_of_round, turns
from splitfed_core.server import BodyServer, MainServer
from splitfed_core.turns import ArrivalTurns, FixedTurns, Turns


def build_main_server(
    key: CellKey,
    config: CellConfig,
    shape: DataShape,
    examples: Mapping[int, int],
    desks: int = 1,
    kept: KeptParts | None = None,
) -> MainServer | BodyServer:
    """Build the main server of a cell, ready to serve: its optimizers have their slots before the first call.

    Args:
        key: Cell, repeat and seed.
        config: The cell; its algorithm has a main server.
        shape: Of the data.
        examples: Number of examples of each client.
        desks: How many copies of the server-side model may train at the same time, where clients have copies.
        kept: Compiled steps of earlier cells in this process.
    """
    kept = kept or KeptParts()
    steps = {client: steps_of_round(config, count) for client, count in examples.items()}
    copies = config.algorithm == "sflv1"  # these do not touch each other, so their order makes no difference

    def order(round: int) -> Iterator[tuple[int, int]]:
        return turns(in_order(key, participants(key, config, round), round), steps)

    def make_turns() -> Turns:
        return FixedTurns(order, config.timeout_s) if config.order == "fixed" and not copies else ArrivalTurns()

    network = Network(config, shape, key.seed)
    if config.algorithm == "ushape":
        return BodyServer(
            kept.body(network), make_turns, hold=config.order == "fixed", participants=round_size(key, config)
        )
    parts = [kept.server(network)]  # every further one of a network of its own: a step is bound to its variables
    parts += [kept.server(Network(config, shape, key.seed), copy) for copy in range(1, desks if copies else 1)]
    return MainServer(parts, make_turns, copies=copies, participants=round_size(key, config))
