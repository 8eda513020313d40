"""Who gets which model when: exact orders of arrival, no clocks."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from time import sleep

import pytest

from splitfed_core.errors import StragglerError
from splitfed_core.roles.step_order import ArrivalTurns, FixedTurns

Ask = Callable[[int], Future[int]]


@pytest.fixture
def arrive() -> Callable[[ArrivalTurns], Ask]:
    """Let clients ask from threads of their own, each only when the one before it waits or has its turn."""

    def to(turns: ArrivalTurns) -> Ask:
        def ask(client: int) -> Future[int]:
            waiting, asked = len(turns), Future[int]()
            Thread(target=lambda: asked.set_result(turns.acquire(0, client, 0)), daemon=True).start()
            while not asked.done() and len(turns) == waiting:
                sleep(0)
            return asked

        return ask

    return to


def test_clients_get_the_turn_in_the_order_of_their_arrival(arrive: Callable[[ArrivalTurns], Ask]) -> None:
    turns, order = ArrivalTurns(), [3, 0, 2, 1, 4, 7, 5, 6]
    ask = arrive(turns)
    assert ask(9).result(5) == 0
    asked = {client: ask(client) for client in order}
    for client in order:
        assert not any(call.done() for call in asked.values())
        turns.release(0)
        assert asked.pop(client).result(5) == 0


def test_nobody_overtakes_who_waits(arrive: Callable[[ArrivalTurns], Ask]) -> None:
    turns = ArrivalTurns()
    ask = arrive(turns)
    ask(0).result(5)
    waits = ask(1)
    turns.release(0)
    again = ask(0)  # at once, as a thread does that has never slept: `threading.Lock` would let it in
    assert waits.result(5) == 0
    assert not again.done()


def test_the_free_model_is_taken_whoever_the_client_is(arrive: Callable[[ArrivalTurns], Ask]) -> None:
    turns = ArrivalTurns(2)
    ask = arrive(turns)
    assert [ask(client).result(5) for client in (0, 2)] == [0, 1]  # by id modulo 2 both had the first, one waiting
    waits = ask(4)
    turns.release(1)
    assert waits.result(5) == 1


def test_a_client_comes_back_to_its_model_when_that_is_free(arrive: Callable[[ArrivalTurns], Ask]) -> None:
    turns = ArrivalTurns(3)
    ask = arrive(turns)
    for client in range(3):
        ask(client).result(5)
    for model in (2, 0, 1):
        turns.release(model)
    assert [ask(client).result(5) for client in (1, 5, 0)] == [1, 2, 0]  # a stranger takes what is free for longest


def test_a_client_has_one_turn_at_a_time_and_lets_others_pass_meanwhile(
    arrive: Callable[[ArrivalTurns], Ask],
) -> None:
    turns = ArrivalTurns(2)
    ask = arrive(turns)
    ask(0).result(5)
    again, other = ask(0), ask(1)
    assert (other.result(5), again.done()) == (1, False)
    turns.release(0)
    assert again.result(5) == 0


def test_in_fixed_order_what_comes_aside_waits_for_the_step_and_moves_no_turn() -> None:
    turns = FixedTurns(lambda round: iter([(0, 0), (1, 0)]), deadline_s=0.2)
    turns.acquire(0, 0, 0)
    with pytest.raises(StragglerError, match=r"\(client, step\) \(0, 0\) kept the main server for 0.2 s"):
        turns.acquire_aside(1)
    turns.release(0)
    turns.acquire_aside(0)
    turns.release(0)
    assert turns.acquire(0, 1, 0) == 0
