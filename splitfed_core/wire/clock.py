"""Clock offsets between hosts: how far one monotonic clock is ahead of another, and how sure that is.

The phases of a step lie between stamps of both sides of the wire: `uplink_s` is the server's stamp of receiving minus
the client's of sending. On one host all processes read one clock, counted from its start, and such a difference is
right as it stands. Two hosts count from different moments, so each client asks the server a few times what its clock
says and takes the reading whose exchange was fastest; the server's stamps in its replies are shifted by that offset
before anything is subtracted. Its uncertainty, half of that exchange, is an upper bound: it moves time from uplink to
downlink or back, and never changes their sum, nor that of the step. Clocks drift apart,
so the offset is estimated anew whenever a client connects, which is once a cell.
"""

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
