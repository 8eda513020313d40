"""A worker's round on one stopwatch: every instant of it belongs to exactly one share of one client."""

from collections import defaultdict
from collections.abc import Callable
from time import perf_counter
from typing import Literal

Share = Literal["local", "swap", "push", "pull", "wait", "end_round"]
"""What a worker's time is for: see `rows.ClientRow`, which has a column for each."""

MODEL_EXCHANGE: tuple[Share, ...] = ("push", "pull", "wait")
"""The shares that are about the models of a round."""

Span = tuple[float, float]
"""Begin and end on the monotonic clock, in seconds."""


class Stopwatch:
    """Cuts the round of one worker into laps that share their stamps; a lap belongs to one share of one client."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self.begin_round()

    def begin_round(self) -> None:
        """Forget the last round; the first lap of this one begins now."""
        self.began = self.last = self._last_step_ended = self._clock()
        self._spent: defaultdict[tuple[int, Share], float] = defaultdict(float)
        self._training: list[Span] = []
        self._trains = False

    def lap(self, client_id: int, share: Share, *, waited_s: float = 0.0) -> float:
        """Give the time since the last lap to a share of a client; returns the stamp that ends it.

        Args:
            client_id: Whose time it is.
            share: What it was for.
            waited_s: How much of it was waiting for others: that goes to `wait` instead.
        """
        began, self.last = self.last, self._clock()
        waited_s = min(waited_s, self.last - began)
        self._spent[client_id, share] += self.last - began - waited_s
        if waited_s:
            self._spent[client_id, "wait"] += waited_s
        if share == "local":
            self._training.append((self._training.pop()[0] if self._trains else began, self.last))
        self._trains = share == "local" or (share == "swap" and self._trains)
        return self.last

    def between_s(self, started: float, ended: float) -> float:
        """Return how long after the worker's last step, or else the round's begin, a step began; it is the last now."""
        between_s, self._last_step_ended = started - self._last_step_ended, ended
        return between_s

    def spent_s(self, client_id: int, share: Share) -> float | None:
        """Return the time of a client's share in this round; None if it has no lap."""
        return self._spent.get((client_id, share))

    @property
    def training(self) -> tuple[Span, ...]:
        """When clients of this worker were training in this round: their local laps, with the swaps between them."""
        return tuple(self._training)


def union_s(spans: list[Span]) -> float:
    """Return how long at least one of these spans was under way."""
    total, until = 0.0, float("-inf")
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total
