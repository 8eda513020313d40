"""Builds the fed server that an algorithm needs; without TensorFlow, for its process does without."""

from collections.abc import Sequence
from functools import partial

from splitfed_core.aggregation import make_strategy
from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.choice import Named
from splitfed_core.federation.build_paces import server_pace
from splitfed_core.federation.schedule import in_order, participants, round_size
from splitfed_core.records.results import CellKey
from splitfed_core.roles.fed_server import FedServer
from splitfed_core.roles.relay import Relay
from splitfed_core.timing.holds import StepShares
from splitfed_core.timing.pace import Pace
from splitfed_core.timing.processor_time import ProcessorTime


def build_fed_server(
    key: CellKey,
    config: CellConfig,
    start: Sequence[Array],
    trainable: Sequence[bool],
    pace: Pace | None = None,
    processor: ProcessorTime | None = None,
) -> FedServer | Relay:
    """Build the fed server of a cell.

    Args:
        key: Cell, repeat and seed.
        config: The cell; its algorithm exchanges models.
        start: The clients' weights before the first round.
        trainable: Which of them are trained; the others are statistics.
        pace: Of this server beside how slow it is, if it is not the one that the environment asks for.
        processor: Of this process, if somebody else computes in it too.
    """
    if config.method.in_line:
        return Relay(partial(_predecessor, key, config), config.timeout_s)
    strategy = make_strategy(config.strategy or Named(name="fedavg"), trainable)
    return FedServer(
        round_size(key, config), strategy, start, config.timeout_s, server_pace(config, StepShares(), processor, pace)
    )


def _predecessor(key: CellKey, config: CellConfig, client_id: int, round: int) -> tuple[int, int] | None:
    order = in_order(key, participants(key, config, round), round)
    position = order.index(client_id)
    if position:
        return order[position - 1], round
    return (in_order(key, participants(key, config, round - 1), round - 1)[-1], round - 1) if round else None
