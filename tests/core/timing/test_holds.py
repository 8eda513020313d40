"""Waiting without burning a core, and the emulated shares of a step."""

import sys
from concurrent.futures import ThreadPoolExecutor
from ctypes import CDLL
from dataclasses import dataclass, field

import pytest

from splitfed_core.timing.holds import StepShares, wait_until


@dataclass
class Clock:
    """A clock that a sleeper oversleeps, and that moves a little whenever it is read."""

    time: float = 0.0
    slept: list[float] = field(default_factory=list)
    reads: int = 0

    def now(self) -> float:
        self.reads += 1
        self.time += 1e-5
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds + 2e-5


def test_a_wait_is_slept_but_for_its_end() -> None:
    clock = Clock()
    wait_until(1.0, clock.now, clock.sleep)
    assert len(clock.slept) == 1
    assert 1.0 <= clock.time < 1.0 + 2e-5
    assert clock.reads < 25  # 0.2 ms of reading the clock at most, not a second


@pytest.mark.skipif(sys.platform != "linux", reason="the timer slack is Linux'")
def test_a_thread_that_waits_asks_to_be_woken_on_time() -> None:
    def slack_ns() -> tuple[int, int]:
        prctl = CDLL(None).prctl
        prctl(29, 60_000, 0, 0, 0)  # PR_SET_TIMERSLACK: a thread inherits that of who starts it
        before = prctl(30, 0, 0, 0, 0)
        wait_until(1.0, iter([0.0, 1.0]).__next__, lambda _: None)
        return before, prctl(30, 0, 0, 0, 0)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(slack_ns).result() == (60_000, 1_000)


def test_what_is_due_is_not_waited_for() -> None:
    clock = Clock(2.0)
    wait_until(1.0, clock.now, clock.sleep)
    assert (clock.slept, clock.reads) == ([], 1)


def test_the_shares_of_a_step_add_up_and_are_taken_once() -> None:
    shares = StepShares(["device_s", "late_s"])
    for seconds in (0.25, 0.5):
        shares.add(3, "device_s", seconds)
    shares.add(4, "late_s", 0.125)
    shares.add(3, "link_uplink_s", 1.0)  # of no link: it stays empty
    assert shares.take(3) == {"device_s": 0.75, "late_s": 0.0}
    assert shares.take(3) == {"device_s": 0.0, "late_s": 0.0}
    assert shares.take(4) == {"device_s": 0.0, "late_s": 0.125}


def test_where_nothing_is_emulated_there_are_no_shares() -> None:
    shares = StepShares()
    shares.add(0, "late_s", 1.0)
    assert shares.take(0) == {}
