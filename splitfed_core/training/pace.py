"""How long computing takes beyond its own time: one seam round the compiled segments, at both sides of the cut.

Whatever slows a participant waits here, and each wait ends inside the phase that it slows: the client's forward pass
before its message leaves, its backward pass after the update, the server's step inside its turn, so that others queue
behind it. A layer round an exchange could do none of that: it sees messages, which are sent when computing is over.

Today one thing waits: `Injection`, a known delay put into one place of every step or round, to prove that a gate sees
it and names it (`docs/gate.md`). Hidden: the environment of the processes switches it on,
`SFBENCH_INJECT=server_compute:+10%`; it changes no result.
"""

import os
import re
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter
from typing import Literal, Protocol, TypeAlias, TypeVar

from splitfed_core.arrays import Array
from splitfed_core.errors import UsageError

VARIABLE = "SFBENCH_INJECT"
INJECTABLE = ("client_forward", "server_compute", "client_backward", "between_steps", "aggregation")
"""The places of which every step, or round, has one at most."""

_RECENT = 32

Place: TypeAlias = Literal[
    "client_forward",
    "server_forward",  # of the body; its backward pass is `server_compute`
    "client_tail",
    "server_compute",
    "client_backward",
    "between_steps",
    "aggregation",
]
"""What was computed; a u-shaped step has all of the first five, an unsplit one is the client's forward and backward."""

X = TypeVar("X")
Exchange: TypeAlias = Callable[[Array], Array]
SplitCall: TypeAlias = Callable[[X, Exchange], None]
UShapeCall: TypeAlias = Callable[[X, Array, Exchange, Exchange], tuple[float, int]]
WholeCall: TypeAlias = Callable[[X, Array], tuple[float, int]]


class Pace(Protocol):
    """Told when a computation for a client begins and ends; it may hold its end back."""

    def begin(self, client_id: int) -> None:
        """Note that a computation for this client begins."""
        ...

    def hold(self, place: Place, client_id: int) -> None:
        """Return when what has just been computed is due; without a `begin` since the last one, it took no time."""
        ...


class _NoPace:
    """Everything is due when it is computed."""

    def begin(self, client_id: int) -> None:
        """Note nothing."""

    def hold(self, place: Place, client_id: int) -> None:
        """Do not wait."""


NO_PACE: Pace = _NoPace()


def wait_busily(until: float) -> None:
    """Wait as a computation would: busily."""
    while perf_counter() < until:
        pass


class Injection:
    """Waits in one place for a share of the step: of the median time from the end of a client's wait to its next one.

    Where there is one wait in a round, that is a share of the round. It is the step where each client has a process of
    its own; where clients take turns it holds those of others too.
    """

    def __init__(
        self,
        place: str,
        share: float,
        now: Callable[[], float] = perf_counter,
        wait_until: Callable[[float], None] = wait_busily,
    ) -> None:
        self.place, self.share = place, share
        self._now, self._wait_until = now, wait_until
        self._ended: dict[int, float] = {}
        self._steps: defaultdict[int, deque[float]] = defaultdict(lambda: deque(maxlen=_RECENT))

    def begin(self, client_id: int) -> None:
        """Note nothing: the share is one of the whole step."""

    def hold(self, place: Place, client_id: int) -> None:
        """Wait, if this is the place; a client's first step, whose length nobody knows, is left alone."""
        if place != self.place:
            return
        now = self._now()
        if client_id in self._ended:
            self._steps[client_id].append(now - self._ended[client_id])
            self._wait_until(now + self.share * median(self._steps[client_id]))
        self._ended[client_id] = self._now()


def pace_of(environment: Mapping[str, str] = os.environ) -> Pace:
    """Return the pace of a participant of a cell.

    Raises:
        UsageError: The variable has another form, or names no place that can be delayed.
    """
    text = environment.get(VARIABLE)
    if not text:
        return NO_PACE
    asked = re.fullmatch(r"(\w+):\+(\d+(?:\.\d+)?)%", text)
    if not asked or asked[1] not in INJECTABLE:
        raise UsageError(
            f"{VARIABLE}={text}: write a place ({', '.join(INJECTABLE)}) and per cent of the step, for aggregation of"
            " the round: server_compute:+10%"
        )
    return Injection(asked[1], float(asked[2]) / 100)


def paced_split(step: SplitCall[X], pace: Pace, client_id: int) -> SplitCall[X]:
    """Return a client's step at its pace; the very same one where nothing slows it."""
    if pace is NO_PACE:
        return step

    def run(x: X, exchange: Exchange) -> None:
        pace.begin(client_id)
        step(x, _due(exchange, pace, "client_forward", client_id))
        pace.hold("client_backward", client_id)

    return run


def paced_ushape(step: UShapeCall[X], pace: Pace, client_id: int) -> UShapeCall[X]:
    """Return a client's u-shaped step at its pace; the very same one where nothing slows it."""
    if pace is NO_PACE:
        return step

    def run(x: X, labels: Array, forward: Exchange, backward: Exchange) -> tuple[float, int]:
        pace.begin(client_id)
        result = step(
            x,
            labels,
            _due(forward, pace, "client_forward", client_id),
            _due(backward, pace, "client_tail", client_id),
        )
        pace.hold("client_backward", client_id)
        return result

    return run


def paced_whole(step: WholeCall[X], pace: Pace, client_id: int) -> WholeCall[X]:
    """Return a step of the unsplit model at its pace; the very same one where nothing slows it."""
    if pace is NO_PACE:
        return step

    def run(x: X, labels: Array) -> tuple[float, int]:
        pace.begin(client_id)
        result = step(x, labels)
        pace.hold("client_forward", client_id)  # one computation, which is both
        pace.hold("client_backward", client_id)
        return result

    return run


def _due(exchange: Exchange, pace: Pace, place: Place, client_id: int) -> Exchange:
    """Return an exchange whose message leaves when the computation before it is due."""

    def held(array: Array) -> Array:
        pace.hold(place, client_id)
        answer = exchange(array)
        pace.begin(client_id)
        return answer

    return held
