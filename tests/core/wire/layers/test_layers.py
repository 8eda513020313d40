"""What lies between roles and the wire."""

from dataclasses import replace

import numpy as np
import pytest

from splitfed_core.arrays import Array
from splitfed_core.errors import CellError
from splitfed_core.wire import messages
from splitfed_core.wire.call import Address, Call, Kind, Reply, ServerStamps
from splitfed_core.wire.clock import ClockOffset
from splitfed_core.wire.codecs.base import EncodedTensor, Limit
from splitfed_core.wire.codecs.raw import RAW, RawCodec
from splitfed_core.wire.layers import codec as codec_module
from splitfed_core.wire.layers.codec import RAW_CODER, CodecGate, CodecLayer, PlainCoder
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.stack import client_stack, server_gate
from splitfed_core.wire.transports.base import NoServer
from splitfed_core.wire.transports.in_process import InProcessTransport

SMASHED, LABELS = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 0], np.uint8)
STEP: Call[Array] = Call(Kind.TRAIN_STEP, Address(7, 2, 5), (SMASHED, LABELS))
ENCODED = STEP.carrying((RAW.encode(SMASHED), RAW.encode(LABELS)))


class Answering:
    """Hands the smashed data back; refuses step 99."""

    kinds = frozenset({Kind.TRAIN_STEP})

    def handle(self, call: Call[Array]) -> Reply[Array]:
        if call.address.step == 99:
            raise CellError("no such step")
        return Reply(call.tensors[:1], stamps=ServerStamps(decoded=2.0, started=4.0, computed=8.0))


class Mirror:
    """A way to a server that gives back what was encoded."""

    def exchange(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        self.call = call
        return Reply(call.tensors[:1])

    def close(self) -> None:
        self.closed = True


def test_raw_arrays_reach_the_wire_and_come_back_without_a_copy() -> None:
    mirror = Mirror()
    (gradient,) = CodecLayer(mirror, RAW_CODER).exchange(STEP).tensors
    payloads = [np.frombuffer(tensor.payload, np.uint8) for tensor in mirror.call.tensors]
    assert [np.shares_memory(*pair) for pair in zip(payloads, STEP.tensors, strict=True)] == [True, True]
    assert np.shares_memory(gradient, SMASHED)


def test_the_gate_stamps_the_reply_when_it_is_encoded_and_keeps_the_other_stamps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [8.0]

    class Slow(RawCodec):
        def encode(self, array: Array, rng: np.random.Generator | None = None) -> EncodedTensor:
            now[0] += 16.0
            return super().encode(array, rng)

    monkeypatch.setattr(codec_module, "perf_counter", lambda: now[0])
    reply = CodecGate(Answering(), PlainCoder({"gradient": Slow()})).handle(ENCODED.received(1.0))
    assert reply.stamps == ServerStamps(1.0, 2.0, 4.0, 8.0, 24.0)


@pytest.fixture
def in_process() -> InProcessTransport:
    return InProcessTransport(server_gate(Answering()))


def test_calls_and_bytes_are_counted_and_of_a_failed_call_the_call(in_process: InProcessTransport) -> None:
    counters = Counters()
    stack = client_stack(in_process, counters)
    replies = [stack.exchange(STEP) for _ in range(3)]
    with pytest.raises(CellError, match="no such step"):
        stack.exchange(replace(STEP, address=Address(7, 2, 99)))
    down = sum(reply.transit.downlink_bytes for reply in replies)
    assert counters == Counters(4, 3 * messages.size(messages.call_parts(ENCODED)), down)


def test_two_ways_can_share_their_counters(in_process: InProcessTransport) -> None:
    counters = Counters()
    for stack in (client_stack(in_process, counters), client_stack(in_process, counters)):
        stack.exchange(STEP)
    assert counters.rpcs == 2


def test_stamps_of_a_clock_that_is_ahead_come_back_by_the_callers(in_process: InProcessTransport) -> None:
    stamps = client_stack(in_process, Counters(), ClockOffset(1.5, 0.1)).exchange(STEP).stamps
    assert (stamps.decoded, stamps.started, stamps.computed) == (0.5, 2.5, 6.5)


def test_closing_the_stack_closes_the_transport() -> None:
    mirror = Mirror()
    client_stack(mirror, Counters(), ClockOffset(1.0, 0.1)).close()
    assert mirror.closed


def test_a_call_to_a_server_that_the_algorithm_does_not_have_is_told_so() -> None:
    with pytest.raises(CellError, match="push: this cell's algorithm has no server for it"):
        NoServer().exchange(Call(Kind.PUSH_MODEL, Address(0)))


class Noted(RawCodec):
    """A pace, a way to a server and a codec that note in which order things happen."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def begin(self, client_id: int) -> None:
        self.events.append(f"begin {client_id}")

    def hold(self, place: str, client_id: int) -> None:
        self.events.append(f"hold {place} {client_id}")

    def encode(self, array: Array, rng: np.random.Generator | None = None) -> EncodedTensor:
        self.events.append("encode")
        return super().encode(array, rng)

    def decode(self, tensor: EncodedTensor, limit: Limit | None = None) -> Array:
        self.events.append("decode")
        return super().decode(tensor, limit)

    def exchange(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        self.events.append("message")
        return Reply(call.tensors[:1])

    def close(self) -> None: ...


def test_a_slow_client_holds_its_message_and_what_it_makes_of_the_reply() -> None:
    noted = Noted()
    CodecLayer(noted, PlainCoder({"smashed": noted, "gradient": noted}), noted).exchange(STEP)
    before, after = ["begin 7", "encode", "hold client_encode 7"], ["begin 7", "decode", "hold client_decode 7"]
    assert noted.events == [*before, "message", *after]


def test_coding_is_not_slowed_in_an_evaluation() -> None:
    noted = Noted()
    CodecLayer(noted, RAW_CODER, noted).exchange(Call(Kind.PREDICT, Address(7), (SMASHED,)))
    assert noted.events == ["message"]
