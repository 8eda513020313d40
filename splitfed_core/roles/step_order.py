"""Whose turn it is at the main server, and at which of its models: in order of arrival, or in a fixed order.

When a turn ends: a turn lasts from the moment its step may compute to the end of its update, and the update comes
after the reply. The gradient of the smashed data does not depend on the server's own update, so the client gets its
reply, and goes on, while the server still holds the turn; the next step at this model begins when its weights are the
new ones. The turn is therefore ended by another thread than the one that began it (the optimizer's, see
`main_server.ServerModel`), and belongs to none. A step that fails before its update ends its turn itself. A u-shaped
step in a fixed order keeps its turn across both of its exchanges; in order of arrival it takes one for each, and others
may come between. Whatever else uses a model (evaluation, averaging) takes a turn too, outside of the order.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from splitfed_core.errors import StragglerError


class Turns(Protocol):
    """A lock around each of a server's models, which are numbered; it may care who asks."""

    def acquire(self, round: int, client_id: int, step: int) -> int:
        """Wait for the turn of this step; returns the number of its model."""
        ...

    def acquire_aside(self, client_id: int | None) -> int:
        """Wait for a model outside of the order, for a client or for nobody; returns its number."""
        ...

    def release(self, model: int) -> None:
        """Give the turn at this model to the next; any thread may."""
        ...


@dataclass(slots=True, eq=False)
class _Waiting:
    """Somebody in the queue; `model` is theirs when `called` is set."""

    client_id: int | None
    called: threading.Event = field(default_factory=threading.Event)
    model: int = -1


class ArrivalTurns:
    """First come, first served, at whichever model is free: at the one where the client was last, if that is.

    A client has one turn at a time: whoever waits for the end of their own last one lets others pass.
    """

    def __init__(self, models: int = 1) -> None:
        self._lock = threading.Lock()  # held for moments only
        self._queue: deque[_Waiting] = deque()
        self._free = list(range(models))  # the one that has been free for longest first
        self._busy: dict[int, int | None] = {}  # the client at each of the other models
        self._last: dict[int, int | None] = {}  # who was last at a model

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._queue)

    def acquire(self, round: int, client_id: int, step: int) -> int:
        """Wait for everybody who came before."""
        return self.acquire_aside(client_id)

    def acquire_aside(self, client_id: int | None) -> int:
        """Wait for everybody who came before; there is no other order."""
        waiting = _Waiting(client_id)
        with self._lock:
            self._queue.append(waiting)
            self._call()
        waiting.called.wait()
        return waiting.model

    def release(self, model: int) -> None:
        """Hand the model to the first in the queue, so that nobody can come in between."""
        with self._lock:
            self._last[model] = self._busy.pop(model)
            self._free.append(model)
            self._call()

    def _call(self) -> None:
        """Give the free models to those who wait, in the order of their arrival."""
        for waiting in list(self._queue):
            if not self._free:
                return
            client = waiting.client_id
            if client is not None and client in self._busy.values():
                continue
            waiting.model = next((model for model in self._free if self._last.get(model) == client), self._free[0])
            self._free.remove(waiting.model)
            self._busy[waiting.model] = client
            self._queue.remove(waiting)
            waiting.called.set()


class FixedTurns:
    """One step after the other in a given order, whenever their messages come. Of one model, whose number is 0."""

    def __init__(self, order: Callable[[int], Iterator[tuple[int, int]]], deadline_s: float) -> None:
        """Follow `order(round)`, which yields (client, step); nobody waits longer than the deadline."""
        self._order = order
        self._deadline_s = deadline_s
        self._changed = threading.Condition()
        self._round = -1
        self._coming: Iterator[tuple[int, int]] = iter(())
        self._next: tuple[int, int] | None = None
        self._taken = self._aside = False

    def acquire(self, round: int, client_id: int, step: int) -> int:
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
        return 0

    def acquire_aside(self, client_id: int | None) -> int:
        """Wait until no step is under way; whose turn comes next does not change.

        Raises:
            StragglerError: A step was under way for too long.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self._taken, self._deadline_s):
                raise StragglerError(
                    f"round {self._round}: (client, step) {self._next} kept the main server for {self._deadline_s:g} "
                    "s; raise timeout_s or find the lost client"
                )
            self._taken = self._aside = True
        return 0

    def release(self, model: int) -> None:
        """Give the turn to the next in order."""
        with self._changed:
            if not self._aside:
                self._next = next(self._coming, None)
            self._taken = self._aside = False
            self._changed.notify_all()
