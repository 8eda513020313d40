"""Both sides in one process: function calls in place of messages."""

from dataclasses import replace
from time import perf_counter

from splitfed_core.wire import messages
from splitfed_core.wire.call import Call, Reply, Transit
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.transports.base import Service


class InProcessTransport:
    """Calls the server directly. Nothing is serialised; the bytes are those that the message would have."""

    def __init__(self, service: Service[EncodedTensor]) -> None:
        self._service = service

    def exchange(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        """Let the server answer by a function call, with no way back: the reply has arrived when it is encoded."""
        sent = perf_counter()
        reply = self._service.handle(call.received(sent))
        sizes = messages.size(messages.call_parts(call)), messages.size(messages.reply_parts(call.kind, reply))
        return replace(reply, transit=Transit(sent, reply.stamps.encoded, *sizes))

    def close(self) -> None:
        """Nothing to end."""
