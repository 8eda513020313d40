"""Waits round the compiled segments: of the right length, in the right place, and none where nobody asks for one."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from splitfed_core.aggregation import make_strategy
from splitfed_core.config.choice import Named
from splitfed_core.errors import UsageError
from splitfed_core.roles.fed_server import FedServer
from splitfed_core.training.pace import (
    INJECTABLE,
    NO_PACE,
    VARIABLE,
    Injection,
    Place,
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


def test_the_fed_server_delays_the_aggregation_by_a_share_of_the_round() -> None:
    clock = Clock()
    pace = clock.injection("aggregation", 0.5)
    server = FedServer(2, make_strategy(Named(name="fedavg")), [ARRAY], 1.0, pace)
    for round_ in range(3):
        for client_id in ((0, 1), (1, 0), (0, 1))[round_]:  # another one is the last, and it is one delay for all that
            clock.time += 5.0
            server.push(Call(Kind.PUSH_MODEL, Address(client_id, round_), (np.ones(2, np.float32),), 1))
    assert clock.waited == [5, 5]
