"""Holding: how emulation makes time pass, and what of each step was emulated.

A link holds a message, a device the end of a computation, until it is due. Both wait with `wait_until` and note what
they did in one `StepShares`, so that a step's row has every emulated second beside the phase that it is in.
"""

import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Collection
from ctypes import CDLL, c_ulong
from time import perf_counter, sleep
from typing import Literal

EmulatedShare = Literal["link_uplink_s", "link_downlink_s", "device_s", "late_s"]
"""Columns of `steps.csv`: how much of the uplink and downlink, and of the client's computing, was waited for; and how
much later than due all of that was, computing on this host included."""

_SLACK_NS = 1_000
_PR_SET_TIMERSLACK = 29  # of Linux' prctl.h

_prctl = CDLL(None).prctl if sys.platform == "linux" else None


class _Timer(threading.local):
    """How much earlier than due a sleeping thread is to be woken, so that it is not late.

    Linux lets a thread sleep some 50 µs longer than it asks, and then some, to save wake-ups; one that asks for it is
    woken within some 30 µs. That is asked for once in each thread that waits: what is left is waited for busily. A
    thread of TensorFlow's is a new one to Python each time it calls, so asking must cost little.
    """

    def __init__(self) -> None:
        asked = _prctl is not None and not _prctl(_PR_SET_TIMERSLACK, c_ulong(_SLACK_NS), 0, 0, 0)
        self.tail_s = 0.00005 if asked else 0.0002


_timer = _Timer()


def wait_until(due: float, now: Callable[[], float] = perf_counter, sleep_s: Callable[[float], object] = sleep) -> None:
    """Return when the clock says `due`: asleep but for the end, so that neighbours have the core."""
    while (left := due - now()) > 0:
        if left > (tail_s := _timer.tail_s):
            sleep_s(left - tail_s)


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
