from itertools import pairwise, permutations
from math import ceil, sqrt
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as some

from splitfed_core.timing.links import Link, Tcp
from splitfed_core.timing.queues import Channel, SlowStart
from splitfed_core.timing.traces import Trace


def uplink(link: Link, client: int = 0, epoch_s: float = 0.0) -> Channel:
    return Channel(link, "uplink", seed=7, client=client, epoch_s=epoch_s)


def test_messages_of_one_client_and_direction_queue_behind_one_another() -> None:
    channel = uplink(Link(uplink_bps=8000, delay_s=2, overhead=1))
    assert channel.passage(10, 3000, "step", 0, 0) == (10, 13, 15)
    assert channel.passage(11, 1000, "step", 0, 1) == (13, 14, 16)
    assert channel.passage(20, 1000, "step", 0, 2) == (20, 21, 23)


def test_a_message_takes_its_frames_on_the_line() -> None:
    assert uplink(Link(uplink_bps=8 * 1514)).passage(0, 1448, "step", 0, 0).free_s == pytest.approx(1, rel=1e-15)


def test_each_direction_has_its_own_rate() -> None:
    link = Link(uplink_bps=8, downlink_bps=16, overhead=1)
    back = Channel(link, "downlink", seed=7, client=0)
    assert (uplink(link).passage(0, 4, "step", 0, 0).free_s, back.passage(0, 4, "step", 0, 0).free_s) == (4, 2)


def test_a_loopback_costs_nothing() -> None:
    assert uplink(Link()).passage(5, 10**9, "step", 0, 0) == (5, 5, 5)


@given(some.lists(some.tuples(some.floats(0, 10), some.integers(0, 10**6)), min_size=1, max_size=20))
def test_no_more_leaves_than_the_rate_carries_and_nothing_overtakes(messages: list[tuple[float, int]]) -> None:
    channel = uplink(Link(uplink_bps=1e6, delay_s=0.01, jitter_s=0.1))
    passages = [channel.passage(sent, size, "step", 0, i) for i, (sent, size) in enumerate(sorted(messages))]
    assert all(a.free_s <= b.begin_s and a.delivered_s <= b.delivered_s for a, b in pairwise(passages))
    bits = sum(8 * size * channel.link.overhead for _, size in messages)
    assert bits <= 1e6 * (passages[-1].free_s - passages[0].begin_s) * (1 + 1e-12) + 1e-6
    assert all(p.delivered_s >= p.free_s for p in passages)


def test_jitter_is_uniform_about_the_delay() -> None:
    channel = uplink(Link(delay_s=0.05, jitter_s=0.02))
    late = [channel.passage(10 * i, 8, "step", 0, i).delivered_s - 10 * i for i in range(2000)]
    assert 0.03 <= min(late) < 0.0302
    assert 0.0698 < max(late) <= 0.07
    assert fmean(late) == pytest.approx(0.05, abs=5 * 0.02 / sqrt(3 * 2000))


def test_jitter_beyond_the_delay_brings_no_message_before_it_was_sent() -> None:
    channel = uplink(Link(delay_s=0.01, jitter_s=0.1))
    assert min(channel.passage(i, 8, "step", 0, i).delivered_s - i for i in range(200)) == 0


def test_draws_do_not_depend_on_the_order_of_messages() -> None:
    link = Link(uplink_bps=1e9, delay_s=1, jitter_s=0.5, loss=0.2)
    calls = [("step", 0, 0), ("step", 0, 1), ("push", 0, 0), ("step", 1, 0)]
    drawn = []
    for order in permutations(calls):
        channel = uplink(link)
        drawn.append({call: channel.flow(0, 10_000, *call) for call in order})
    assert all(each == drawn[0] for each in drawn)
    assert len({flow.after_s for flow in drawn[0].values()}) == len(calls)


def test_clients_and_directions_draw_apart() -> None:
    link = Link(delay_s=1, jitter_s=0.5)
    flows = [uplink(link, client).flow(0, 8, "step", 0, 0) for client in (0, 1)]
    flows.append(Channel(link, "downlink", seed=7, client=0).flow(0, 8, "step", 0, 0))
    assert len({flow.after_s for flow in flows}) == 3


@pytest.mark.parametrize(("loss", "packets"), [(0.02, 50), (0.3, 3), (0.5, 1)])
def test_losses_repeat_as_many_packets_as_expected(loss: float, packets: int) -> None:
    draws = 4000
    channel = uplink(Link(delay_s=0.5, loss=loss, overhead=1))
    flows = [channel.flow(0, 1448 * packets, "step", 0, step) for step in range(draws)]
    repeated = [flow.wire_bits / (8 * 1448) - packets for flow in flows]
    spread = sqrt(packets * loss) / (1 - loss)  # of the sum of `packets` geometric numbers
    assert fmean(repeated) == pytest.approx(packets * loss / (1 - loss), abs=5 * spread / sqrt(draws))
    trips = [flow.after_s - 0.5 for flow in flows]  # a round trip is 1 s
    expected = sum(1 - (1 - loss**k) ** packets for k in range(1, 200))  # of the largest of them
    assert fmean(trips) == pytest.approx(expected, abs=5 * 2 / sqrt(draws))


def test_a_message_smaller_than_a_packet_repeats_no_more_than_itself() -> None:
    channel = uplink(Link(delay_s=0.5, loss=0.9, overhead=1))
    flow = channel.flow(0, 100, "step", 0, 0)
    assert flow.wire_bits == 800 * (1 + round(flow.after_s - 0.5))


