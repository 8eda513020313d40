"""Waits round the compiled segments: of the right length, in the right place, and none where nobody asks for one."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from splitfed_core.aggregation import make_strategy
from splitfed_core.config.choice import Named
from splitfed_core.errors import UsageError
from splitfed_core.roles.fed_server import FedServer
from splitfed_core.timing.holds import StepShares
from splitfed_core.timing.pace import NO_PACE, Paces, Place, together
from splitfed_core.timing.processor_time import ProcessorTime
from splitfed_core.training.pace import (
    INJECTABLE,
    VARIABLE,
    DevicePace,
    Injection,
    pace_of,
    paced_split,
    paced_ushape,
    paced_whole,
)
from splitfed_core.wire.call import Address, Call, Kind

ARRAY = np.zeros(2, np.float32)


@dataclass
class Clock:
    """A clock that only waits."""

    time: float = 0.0
    waited: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def wait_until(self, until: float) -> None:
        self.waited.append(until - self.time)
        self.time = until

    def injection(self, place: str, share: float) -> Injection:
        return Injection(place, share, self.now, self.wait_until)


@dataclass
class Diary:
    """A pace that notes what happens."""

    events: list[str] = field(default_factory=list)

    def begin(self, client_id: int) -> None:
        self.events.append(f"begin {client_id}")

    def hold(self, place: Place, client_id: int) -> None:
        self.events.append(f"hold {place} {client_id}")

    def note(self, event: str) -> Callable[[object], np.ndarray]:
        def exchange(array: object) -> np.ndarray:
            self.events.append(event)
            return ARRAY

        return exchange


def test_without_the_variable_nothing_is_wrapped() -> None:
    def split_step(x: object, exchange: object) -> None: ...

    def ushape_step(x: object, labels: object, forward: object, backward: object) -> tuple[float, int]:
        return 0.0, 0

    def whole_step(x: object, labels: object) -> tuple[float, int]:
        return 0.0, 0

    assert pace_of({}) is NO_PACE
    assert paced_split(split_step, NO_PACE, 0) is split_step
    assert paced_ushape(ushape_step, NO_PACE, 0) is ushape_step
    assert paced_whole(whole_step, NO_PACE, 0) is whole_step


@pytest.mark.parametrize(
    "text", ["server_compute", "server_compute:10%", "server_compute:+x%", "uplink:+10%", "client_tail:+10%", "+10%"]
)
def test_what_cannot_be_read_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"write a place \(client_forward, .*, between_steps, aggregation\) and per cent"
    ):
        pace_of({VARIABLE: text})


def test_the_environment_names_the_place_and_the_share() -> None:
    pace = pace_of({VARIABLE: "server_compute:+12.5%"})
    assert isinstance(pace, Injection)
    assert (pace.place, pace.share) == ("server_compute", 0.125)


@pytest.mark.parametrize("asked", INJECTABLE)
def test_only_the_named_place_is_delayed(asked: str) -> None:
    clock = Clock()
    pace = clock.injection(asked, 0.5)
    places: tuple[Place, ...] = ("between_steps", "client_forward", "server_forward", "client_tail", "server_compute")
    for _ in range(3):
        for place in (*places, *("client_backward", "aggregation")):
            clock.time += 1
            before = clock.time
            pace.hold(place, 0)
            assert clock.time == before or place == asked
    assert clock.waited == [3.5, 3.5]


def test_the_delay_is_its_share_of_the_median_step_without_the_delays_themselves() -> None:
    clock = Clock()
    pace = clock.injection("server_compute", 0.25)
    for step_s in (0.0, 4.0, 4.0, 40.0, 4.0):  # the first is unknown; a pause between rounds counts as one of many
        clock.time += step_s
        pace.hold("server_compute", 7)
    assert clock.waited == [1, 1, 1, 1]


def test_each_client_has_a_step_of_its_own() -> None:
    clock = Clock()
    pace = clock.injection("server_compute", 0.5)
    for client_id, pause in ((0, 0.0), (1, 0.0), (0, 2.0), (1, 5.0)):
        clock.time += pause
        pace.hold("server_compute", client_id)
    assert clock.waited == [1, 4]  # others' delays are part of it: (2 + 1 + 5) / 2


def test_a_split_step_holds_its_message_and_its_end() -> None:
    diary = Diary()

    def step(x: str, exchange: Callable[[np.ndarray], np.ndarray]) -> None:
        diary.note("forward")(x)
        assert exchange(ARRAY) is ARRAY
        diary.note("update")(x)

    paced_split(step, diary, 3)("x", diary.note("message"))
    computed, due = ["begin 3", "forward", "hold client_forward 3"], ["update", "hold client_backward 3"]
    assert diary.events == [*computed, "message", "begin 3", *due]


def test_a_u_shaped_step_holds_both_messages_and_its_end() -> None:
    diary = Diary()

    def step(
        x: str, labels: np.ndarray, forward: Callable[[np.ndarray], np.ndarray], backward: Callable[..., np.ndarray]
    ) -> tuple[float, int]:
        forward(ARRAY)
        diary.note("tail")(x)
        backward(ARRAY)
        return 0.5, 2

    run = paced_ushape(step, diary, 3)
    assert run("x", ARRAY, diary.note("smashed data"), diary.note("gradient")) == (0.5, 2)
    head = ["begin 3", "hold client_forward 3", "smashed data"]
    tail = ["begin 3", "tail", "hold client_tail 3", "gradient"]
    assert diary.events == [*head, *tail, "begin 3", "hold client_backward 3"]


def test_an_unsplit_step_is_one_computation_which_is_forward_and_backward() -> None:
    diary = Diary()

    def step(x: str, labels: np.ndarray) -> tuple[float, int]:
        diary.note("step")(x)
        return 0.5, 2

    assert paced_whole(step, diary, 3)("x", ARRAY) == (0.5, 2)
    assert diary.events == ["begin 3", "step", "hold client_forward 3", "hold client_backward 3"]


@dataclass
class Device:
    """A slow device on a host that is busy: clocks that only this test moves."""

    slowdown: float
    late_by: float = 0.0
    wall: float = 0.0
    cpu: float = 0.0
    shares: StepShares = field(default_factory=lambda: StepShares(["device_s", "late_s"]))

    def __post_init__(self) -> None:
        processor = ProcessorTime(lambda: self.cpu)
        self.pace = DevicePace(lambda client_id: self.slowdown, self.shares, processor, lambda: self.wall, self.wait)

    def wait(self, due: float) -> None:
        assert due > self.wall
        self.wall = due + self.late_by

    def compute(self, cpu: float, *, stolen: float = 0.0, place: Place = "client_forward") -> float:
        began = self.wall
        self.pace.begin(3)
        self.wall += cpu + stolen
        self.cpu += cpu
        self.pace.hold(place, 3)
        return self.wall - began


def test_a_device_takes_its_multiple_of_the_processor_time() -> None:
    device = Device(slowdown=4)
    assert device.compute(0.5) == 2.0
    assert device.shares.take(3) == {"device_s": 1.5, "late_s": 0.0}


def test_what_neighbours_take_of_the_core_is_not_multiplied() -> None:
    device = Device(slowdown=4)
    assert device.compute(0.5, stolen=0.25) == 2.0
    assert device.shares.take(3) == {"device_s": 1.25, "late_s": 0.0}


def test_what_the_host_could_not_make_up_for_is_late() -> None:
    device = Device(slowdown=4)
    assert device.compute(0.5, stolen=2.0) == 2.5
    assert device.shares.take(3) == {"device_s": 0.0, "late_s": 0.5}


def test_a_hold_that_lasts_too_long_is_late_by_that() -> None:
    device = Device(slowdown=2, late_by=0.125)
    device.compute(0.5)
    device.compute(0.25)
    assert device.shares.take(3) == {"device_s": 0.75 + 0.25, "late_s": 0.25}


def test_at_the_speed_of_the_host_nothing_is_held_and_late_is_what_was_not_computing() -> None:
    device = Device(slowdown=1)
    assert device.compute(0.5, stolen=0.25) == 0.75
    assert device.shares.take(3) == {"device_s": 0.0, "late_s": 0.25}


def test_a_hold_without_a_computation_and_one_after_a_failure_wait_for_nothing_of_before() -> None:
    device = Device(slowdown=4)
    device.pace.hold("between_steps", 3)
    device.pace.begin(3)  # and it raises
    device.wall, device.cpu = 7.0, 7.0
    assert device.compute(0.5) == 2.0
    device.pace.hold("client_backward", 3)
    assert device.wall == 9.0


def test_a_slow_device_and_a_delay_put_into_its_step_come_one_after_the_other() -> None:
    diaries = Diary(), Diary()
    events = diaries[0].events = diaries[1].events
    pace = together(diaries[0], NO_PACE, diaries[1])
    pace.begin(1)
    pace.hold("server_compute", 1)
    assert events == ["begin 1", "begin 1", "hold server_compute 1", "hold server_compute 1"]
    assert isinstance(pace, Paces)
    assert pace.paces == diaries
    assert together(NO_PACE, NO_PACE) is NO_PACE
    assert together(NO_PACE, diaries[0]) is diaries[0]


def test_the_delay_of_a_slow_step_is_a_share_of_the_slow_step() -> None:
    device = Device(slowdown=4)
    delay = Injection("client_forward", 0.5, lambda: device.wall, device.wait)
    device.pace = together(device.pace, delay)  # type: ignore[assignment]  # a stand-in
    assert [device.compute(0.5) for _ in range(3)] == [2.0, 3.0, 3.0]  # the first step's length nobody knows


def test_the_fed_server_delays_the_aggregation_by_a_share_of_the_round() -> None:
    clock = Clock()
    pace = clock.injection("aggregation", 0.5)
    server = FedServer(2, make_strategy(Named(name="fedavg")), [ARRAY], 1.0, pace)
    for round_ in range(3):
        for client_id in ((0, 1), (1, 0), (0, 1))[round_]:  # another one is the last, and it is one delay for all that
            clock.time += 5.0
            server.push(Call(Kind.PUSH_MODEL, Address(client_id, round_), (np.ones(2, np.float32),), 1))
    assert clock.waited == [5, 5]
