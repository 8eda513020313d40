"""Two hosts' monotonic clocks: how far one is ahead of the other, and how sure that is."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

_EXCHANGES = 20
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """How far a server's clock is ahead of the caller's (s); both zero where it is the same clock."""

    offset_s: float = 0.0
    uncertainty_s: float = 0.0


NO_OFFSET = ClockOffset()


def clock_id() -> str:
    """Name the clock of this host; all processes since its last start share it."""
    return _BOOT.read_text().strip() if _BOOT.exists() else socket.gethostname()


def estimate_offset(
    read_remote: Callable[[], tuple[float, str]], now: Callable[[], float] = perf_counter
) -> ClockOffset:
    """Estimate how far another clock is ahead.

    The fastest of some exchanges says most: the other clock was read between its two ends, so the middle is wrong by
    at most half of it.

    Args:
        read_remote: Returns the other's time (s) and the name of its clock.
        now: This clock.
    """
    if read_remote()[1] == clock_id():
        return NO_OFFSET
    readings = []
    for _ in range(_EXCHANGES):
        sent = now()
        theirs, _name = read_remote()
        arrived = now()
        readings.append((arrived - sent, theirs - (sent + arrived) / 2))
    round_trip_s, offset_s = min(readings)
    return ClockOffset(offset_s, round_trip_s / 2)
