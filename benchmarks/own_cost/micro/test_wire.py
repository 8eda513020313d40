"""Codec, messages and remote calls, by size."""

from collections.abc import Callable, Iterator

import pytest

from benchmarks.own_cost.wire import Peer, step_call
from splitfed_core.arrays import Array
from splitfed_core.wire import messages
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.stack import client_stack
from splitfed_core.wire.transports.grpc_client import GrpcStreamTransport, GrpcTransport

Benchmark = Callable[[Callable[[], object]], object]


def test_codec(benchmark: Benchmark, smashed: Array) -> None:
    """Encode and decode an array."""
    benchmark(lambda: RAW.decode(RAW.encode(smashed)))


def test_message(benchmark: Benchmark, smashed: Array) -> None:
    """Serialise and parse a call."""
    call = step_call(smashed)
    encoded = call.carrying(tuple(map(RAW.encode, call.tensors)))
    benchmark(lambda: messages.read_call(call.kind, b"".join(messages.call_parts(encoded)), 0.0))


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    """Start a server in another process that answers smashed data with itself."""
    with Peer("rpc") as peer:
        yield peer


@pytest.mark.parametrize("kind", [GrpcTransport, GrpcStreamTransport], ids=["unary", "stream"])
def test_rpc(benchmark: Benchmark, peer: Peer, kind: type[GrpcTransport], smashed: Array) -> None:
    """Send a call and take the reply."""
    transport = client_stack(kind(peer.address, token=Peer.TOKEN, deadline_s=60.0), Counters())
    call = step_call(smashed)
    benchmark(lambda: transport.exchange(call))
    transport.close()
