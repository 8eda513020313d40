"""The pace of each participant of a cell: its emulated device, and what the environment asks for."""

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.records.results import CellKey
from splitfed_core.timing.holds import EmulatedShare, StepShares
from splitfed_core.timing.pace import Pace, together
from splitfed_core.timing.processor_time import ProcessorTime
from splitfed_core.training.pace import DevicePace, pace_of


def client_shares(config: CellConfig) -> StepShares:
    """Return what notes what is emulated of the steps of clients: nothing where nothing is."""
    links: list[EmulatedShare] = ["link_uplink_s", "link_downlink_s"] if config.has_links else []
    device: list[EmulatedShare] = ["device_s"] if config.device else []
    late: list[EmulatedShare] = ["late_s"] if config.emulates else []
    return StepShares([*(links if config.has_main_server else []), *device, *late])


def server_shares(config: CellConfig) -> StepShares:
    """Return what notes what is emulated of the steps at a main server."""
    held: list[EmulatedShare] = ["device_s"] if config.server_slowdown else []
    return StepShares([*held, "late_s"] if config.emulates else [])


def client_pace(
    key: CellKey, config: CellConfig, shares: StepShares, processor: ProcessorTime, asked: Pace | None = None
) -> Pace:
    """Return the pace of the clients of this process.

    Args:
        key: Cell, repeat and seed, and how slow each client's device is.
        config: The cell; of one that emulates links only, clients are not slowed, and how late they compute is noted.
        shares: Take what was held.
        processor: Of this process.
        asked: What else slows them, if it is not what the environment asks for.
    """
    asked = asked or pace_of()
    if not config.emulates:
        return asked
    return together(DevicePace(lambda client: key.slowdowns.get(client, 1.0), shares, processor), asked)


def server_pace(
    config: CellConfig, shares: StepShares, processor: ProcessorTime | None = None, asked: Pace | None = None
) -> Pace:
    """Return the pace of a server, main or fed; see `client_pace`."""
    asked = asked or pace_of()
    if not config.emulates:
        return asked
    slowdown = config.server_slowdown or 1.0
    return together(DevicePace(lambda _: slowdown, shares, processor or ProcessorTime()), asked)
