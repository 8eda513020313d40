"""How what crosses a cut is encoded, both ways: the codecs of a cell, the mask of a gradient, the memory of examples.

| tensor | codec |
|---|---|
| smashed data, and of `ushape` the body's output: what the forward pass sends | `codec` |
| their gradients: what the backward pass sends | `gradient_codec` |
| labels, and the logits that an evaluation gets from a main server with the rest of the network | raw |

The gradient of what a codec with a mask (`topk`) has kept is zero elsewhere, by the chain rule. Both sides know the
mask from the tensor itself, so the gradient's codec gets the kept values only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeGuard

import numpy as np

from splitfed_core.arrays import Array
from splitfed_core.errors import RemoteError
from splitfed_core.seeding import stream
from splitfed_core.wire.call import Kind
from splitfed_core.wire.codecs.base import SAME, UNLIMITED, Codec, EncodedTensor, Limit, misfit
from splitfed_core.wire.codecs.lossless import Staged
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.codecs.topk import gather, rows_of, scatter
from splitfed_core.wire.layers.codec import Message
from splitfed_core.wire.layers.example_memory import ExampleMemory

_GRADIENT_OF = {
    (Kind.TRAIN_STEP, True): "smashed",
    (Kind.BACKWARD_BODY, False): "output",
    (Kind.BACKWARD_BODY, True): "smashed",
}
"""Of which tensor of the forward pass the gradient in a call, or in a reply, is."""


class MaskedCodec(Codec, Protocol):
    """A codec that keeps some elements of each example and makes all others zero."""

    def kept(self, elements: int) -> int:
        """Return how many of the elements of an example are kept."""
        ...

    def mask_of(self, tensor: EncodedTensor, limit: Limit | None = None) -> Array:
        """Return the places of the kept elements in the flattened array: examples × k."""
        ...


def is_masked(codec: Codec) -> bool:
    """Tell whether a codec keeps some elements only."""
    return _has_mask(codec.inner if isinstance(codec, Staged) else codec)


def mask_of(codec: Codec, tensor: EncodedTensor, limit: Limit) -> Array:
    """Return which elements a tensor keeps: their places in the flattened array, examples × k.

    Raises:
        RemoteError: The codec makes no such tensor, or keeps all elements.
    """
    if isinstance(codec, Staged):
        return mask_of(codec.inner, codec.expanded(tensor, limit), limit)
    if not _has_mask(codec):
        raise RemoteError(f"codec {codec.name!r} has no mask: {SAME}")
    return codec.mask_of(tensor, limit)


def kept_shape(codec: Codec, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the gradient of a batch that a codec has encoded: of what is kept, where not all is."""
    if isinstance(codec, Staged):
        return kept_shape(codec.inner, shape)
    if not _has_mask(codec):
        return shape
    examples, elements = rows_of(shape)
    return examples, codec.kept(elements)


def _has_mask(codec: Codec) -> TypeGuard[MaskedCodec]:
    return hasattr(codec, "mask_of")


@dataclass(frozen=True, slots=True)
class _Mask:
    """Which elements of a tensor were kept."""

    places: Array
    shape: tuple[int, ...]

    def spread(self, values: Array) -> Array:
        """Put the kept values back in their places.

        Raises:
            RemoteError: They are others, or more, or fewer.
        """
        if values.shape != self.places.shape:
            raise RemoteError(f"{list(values.shape)} are not the {list(self.places.shape)} values that were kept")
        return scatter(values, self.places, self.shape)


@dataclass(frozen=True)
class CutCodecs:
    """What both sides of a cell agree on.

    Attributes:
        forward: Of what the forward pass sends. With `remembers`, of its change.
        backward: Of what the backward pass sends.
        remembers: Whether the changes of examples are sent, not their values.
        seed: Of the cell, for codecs that draw.
        limit: The most that a tensor may become.
        most_bytes: The most that one example may become.
        examples: How many examples each client has, for the memory of them.
        evaluates_outputs: Whether what comes back in an evaluation crosses a cut too, as it does with two of them.
    """

    forward: Codec = RAW
    backward: Codec = RAW
    remembers: bool = False
    seed: int = 0
    limit: Limit = UNLIMITED
    most_bytes: int = 2**63 - 1
    examples: Mapping[int, int] = field(default_factory=dict)
    evaluates_outputs: bool = False


