import pytest

from splitfed_core.timing.links import Link
from splitfed_core.timing.queues import Channel


def uplink(link: Link, client: int = 0) -> Channel:
    return Channel(link, "uplink", seed=7, client=client)


def test_messages_of_one_client_and_direction_queue_behind_one_another() -> None:
    channel = uplink(Link(uplink_bps=8000, delay_s=2, overhead=1))
    assert channel.passage(10, 3000, "step", 0, 0) == (10, 13, 15)
    assert channel.passage(11, 1000, "step", 0, 1) == (13, 14, 16)
    assert channel.passage(20, 1000, "step", 0, 2) == (20, 21, 23)


def test_a_message_takes_its_frames_on_the_line() -> None:
    assert uplink(Link(uplink_bps=8 * 1514)).passage(0, 1448, "step", 0, 0).free_s == pytest.approx(1, rel=1e-15)


def test_a_loopback_costs_nothing() -> None:
    assert uplink(Link()).passage(5, 10**9, "step", 0, 0) == (5, 5, 5)