def test_a_message_without_bytes_takes_the_delay_and_loses_nothing() -> None:
    link = Link(uplink_bps=1e3, delay_s=0.5, loss=0.9, tcp=Tcp())
    assert uplink(link).passage(1, 0, "end_round", 0, 0) == (1, 1, 1.5)


TRACE = Trace((1, 1, 3, 10))  # 4 × 1,504 bytes in each 10 ms


def test_a_trace_is_replayed_exactly_and_wraps_round() -> None:
    channel = uplink(Link(trace=(TRACE, TRACE), overhead=1), epoch_s=100)
    times = [channel.passage(100, 1504, "step", 0, i).free_s for i in range(9)]
    assert times == [100 + ms / 1e3 for ms in (1, 1, 3, 10, 11, 11, 13, 20, 21)]


def test_an_opportunity_at_which_nothing_waits_is_lost() -> None:
    channel = uplink(Link(trace=(TRACE, TRACE), overhead=1))
    assert channel.passage(0.0015, 1504, "step", 0, 0).free_s == 0.003
    assert channel.passage(0.0205, 3 * 1504, "step", 0, 1).free_s == 0.023


def test_what_a_packet_leaves_over_goes_to_the_message_behind_it_if_that_waits() -> None:
    waits, comes_later = (uplink(Link(trace=(TRACE, TRACE), overhead=1)) for _ in range(2))
    assert [waits.passage(0, size, "step", 0, size).free_s for size in (4, 1500, 1504)] == [0.001, 0.001, 0.001]
    assert comes_later.passage(0, 4, "step", 0, 0).free_s == 0.001
    assert comes_later.passage(0.0011, 1500, "step", 0, 1).free_s == 0.003


def test_a_trace_shorter_than_a_message_goes_round_as_often_as_it_takes() -> None:
    short = Trace((1,))  # 1,504 bytes in every millisecond
    channel = uplink(Link(trace=(short, short), overhead=1))
    assert channel.passage(0, 10**8, "step", 0, 0).free_s == ceil(10**8 / 1504) / 1e3


def test_a_trace_counts_a_full_packet_as_one() -> None:
    traced = Link(trace=(TRACE, TRACE), overhead=1504 / 1448)
    assert uplink(traced).passage(0, 2 * 1448, "step", 0, 0).free_s == 0.001


def test_a_trace_is_replayed_the_same_at_any_hour_of_the_clock() -> None:
    for epoch_s in (0.1, 12345.678, 987654.321):
        channel = uplink(Link(trace=(TRACE, TRACE), overhead=1), epoch_s=epoch_s)
        times = [channel.passage(epoch_s, 752, "step", 0, i).free_s for i in range(200)]
        assert times == [epoch_s + TRACE.time_s(i // 2) for i in range(200)]


def test_slow_start_by_hand() -> None:
    """11 MB at 1 Gbit/s: nine windows of 14,600 · 2ᵏ bytes take nine round trips, the last 3.5 MB the full rate."""
    for delay_s, trips in ((0.025, 9), (0.05, 9)):
        start = SlowStart(1e9, 2 * delay_s, overhead=1, tcp=Tcp())
        rest = 11_000_000 - 14_600 * (2**9 - 1)
        assert start(0, 11_000_000) == pytest.approx(trips * 2 * delay_s + 8 * rest / 1e9, rel=1e-12)
    assert 9 * 0.05 + 8 * rest / 1e9 - 0.088 == pytest.approx(0.39, abs=0.001)


def test_a_window_goes_on_where_it_was_and_begins_anew_after_a_pause() -> None:
    start = SlowStart(8e9, 0.1, overhead=1, tcp=Tcp(initial_window=1))
    first = start(0, 1460 + 2920 + 100)  # two round trips, then a window of 5,840 with 100 in it
    assert first == pytest.approx(0.2 + 100 / 1e9, rel=1e-12)
    assert start(first + 0.2, 5840) == pytest.approx(first + 0.2 + 5840 / 1e9, rel=1e-12)  # 2 × 0.1 s is no pause yet
    again = start(10, 1461)
    assert again == pytest.approx(10.1 + 1 / 1e9, rel=1e-12)


def test_a_window_without_reset_survives_any_pause() -> None:
    start = SlowStart(8e9, 0.1, overhead=1, tcp=Tcp(1, idle_reset=False))
    start(0, 1460 + 2920)
    assert start(1000, 2920) == pytest.approx(1000 + 2920 / 1e9, rel=1e-12)


def test_small_messages_open_the_window_to_twice_their_size_only() -> None:
    start = SlowStart(8e9, 0.1, overhead=1, tcp=Tcp(1, idle_reset=False))
    for i in range(50):
        start(i, 1000)
    assert start(100, 2001) == pytest.approx(100.1 + 1 / 1e9, rel=1e-12)


def test_a_satellite_with_slow_start_takes_the_round_trips_of_its_windows() -> None:
    link = Link(uplink_bps=3e6, delay_s=0.3, overhead=1, tcp=Tcp())
    full = 3e6 * 0.6 / 8  # 225,000 bytes: windows of 14,600, 29,200, 58,400 and 116,800 are smaller
    assert 116_800 < full < 233_600
    passage = uplink(link).passage(0, 1_000_000, "push", 0, 0)
    assert passage.free_s == pytest.approx(4 * 0.6 + 8 * (1_000_000 - 219_000) / 3e6, rel=1e-12)
    assert passage.delivered_s == pytest.approx(passage.free_s + 0.3, rel=1e-12)
