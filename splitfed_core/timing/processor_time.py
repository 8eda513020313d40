"""How much processor time a computation took, whatever thread it ran on and whatever else the process did meanwhile."""

import threading
from collections.abc import Callable
from time import process_time


class ProcessorTime:
    """Shares the processor time of this process out among the computations that are under way in it.

    TensorFlow computes on threads of its own, so the caller's `thread_time` sees nothing of it, and `process_time` sees
    everything. One computation at a time gets all that the process took meanwhile; of several at once, such as the
    steps of a server's copies, each gets an equal part of it while they overlap. That is right for steps of one kind,
    whether they have a core each or share one.
    """

    def __init__(self, clock: Callable[[], float] = process_time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way = 0
        self._last = 0.0
        self._each = 0.0  # what a computation that was always under way would have got

    def begin(self) -> float:
        """Count a computation in; returns what `end` takes."""
        with self._lock:
            self._share_out()
            self._under_way += 1
            return self._each

    def end(self, begun: float) -> float:
        """Count it out; returns its processor time, s."""
        with self._lock:
            self._share_out()
            self._under_way -= 1
            return self._each - begun

    def _share_out(self) -> None:
        now = self._clock()
        if self._under_way:
            self._each += (now - self._last) / self._under_way
        else:
            self._each = 0.0  # so that a long run costs no precision
        self._last = now
