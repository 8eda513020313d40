"""The codec: arrays above, encoded tensors below."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import TypeAlias

from splitfed_core.arrays import Array
from splitfed_core.errors import RemoteError
from splitfed_core.timing.pace import NO_PACE, Pace
from splitfed_core.wire.call import Call, Kind, Reply, ServerStamps, names_of
from splitfed_core.wire.codecs import make_codec
from splitfed_core.wire.codecs.base import Codec, EncodedTensor
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.transports.base import Service, Transport

Codecs: TypeAlias = Mapping[str, Codec]
"""The codec of each tensor, by its name in `Kind`; those that have none here travel raw."""


def codecs_for(codec: str) -> Codecs:
    """Return who encodes what where a cell has this codec: what crosses a cut; labels and models travel raw."""
    return dict.fromkeys(("smashed", "output", "gradient"), make_codec(codec))


class CodecLayer:
    """The client's side: encodes a call and decodes its reply, at the client's pace; evaluation is not slowed."""

    def __init__(self, inner: Transport[EncodedTensor], codecs: Codecs, pace: Pace = NO_PACE) -> None:
        self._inner, self._codecs, self._pace = inner, codecs, pace

    def exchange(self, call: Call[Array]) -> Reply[Array]:
        """Exchange arrays as tensors."""
        pace = NO_PACE if call.kind is Kind.PREDICT else self._pace
        client_id = call.address.client_id
        pace.begin(client_id)
        encoded = _encode(self._codecs, call.kind.takes, call.tensors)
        pace.hold("client_encode", client_id)
        reply = self._inner.exchange(call.carrying(encoded))
        pace.begin(client_id)
        decoded = _decode(self._codecs, call.kind.gives, reply.tensors)
        pace.hold("client_decode", client_id)
        return reply.carrying(decoded, reply.stamps)

    def close(self) -> None:
        """Close what it is round."""
        self._inner.close()


class CodecGate:
    """The server's side: decodes a call, encodes its reply, and stamps when that was done."""

    def __init__(self, inner: Service[Array], codecs: Codecs) -> None:
        self._inner, self._codecs = inner, codecs

    @property
    def kinds(self) -> frozenset[Kind]:
        """The calls that the service takes."""
        return self._inner.kinds

    def handle(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        """Answer with tensors what the service answers with arrays."""
        reply = self._inner.handle(call.carrying(_decode(self._codecs, call.kind.takes, call.tensors)))
        tensors = _encode(self._codecs, call.kind.gives, reply.tensors)
        made = reply.stamps
        stamps = ServerStamps(call.received_s, made.decoded, made.started, made.computed, perf_counter())
        return reply.carrying(tensors, stamps)


def _encode(codecs: Codecs, names: tuple[str, ...], arrays: Sequence[Array]) -> tuple[EncodedTensor, ...]:
    named = zip(names_of(names, arrays), arrays, strict=True)
    return tuple(codecs.get(name, RAW).encode(array) for name, array in named)


def _decode(codecs: Codecs, names: tuple[str, ...], tensors: Sequence[EncodedTensor]) -> tuple[Array, ...]:
    named = zip(names_of(names, tensors), tensors, strict=True)
    return tuple(_decoded(name, codecs.get(name, RAW), tensor) for name, tensor in named)


def _decoded(name: str, codec: Codec, tensor: EncodedTensor) -> Array:
    try:
        return codec.decode(tensor)
    except RemoteError as error:
        raise RemoteError(f"{name}: {error}") from None
