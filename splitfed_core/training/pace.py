"""A known delay put into one place of every step or round, to prove that a gate sees it and names it (`docs/gate.md`).

Hidden: the environment of the processes switches it on, `SFBENCH_INJECT=server_compute:+10%`; it changes no result.
"""

import os
import re
from collections import defaultdict, deque
from collections.abc import Callable
from statistics import median
from time import perf_counter

from splitfed_core.errors import UsageError

VARIABLE = "SFBENCH_INJECT"
PLACES = ("client_forward", "server_compute", "client_backward", "between_steps", "aggregation")

_RECENT = 32

Delay = Callable[[int], None]
"""Called with the number of the client whose step it is."""


def no_delay(client_id: int) -> None:
    """Do not wait."""


class StepShare:
    """Waits for a share of the step: of the median time from the end of a client's delay to its next one.

    Where there is one delay in a round, that is a share of the round. It is the step where each client has a process of
    its own; where clients take turns it holds those of others too.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._ended: dict[int, float] = {}
        self._steps: defaultdict[int, deque[float]] = defaultdict(lambda: deque(maxlen=_RECENT))

    def __call__(self, client_id: int) -> None:
        """Wait, busily as a computation would be; a client's first step, whose length nobody knows, is left alone."""
        now = perf_counter()
        if client_id in self._ended:
            self._steps[client_id].append(now - self._ended[client_id])
            until = now + self._share * median(self._steps[client_id])
            while perf_counter() < until:
                pass
        self._ended[client_id] = perf_counter()


def delay_of(place: str) -> Delay:
    """Return the delay that the environment asks for in this place.

    Raises:
        UsageError: The variable has another form, or names no place that can be delayed.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return no_delay
    asked = re.fullmatch(r"(\w+):\+(\d+(?:\.\d+)?)%", text)
    if not asked or asked[1] not in PLACES:
        raise UsageError(
            f"{VARIABLE}={text}: write a place ({', '.join(PLACES)}) and per cent of the step, for aggregation of the"
            " round: server_compute:+10%"
        )
    return StepShare(float(asked[2]) / 100) if asked[1] == place else no_delay