class CutCoder:
    """One side of the cell's cuts."""

    def __init__(self, codecs: CutCodecs) -> None:
        self._codecs = codecs
        self._masks: dict[tuple[int, str], _Mask] = {}
        self._memories: dict[int, ExampleMemory] = {}

    def encode(self, message: Message, arrays: Sequence[Array]) -> tuple[EncodedTensor, ...]:
        """Encode what this side sends."""
        return tuple(self._encode(message, name, array) for name, array in message.named(arrays))

    def decode(self, message: Message, tensors: Sequence[EncodedTensor]) -> tuple[Array, ...]:
        """Decode what the other side sent.

        Raises:
            RemoteError: It could not have sent that.
        """
        arrays = []
        for name, tensor in message.named(tensors):
            try:
                arrays.append(self._decode(message, name, tensor))
            except RemoteError as error:
                raise RemoteError(f"{name}: {error}") from None
        return tuple(arrays)

    def record(self, message: Message) -> None:
        """Take the examples of an exchange into the memory."""
        if self._codecs.remembers and message.kind in (Kind.TRAIN_STEP, Kind.FORWARD_BODY):
            self._memory(message).record()

    def _encode(self, message: Message, name: str, array: Array) -> EncodedTensor:
        codec, rng = self._codec(message, name), self._draws(message, name)
        if self._has_memory(message, name):
            memory = self._memory(message)
            if not message.is_reply and message.example_ids is not None:
                memory.begin(message.example_ids)
            header = [] if message.is_reply else [memory.header()]
            parts = memory.encode(name, array, codec, rng)
            return EncodedTensor(array.dtype.name, array.shape, codec.name, b"".join(header + parts))
        mask = self._mask(message, name)
        if mask is not None:
            return codec.encode(gather(array, mask.places), rng)
        tensor = codec.encode(array, rng)
        self._keep_mask(message, name, codec, tensor)
        return tensor

    def _decode(self, message: Message, name: str, tensor: EncodedTensor) -> Array:
        codec, limit = self._codec(message, name), self._codecs.limit
        if self._has_memory(message, name):
            if tensor.codec != codec.name:
                raise misfit(tensor, codec.name, "other")
            memory = self._memory(message)
            payload = memoryview(tensor.payload) if message.is_reply else memory.begin_with_header(tensor)
            return memory.decode(name, tensor, payload, codec, limit)
        array = codec.decode(tensor, limit)
        mask = self._mask(message, name)
        if mask is not None:
            return mask.spread(array)
        self._keep_mask(message, name, codec, tensor)
        return array

    def _codec(self, message: Message, name: str) -> Codec:
        codecs = self._codecs
        if name == "gradient":
            return codecs.backward
        is_evaluated = message.kind is Kind.PREDICT
        if name == "labels" or (
            is_evaluated and (codecs.remembers or (name == "output" and not codecs.evaluates_outputs))
        ):
            return RAW
        return codecs.forward

    def _has_memory(self, message: Message, name: str) -> bool:
        return self._codecs.remembers and name in ("smashed", "output") and message.kind is not Kind.PREDICT

    def _memory(self, message: Message) -> ExampleMemory:
        client = message.address.client_id
        if client not in self._codecs.examples:
            raise RemoteError(f"client {client} has no examples in this cell")
        if client not in self._memories:
            self._memories[client] = ExampleMemory(self._codecs.examples[client], self._codecs.most_bytes)
        return self._memories[client]

    def _mask(self, message: Message, name: str) -> _Mask | None:
        """Return which elements of a gradient are other than zero; None: it has no mask."""
        if name != "gradient" or not is_masked(self._codecs.forward):
            return None
        client, of = message.address.client_id, _GRADIENT_OF[message.kind, message.is_reply]
        if (client, of) not in self._masks:
            raise RemoteError(f"client {client} has sent no {of} that this could be the gradient of")
        return self._masks[client, of]

    def _keep_mask(self, message: Message, name: str, codec: Codec, tensor: EncodedTensor) -> None:
        if name in ("smashed", "output") and message.kind is not Kind.PREDICT and is_masked(codec):
            mask = _Mask(mask_of(codec, tensor, self._codecs.limit), tensor.shape)
            self._masks[message.address.client_id, name] = mask

    def _draws(self, message: Message, name: str) -> np.random.Generator | None:
        """Return the random numbers of one tensor, the same for each attempt to send it."""
        codec = self._codec(message, name)
        if not codec.random or (message.kind is Kind.PREDICT and is_masked(codec)):  # random masks are for training
            return None
        return stream(self._codecs.seed, "codec", *message.address, message.kind.label, name)
