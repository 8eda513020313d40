"""Holding: how emulation makes time pass, and what of each step was emulated.

A link holds a message, a device the end of a computation, until it is due. Both wait with `wait_until` and note what
they did in one `StepShares`, so that a step's row has every emulated second beside the phase that it is in.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from time import perf_counter, sleep
from typing import Literal

EmulatedShare = Literal["link_uplink_s", "link_downlink_s", "device_s", "late_s"]
"""Columns of `steps.csv`: how much of the uplink and downlink, and of the client's computing, was waited for; and how
much later than due all of that was, computing on this host included."""

_TAIL_S = 0.0002
"""How much earlier than due a sleeper is woken: Linux lets it sleep some 0.1 ms longer than it asked for."""


def wait_until(due: float, now: Callable[[], float] = perf_counter, sleep_s: Callable[[float], object] = sleep) -> None:
    """Return when the clock says `due`: asleep but for the end, so that neighbours have the core."""
    while (left := due - now()) > 0:
        if left > _TAIL_S:
            sleep_s(left - _TAIL_S)


class StepShares:
    """The emulated shares of the step that each client is in, from its begin to its end.

    Whoever holds for a client adds to them; only one thread at a time does, for a client does one thing at a time.
    """

    def __init__(self, columns: Collection[EmulatedShare] = ()) -> None:
        """Keep these columns, the ones that a cell's emulation fills; others are not kept, so that they stay empty."""
        self._columns = tuple(columns)
        self._spent: defaultdict[int, dict[str, float]] = defaultdict(lambda: dict.fromkeys(columns, 0.0))

    def add(self, client_id: int, share: EmulatedShare, seconds: float) -> None:
        """Add to a share of this client's step."""
        if share in self._columns:
            self._spent[client_id][share] += seconds

    def take(self, client_id: int) -> dict[str, float]:
        """Return all shares of this client since the last call, by their columns; the next step begins with none."""
        return self._spent.pop(client_id, None) or dict.fromkeys(self._columns, 0.0)
