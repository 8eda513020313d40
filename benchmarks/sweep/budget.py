"""How long a sweep may take: no cell is begun that would end later."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from time import monotonic


@dataclass
class Budget:
    """The time of one command, the start of its processes included.

    Attributes:
        limit_s: Of all of it; None: as long as it takes.
        clock: Tells the time, s.
    """

    limit_s: float | None
    clock: Callable[[], float] = monotonic

    def __post_init__(self) -> None:
        self._began = self.clock()
        self._took: defaultdict[str, list[float]] = defaultdict(list)

    def fits(self, cell_id: str) -> bool:
        """Whether a cell would end in time, as far as that can be known; once the time is over none does."""
        left_s = float("inf") if self.limit_s is None else self.limit_s - (self.clock() - self._began)
        return left_s > 0 and self._expected_s(cell_id) <= left_s

    def learn(self, cell_id: str, took_s: float) -> None:
        """Take what a repeat of a cell took."""
        self._took[cell_id].append(took_s)

    @contextmanager
    def timed(self, cell_id: str) -> Iterator[None]:
        """Learn from what is done within."""
        began = self.clock()
        yield
        self.learn(cell_id, self.clock() - began)

    def _expected_s(self, cell_id: str) -> float:
        """Return what this very cell took, or else what the others took; 0 where there was none yet."""
        known = [fmean(self._took[cell_id])] if cell_id in self._took else list(map(fmean, self._took.values()))
        return fmean(known) if known else 0.0
