"""The main server that a cell's algorithm needs."""

from collections.abc import Iterator, Mapping
from functools import partial

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.federation.build_paces import server_pace, server_shares
from splitfed_core.federation.schedule import in_order, participants, round_size, steps_of_round
from splitfed_core.federation.schedule import turns as step_turns
from splitfed_core.records.results import CellKey, DataShape
from splitfed_core.roles.body_server import BodyServer
from splitfed_core.roles.main_server import MainServer
from splitfed_core.roles.step_order import ArrivalTurns, FixedTurns, Turns
from splitfed_core.timing.pace import Pace
from splitfed_core.timing.processor_time import ProcessorTime
from splitfed_core.training.cell_network import CellNetwork
from splitfed_core.training.step_cache import CompiledStepCache


def build_main_server(
    key: CellKey,
    config: CellConfig,
    shape: DataShape,
    examples: Mapping[int, int],
    replicas: int = 1,
    step_cache: CompiledStepCache | None = None,
    pace: Pace | None = None,
    processor: ProcessorTime | None = None,
) -> MainServer | BodyServer:
    """Build the main server of a cell, ready to serve: its optimizers have their slots before the first call.

    Args:
        key: Cell, repeat and seed.
        config: The cell; its algorithm has a main server.
        shape: Of the data.
        examples: Number of examples of each client.
        replicas: How many clients may train at the same time at most, where each has a copy of the model.
        step_cache: Compiled steps of earlier cells in this process.
        pace: Of this server beside how slow it is, if it is not the one that the environment asks for.
        processor: Of this process, if somebody else computes in it too.
    """
    step_cache, shares = step_cache or CompiledStepCache(), server_shares(config)
    pace = server_pace(config, shares, processor, pace)
    copies = config.method.server == "copies"  # these do not touch each other, so their order makes no difference
    size = round_size(key, config)
    replicas = min(replicas, size) if copies else 1
    network = CellNetwork(config, shape, key.seed)
    turns: Turns = ArrivalTurns(replicas)
    if config.order == "fixed" and not copies:
        turns = FixedTurns(partial(_fixed_order, key, config, examples), config.timeout_s)
    if config.method.server == "body":
        hold = config.order == "fixed"
        return BodyServer(step_cache.body(network), turns, hold=hold, participants=size, pace=pace, shares=shares)
    segments = [
        step_cache.server(network)
    ]  # every further one of a network of its own: a step is bound to its variables
    segments += [step_cache.server(CellNetwork(config, shape, key.seed), copy) for copy in range(1, replicas)]
    average = config.method.average_copies
    return MainServer(segments, turns, copies=copies, average=average, participants=size, pace=pace, shares=shares)


def _fixed_order(
    key: CellKey, config: CellConfig, examples: Mapping[int, int], round: int
) -> Iterator[tuple[int, int]]:
    steps = {client: steps_of_round(config, count) for client, count in examples.items()}
    return step_turns(in_order(key, participants(key, config, round), round), steps)
