"""Codec, messages and remote calls, by size."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.own_cost.wire import Peer
from splitfed_core.arrays import Array
from splitfed_core.wire import messages
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.messages import StepRequest
from splitfed_core.wire.transports.grpc_client import GrpcStreamTransport, GrpcTransport


def test_codec(benchmark: Any, smashed: Array) -> None:
    """Encode and decode an array."""
    benchmark(lambda: RAW.decode(RAW.encode(smashed)))


def test_message(benchmark: Any, step_request: StepRequest) -> None:
    """Serialise and parse a request."""
    benchmark(lambda: messages.read_step_request(b"".join(messages.step_request_parts(step_request))))


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    """Start a server in another process that answers smashed data with itself."""
    with Peer("rpc") as peer:
        yield peer


@pytest.mark.parametrize("kind", [GrpcTransport, GrpcStreamTransport], ids=["unary", "stream"])
def test_rpc(benchmark: Any, peer: Peer, kind: Any, step_request: StepRequest) -> None:
    """Send a request and take the reply."""
    transport = kind(peer.address, token=Peer.TOKEN, deadline_s=60.0)
    benchmark(lambda: transport.train_step(step_request))
    transport.close()
