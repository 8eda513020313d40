"""The relay's pacing by hand, with an injected clock, and once with real bytes."""

from collections.abc import Callable
from itertools import chain, repeat
from queue import Queue

import pytest

from benchmarks.links.endpoint import Endpoint
from benchmarks.links.relay import Pacer, Stream, let_out, take_in
from benchmarks.links.witness import Relayed

FRAME_S = 1514 * 8 / 12.112e6
"""1 ms: how long a full frame takes at 12.112 Mbit/s."""


def test_a_piece_takes_its_own_bits_and_then_the_delay() -> None:
    pacer = Pacer(12.112, delay_ms=20)
    assert pacer.due(5.0, 1448) == pytest.approx(5.0 + FRAME_S + 0.020, abs=1e-12)


def test_pieces_queue_behind_one_another_and_not_behind_their_delay() -> None:
    pacer = Pacer(12.112, delay_ms=20)
    due = [pacer.due(arrived, 1448) for arrived in (0.0, 0.0, 0.0005, 0.010)]
    assert due == pytest.approx([0.021, 0.022, 0.023, 0.031], abs=1e-12)  # the last finds the link idle


def test_a_message_takes_as_long_however_it_is_cut_into_pieces() -> None:
    whole, cut = Pacer(10, 5), Pacer(10, 5)
    pieces = [1448] * 690 + [880]  # 1 MB
    assert [cut.due(0.0, piece) for piece in pieces][-1] == pytest.approx(whole.due(0.0, 1_000_000), rel=1e-12)
    assert whole.due(0.0, 0) == pytest.approx(1e6 * 8 / 10e6 * 1514 / 1448 + 0.005, rel=1e-12)


@pytest.mark.parametrize(("mbit", "piece"), [(1, 1448), (10, 1448), (1000, 29887)])
def test_a_piece_is_a_frame_or_what_a_quarter_of_a_millisecond_carries(mbit: float, piece: int) -> None:
    assert Pacer(mbit, 0).piece_bytes == piece


def test_what_comes_in_goes_out_whole_and_when_it_is_due() -> None:
    incoming = chain([b"a" * 1448, b"b" * 724, b""], repeat(b""))
    clock, waiting, out = [3.0], Queue[tuple[float, bytes]](), list[tuple[float, bytes]]()
    stream = Stream(lambda _: next(incoming), lambda piece: out.append((clock[0], piece)))
    take_in(stream, Pacer(12.112, 10), waiting, lambda: clock[0])
    let_out(stream, waiting, _setting(clock))
    assert [piece for _, piece in out] == [b"a" * 1448, b"b" * 724]
    assert [at for at, _ in out] == pytest.approx([3.011, 3.0115], abs=1e-12)


def _setting(clock: list[float]) -> Callable[[float], None]:
    def wait_until(due_s: float) -> None:
        clock[0] = due_s

    return wait_until


def test_real_bytes_take_at_least_what_the_link_takes_in_each_direction() -> None:
    with Relayed(uplink_mbit=12.112, downlink_mbit=24.224, delay_ms=20) as relay:
        assert relay.transfer("uplink", 144_800) >= 100 * FRAME_S + 0.020
        assert relay.transfer("downlink", 144_800) >= 50 * FRAME_S + 0.020


def test_an_end_that_waits_for_a_message_ends_with_the_pipe() -> None:
    with Endpoint() as waiting, Endpoint() as silent:
        (port,) = waiting.ask("listen", "127.0.0.1")
        waiting.tell("accept")
        silent.ask("connect", "127.0.0.1", int(port))
        waiting.answer()
        waiting.tell("take", 0, 1_000)  # that nobody sends
        assert waiting.process.stdin is not None
        waiting.process.stdin.close()  # as the system does when who started it was killed
        assert waiting.process.wait(timeout=30) == 0


def test_an_end_that_cannot_go_on_is_an_error_and_not_a_wait() -> None:
    with Endpoint() as alone, pytest.raises(ConnectionError, match="a process of the witness has ended"):
        alone.ask("connect", "127.0.0.1", 1)  # where nobody listens
