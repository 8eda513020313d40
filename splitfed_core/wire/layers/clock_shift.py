"""Reads a server's stamps by the clock of the caller, where they are on two hosts."""

from dataclasses import replace

from splitfed_core.wire.call import Call, Reply
from splitfed_core.wire.clock import ClockOffset
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.layers.base import Layer
from splitfed_core.wire.transports.base import Transport


class ClockShiftLayer(Layer[EncodedTensor]):
    """Takes what the server's clock is ahead off its stamps."""

    def __init__(self, inner: Transport[EncodedTensor], clock: ClockOffset) -> None:
        super().__init__(inner)
        self._offset_s = clock.offset_s

    def exchange(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        """Pass the call on; the reply's stamps become the caller's."""
        reply = self.inner.exchange(call)
        return replace(reply, stamps=reply.stamps.shifted(-self._offset_s))
