"""Waiting without burning a core, and the emulated shares of a step."""

from dataclasses import dataclass, field

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
        self.time += seconds + 1e-4


def test_a_wait_is_slept_but_for_its_end() -> None:
    clock = Clock()
    wait_until(1.0, clock.now, clock.sleep)
    assert len(clock.slept) == 1
    assert 1.0 <= clock.time < 1.0 + 2e-5
    assert clock.reads < 20  # 0.1 ms of reading the clock, not a second


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
