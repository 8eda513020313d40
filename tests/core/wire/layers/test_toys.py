"""As a contributor would: a codec and a layer of one's own, each in one place, over real gRPC."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from math import prod
from typing import Any

import numpy as np
import pytest

from splitfed_core.arrays import Array, DType
from splitfed_core.errors import RemoteError
from splitfed_core.wire.call import Address, Call, Kind, Reply
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.codecs.float_codec import FloatCodec
from splitfed_core.wire.layers.base import Gate, Layer
from splitfed_core.wire.layers.codec import PlainCoder
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.stack import client_stack, server_gate
from splitfed_core.wire.transports.base import Service, Transport
from splitfed_core.wire.transports.grpc_client import GrpcTransport
from splitfed_core.wire.transports.grpc_server import RpcServer

TOKEN = "of-this-test"
SMASHED, LABELS = np.array([[1.0, 2.5, 1e-9, 2049.0]], np.float32), np.array([7], np.uint8)
STEP: Call[Array] = Call(Kind.TRAIN_STEP, Address(0), (SMASHED, LABELS))


class Float16(FloatCodec):
    """A codec: half the bits, as NumPy rounds them."""

    name = "float16"

    def size(self, shape: tuple[int, ...], itemsize: int) -> int:
        return 2 * prod(shape)

    def pack(self, array: Array, rng: np.random.Generator | None) -> Array:
        return array.astype("<f2")

    def unpack(self, payload: Array, shape: tuple[int, ...], dtype: DType) -> Array:
        return payload.view("<f2")

    def error(self, array: Array) -> Array:
        return np.abs(array) / 2**11 + 2.0**-25


class SlowReplies(Layer[EncodedTensor]):
    """A layer: delays one reply in so many."""

    def __init__(self, inner: Transport[EncodedTensor], every: int, seconds: float, sleep: Callable[[float], None]):
        super().__init__(inner)
        self._every, self._seconds, self._sleep, self._calls = every, seconds, sleep, 0

    def exchange(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        reply = self.inner.exchange(call)
        self._calls += 1
        if self._calls % self._every == 0:
            self._sleep(self._seconds)
        return reply


class Repeating(Gate[EncodedTensor]):
    """A gate: replaces one reply in so many by the one before it."""

    def __init__(self, inner: Service[EncodedTensor], every: int) -> None:
        super().__init__(inner)
        self._every = every
        self._replies: list[Reply[EncodedTensor]] = []

    def handle(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        self._replies.append(self.inner.handle(call))
        return self._replies[-2] if len(self._replies) % self._every == 0 else self._replies[-1]


class Tripling:
    """A main server whose gradient is thrice the smashed data, and whose loss is the labels' sum."""

    kinds = frozenset({Kind.TRAIN_STEP})

    def handle(self, call: Call[Array]) -> Reply[Array]:
        smashed, labels = call.tensors
        return Reply((3 * smashed,), float(labels.sum()))


@pytest.fixture
def connect() -> Iterator[Callable[..., Transport[Array]]]:
    """Return a way to a server of its own, with these things in between on either side."""
    with ExitStack() as stack:

        def connected(client: dict[str, Any], server: dict[str, Any]) -> Transport[Array]:
            gate = server_gate(Tripling(), **server)
            rpc_server = stack.enter_context(RpcServer(token=TOKEN, callers=1, main=gate))
            transport = GrpcTransport(rpc_server.address, token=TOKEN, deadline_s=20.0)
            stack.callback(transport.close)
            return client_stack(transport, Counters(), **client)

        yield connected


@pytest.fixture
def float16() -> dict[str, Any]:
    return {"coder": PlainCoder({"smashed": Float16(), "gradient": Float16()})}


def test_a_codec_of_ones_own_halves_what_crosses_the_cut_and_nothing_else(
    connect: Callable[..., Transport[Array]], float16: dict[str, Any]
) -> None:
    raw, half = connect({}, {}).exchange(STEP), connect(float16, float16).exchange(STEP)
    assert raw.tensors[0].tolist() == (3 * SMASHED).tolist()
    assert half.tensors[0].tolist() == [[3.0, 7.5, 0.0, 6144.0]]  # 2049 is 2048 in float16
    assert (half.tensors[0].dtype.name, half.loss) == ("float32", 7.0)
    named = len("float16") - len("raw")
    saved = SMASHED.nbytes // 2 - named
    assert raw.transit.uplink_bytes - half.transit.uplink_bytes == saved
    assert raw.transit.downlink_bytes - half.transit.downlink_bytes == saved


def test_sides_that_have_not_the_same_codec_are_told_so(
    connect: Callable[..., Transport[Array]], float16: dict[str, Any]
) -> None:
    with pytest.raises(RemoteError, match=r"smashed: .* came as 8 bytes of codec 'float16'; codec 'raw' needs 16"):
        connect(float16, {}).exchange(STEP)


def test_a_layer_of_ones_own_delays_one_reply_in_three(connect: Callable[..., Transport[Array]]) -> None:
    slept: list[tuple[int, float]] = []
    seen: list[int] = []
    slow = partial(SlowReplies, every=3, seconds=0.25, sleep=lambda seconds: slept.append((len(seen), seconds)))
    transport = connect({"more": [slow]}, {})
    for step in range(7):
        seen.append(step)
        assert transport.exchange(STEP).loss == 7.0
    assert slept == [(3, 0.25), (6, 0.25)]


def test_a_gate_of_ones_own_replaces_one_reply_in_two(connect: Callable[..., Transport[Array]]) -> None:
    transport = connect({}, {"more": [partial(Repeating, every=2)]})
    losses = [transport.exchange(STEP.carrying((SMASHED, np.array([label], np.uint8)))).loss for label in range(4)]
    assert losses == [0, 0, 2, 2]
