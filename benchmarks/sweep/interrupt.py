"""Ctrl-C: once ends the running cell at the end of its round, twice ends it now."""

import signal
from collections.abc import Callable
from types import FrameType
from typing import Self

Handler = Callable[[int, FrameType | None], object] | int | None
"""What the system does with a signal: calls something, or one of its own ways."""


class Interrupt:
    """A context in which the first SIGINT waits for the round and everything else raises `KeyboardInterrupt`.

    Args:
        announce: Called with a line that tells the user what happens next.
    """

    def __init__(self, announce: Callable[[str], None]) -> None:
        self.requested = False
        self._announce = announce
        self._in_rounds = False
        self._before: dict[signal.Signals, Handler] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *failure: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def begin_cell(self) -> None:
        """Note that a cell begins; while it is being set up there is no round to wait for."""
        self._in_rounds = False

    def end_round(self) -> None:
        """Note that a round has ended and its rows are safe; the place to stop at."""
        self._in_rounds = True
        if self.requested:
            raise KeyboardInterrupt

    def _receive(self, number: int, frame: FrameType | None) -> None:
        wait = self._in_rounds and not self.requested and number == signal.SIGINT
        self.requested = True
        if not wait:
            raise KeyboardInterrupt
        self._announce("stopping at the end of this round; press Ctrl-C again to stop now")
