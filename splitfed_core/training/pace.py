"""The paces there are (`timing.pace` says what one is), and how they are put round the compiled segments.

`DevicePace` makes a participant as slow as another device. `Injection` puts a known delay into one place of every step
or round, to prove that a gate sees it and names it (`docs/gate.md`); it is hidden: the environment of the processes
switches it on, `SFBENCH_INJECT=server_compute:+10%`. Neither changes a result, and `together` has both.
"""

import os
import re
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter
from typing import TypeAlias, TypeVar

from splitfed_core.arrays import Array
from splitfed_core.errors import UsageError
from splitfed_core.timing.holds import StepShares, wait_until
from splitfed_core.timing.pace import NO_PACE, Pace, Place
from splitfed_core.timing.processor_time import ProcessorTime

VARIABLE = "SFBENCH_INJECT"
INJECTABLE = ("client_forward", "server_compute", "client_backward", "between_steps", "aggregation")
"""The places of which every step, or round, has one at most."""

_RECENT = 32

X = TypeVar("X")
Exchange: TypeAlias = Callable[[Array], Array]
SplitCall: TypeAlias = Callable[[X, Exchange], None]
UShapeCall: TypeAlias = Callable[[X, Array, Exchange, Exchange], tuple[float, int]]
WholeCall: TypeAlias = Callable[[X, Array], tuple[float, int]]


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


class DevicePace:
    """Holds what was computed until a device so many times as slow as this host would have computed it.

    That is `slowdown` times its own processor time after it began: what neighbours on the core took from it meanwhile
    is not multiplied, and is over before the device would be done. Where it is not, or where nothing is slowed, that
    is the lateness, as is whatever a hold lasts too long.
    """

    def __init__(
        self,
        slowdown: Callable[[int], float],
        shares: StepShares,
        processor: ProcessorTime,
        now: Callable[[], float] = perf_counter,
        wait: Callable[[float], None] = wait_until,
    ) -> None:
        """Set the pace.

        Args:
            slowdown: Of the device of each client, or of the server for each; 1 holds nothing, and notes lateness.
            shares: Take what was held and how late that was.
            processor: Of this process.
            now: The clock.
            wait: Returns when the clock says so.
        """
        self._slowdown, self._shares, self._processor = slowdown, shares, processor
        self._now, self._wait = now, wait
        self._begun: dict[int, tuple[float, float]] = {}

    def begin(self, client_id: int) -> None:
        """Note when it began; a computation that raised had no end."""
        if (failed := self._begun.pop(client_id, None)) is not None:
            self._processor.end(failed[1])
        self._begun[client_id] = self._now(), self._processor.begin()

    def hold(self, place: Place, client_id: int) -> None:
        """Wait until it is due."""
        begun = self._begun.pop(client_id, None)
        if begun is None:
            return
        started, mark = begun
        slowdown = self._slowdown(client_id)
        due = started + slowdown * self._processor.end(mark)
        ended = computed = self._now()
        if slowdown > 1 and computed < due:
            self._wait(due)
            ended = self._now()
        self._shares.add(client_id, "device_s", ended - computed)
        self._shares.add(client_id, "late_s", max(ended - due, 0.0))


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
