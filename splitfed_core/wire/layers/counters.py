"""Counts what went over the wire."""

from dataclasses import dataclass

from splitfed_core.wire.call import Call, Reply
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.layers.base import Layer
from splitfed_core.wire.transports.base import Transport


@dataclass(slots=True)
class Counters:
    """What went over the transports that share it; an exchange on a stream is a call like others."""

    rpcs: int = 0
    uplink_bytes: int = 0
    downlink_bytes: int = 0


class CountingLayer(Layer[EncodedTensor]):
    """Counts every call, whether or not it succeeds, and the bytes of those that do."""

    def __init__(self, inner: Transport[EncodedTensor], counters: Counters) -> None:
        super().__init__(inner)
        self._counters = counters

    def exchange(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        """Pass the call on, and count."""
        self._counters.rpcs += 1
        reply = self.inner.exchange(call)
        self._counters.uplink_bytes += reply.transit.uplink_bytes
        self._counters.downlink_bytes += reply.transit.downlink_bytes
        return reply
