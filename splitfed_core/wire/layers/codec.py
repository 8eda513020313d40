"""The codec: arrays above, encoded tensors below. Which codec a tensor has, and what is remembered, its coder says."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol, TypeAlias, TypeVar

from splitfed_core.arrays import Array, IndexArray
from splitfed_core.errors import RemoteError
from splitfed_core.timing.pace import NO_PACE, Pace
from splitfed_core.wire.call import Address, Call, Kind, Reply, ServerStamps, names_of
from splitfed_core.wire.codecs.base import Codec, EncodedTensor, Limit
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.transports.base import Service, Transport

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Message:
    """Of which exchange some tensors are, and whether they are the call's or the reply's.

    Attributes:
        kind: What was asked.
        address: Whose call it is.
        is_reply: Whether they go to the client.
        example_ids: Which of the client's examples its batch is of, where that is known.
    """

    kind: Kind
    address: Address
    is_reply: bool = False
    example_ids: IndexArray | None = None

    def named(self, tensors: Sequence[T]) -> Iterable[tuple[str, T]]:
        """Return each of its tensors with its name."""
        return zip(names_of(self.kind.gives if self.is_reply else self.kind.takes, tensors), tensors, strict=True)

    def reply(self) -> "Message":
        """Return the other message of the exchange."""
        return replace(self, is_reply=True)


class Coder(Protocol):
    """One side's way between the arrays of a message and its tensors. It may remember what it has seen."""

    def encode(self, message: Message, arrays: Sequence[Array]) -> tuple[EncodedTensor, ...]:
        """Encode what this side sends."""
        ...

    def decode(self, message: Message, tensors: Sequence[EncodedTensor]) -> tuple[Array, ...]:
        """Decode what the other side sent.

        Raises:
            RemoteError: It could not have sent that.
        """
        ...

    def record(self, message: Message) -> None:
        """At the client: know that this reply was received, so that both sides have seen the whole exchange."""
        ...


Codecs: TypeAlias = Mapping[str, Codec]
"""The codec of each tensor, by its name in `Kind`; those that have none here travel raw."""


class PlainCoder:
    """Each tensor by itself, with the codec of its name: nothing is remembered."""

    def __init__(self, codecs: Codecs, limit: Limit | None = None) -> None:
        self._codecs, self._limit = codecs, limit

    def encode(self, message: Message, arrays: Sequence[Array]) -> tuple[EncodedTensor, ...]:
        """Encode each array."""
        return tuple(self._codecs.get(name, RAW).encode(array) for name, array in message.named(arrays))

    def decode(self, message: Message, tensors: Sequence[EncodedTensor]) -> tuple[Array, ...]:
        """Decode each tensor."""
        return tuple(
            named_error(name, self._codecs.get(name, RAW).decode, tensor, self._limit)
            for name, tensor in message.named(tensors)
        )

    def record(self, message: Message) -> None:
        """Remember nothing."""


RAW_CODER = PlainCoder({})
"""Everything as it is."""


class CodecLayer:
    """The client's side: encodes a call and decodes its reply, at the client's pace; evaluation is not slowed."""

    def __init__(self, inner: Transport[EncodedTensor], coder: Coder, pace: Pace = NO_PACE) -> None:
        self._inner, self._coder, self._pace = inner, coder, pace

    def exchange(self, call: Call[Array]) -> Reply[Array]:
        """Exchange arrays as tensors."""
        pace = NO_PACE if call.kind is Kind.PREDICT else self._pace
        client_id, sent = call.address.client_id, Message(call.kind, call.address, example_ids=call.example_ids)
        pace.begin(client_id)
        encoded = self._coder.encode(sent, call.tensors)
        pace.hold("client_encode", client_id)
        reply = self._inner.exchange(call.carrying(encoded))
        received = sent.reply()
        pace.begin(client_id)
        decoded = self._coder.decode(received, reply.tensors)
        self._coder.record(received)
        pace.hold("client_decode", client_id)
        return reply.carrying(decoded, reply.stamps)

    def close(self) -> None:
        """Close what it is round."""
        self._inner.close()


class CodecGate:
    """The server's side: decodes a call, encodes its reply, and stamps when that was done."""

    def __init__(self, inner: Service[Array], coder: Coder) -> None:
        self._inner, self._coder = inner, coder

    @property
    def kinds(self) -> frozenset[Kind]:
        """The calls that the service takes."""
        return self._inner.kinds

    def handle(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        """Answer with tensors what the service answers with arrays."""
        received = Message(call.kind, call.address)
        reply = self._inner.handle(call.carrying(self._coder.decode(received, call.tensors)))
        tensors = self._coder.encode(received.reply(), reply.tensors)
        made = reply.stamps
        stamps = ServerStamps(call.received_s, made.decoded, made.started, made.computed, perf_counter())
        return reply.carrying(tensors, stamps)


P = TypeVar("P")


def named_error(name: str, decode: Callable[[EncodedTensor, P], Array], tensor: EncodedTensor, how: P) -> Array:
    """Decode a tensor; an error says which one it was."""
    try:
        return decode(tensor, how)
    except RemoteError as error:
        raise RemoteError(f"{name}: {error}") from None
