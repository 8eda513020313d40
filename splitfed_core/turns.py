"""Whose turn it is at the main server: the next message's, or the next client's in a fixed order."""

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from splitfed_core.errors import StragglerError


class Turns(Protocol):
    """A lock that may care who asks."""

    def acquire(self, round: int, client_id: int, step: int) -> None:
        """Wait for the turn of this step."""
        ...

    def release(self) -> None:
        """Give the turn to the next; any thread may."""
        ...


class ArrivalTurns:
    """First come, first served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def acquire(self, round: int, client_id: int, step: int) -> None:
        """Wait until nobody else has the turn."""
        self._lock.acquire()

    def release(self) -> None:
        """Give the turn to the next."""
        self._lock.release()


class FixedTurns:
    """One step after the other in a given order, whenever their messages come."""

    def __init__(self, order: Callable[[int], Iterator[tuple[int, int]]], deadline_s: float) -> None:
        """Follow `order(round)`, which yields (client, step); nobody waits longer than the deadline."""
        self._order = order
        self._deadline_s = deadline_s
        self._changed = threading.Condition()
        self._round = -1
        self._coming: Iterator[tuple[int, int]] = iter(())
        self._next: tuple[int, int] | None = None
        self._taken = False

    def acquire(self, round: int, client_id: int, step: int) -> None:
        """Wait for this step's place in the order.

        Raises:
            StragglerError: The step before it did not come in time.
        """
        with self._changed:
            if round > self._round:
                self._round, self._coming = round, self._order(round)
                self._next = next(self._coming, None)
            mine = (client_id, step)
            if not self._changed.wait_for(lambda: not self._taken and self._next == mine, self._deadline_s):
                raise StragglerError(
                    f"round {round}: step {step} of client {client_id} waited {self._deadline_s:g} s for (client, "
                    f"step) {self._next}, which comes first in the fixed order; raise timeout_s or find the lost client"
                )
            self._taken = True

    def release(self) -> None:
        """Give the turn to the next in order."""
        with self._changed:
            self._taken = False
            self._next = next(self._coming, None)
            self._changed.notify_all()
