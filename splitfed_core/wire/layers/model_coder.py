"""How client-side models are encoded on their way to the fed server and back.

A codec that loses something encodes changes, not weights: a client sends how far it has come from the common start of
the round, the fed server how far the aggregate is from the start before. Both sides add what was decoded, so the start
of the next round is the same to the bit everywhere. Who sat the last round out has an older start, and gets the new one
raw. What is not a number with a fraction travels raw too.

With `feedback` each sender adds what its codec lost to the change that it encodes next (error feedback; Seide et al.,
Interspeech 2014; Karimireddy et al., ICML 2019). A model has the same coordinates each time, which the rows of a batch
have not: that is why it is for models alone.

Codecs that lose nothing encode the weights themselves, and so does the relay of `sl`, which hands on a whole state.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splitfed_core.arrays import Array
from splitfed_core.errors import RemoteError
from splitfed_core.seeding import stream
from splitfed_core.wire.call import WEIGHTS, Kind
from splitfed_core.wire.codecs.base import SAME, UNLIMITED, Codec, EncodedTensor, Limit, described
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.layers.codec import Message, PlainCoder

_FED_SERVER = -1
"""Whose random numbers those of the fed server are."""


Weights = Sequence[Array]


@dataclass(frozen=True)
class ModelCodecs:
    """What both sides of a cell agree on.

    Attributes:
        codec: Of a model.
        start: The weights that all clients begin the first round with.
        feedback: Whether what is lost is added to the next change.
        seed: Of the cell, for codecs that draw.
        limit: The most that a tensor may become.
    """

    codec: Codec = RAW
    start: Weights = ()
    feedback: bool = False
    seed: int = 0
    limit: Limit = UNLIMITED

    def change(self, new: Weights, start: Weights, lost: Weights | None, *names: str | int) -> "Change":
        """Encode how far weights are from a start.

        Args:
            new: The weights.
            start: What the other side has.
            lost: What was lost of the last change.
            names: Of the random numbers.
        """
        rng = stream(self.seed, "codec", *names) if self.codec.random else None
        tensors, arrived, losses = [], [], []
        for i, (array, before) in enumerate(zip(new, start, strict=True)):
            if array.dtype.kind != "f":
                tensor, there, loss = RAW.encode(array), array, np.zeros(())
            else:
                wanted = array - before if lost is None else array - before + lost[i]
                tensor = self.codec.encode(wanted.reshape(one_row(wanted.shape)), rng)
                change = self.codec.decode(tensor).reshape(wanted.shape)
                there, loss = before + change, wanted - change
            tensors.append(tensor)
            arrived.append(there)
            losses.append(loss)
        return Change(tuple(tensors), arrived, losses if self.feedback else None)

    def applied(self, before: Array, tensor: EncodedTensor) -> Array:
        """Return weights after a change, or those that a raw tensor holds.

        Raises:
            RemoteError: It is not a change of such weights.
        """
        is_whole = tensor.codec == RAW.name
        array = (RAW if is_whole else self.codec).decode(tensor, self.limit)
        if array.dtype != before.dtype or array.shape != (before.shape if is_whole else one_row(before.shape)):
            shape, what = f"{before.dtype}{list(before.shape)}", "not" if is_whole else "no change of"
            raise RemoteError(f"{described(tensor)} is {what} {shape}: {SAME}")
        return array if is_whole else before + array.reshape(before.shape)

    def all_applied(self, start: Weights, tensors: Sequence[EncodedTensor]) -> list[Array]:
        """Return all weights after their changes.

        Raises:
            RemoteError: They are not changes of these weights.
        """
        if len(tensors) != len(start):
            raise RemoteError(f"a model of {len(tensors)} tensors came, where {len(start)} are trained: {SAME}")
        return [self.applied(before, tensor) for before, tensor in zip(start, tensors, strict=True)]


@dataclass(frozen=True)
class Change:
    """A change of weights: its tensors, the weights that it leads to, and what was lost, where that is kept."""

    tensors: tuple[EncodedTensor, ...]
    arrived: Weights
    lost: Weights | None


@dataclass
class _Known:
    """What a client knows: the start of its round, what its last change lost, and both after the call under way."""

    start: Weights
    lost: Weights | None = None
    next_start: Weights | None = None
    next_lost: Weights | None = None


class ModelCoder:
    """The clients' side, for all clients of a process."""

    def __init__(self, codecs: ModelCodecs) -> None:
        self._codecs = codecs
        self._clients: dict[int, _Known] = {}
        self._newest: tuple[int, Weights] = (-1, codecs.start)

    def encode(self, message: Message, arrays: Weights) -> tuple[EncodedTensor, ...]:
        """Encode what a client has learned."""
        if message.kind is not Kind.PUSH_MODEL:
            return ()
        client, round, _ = message.address
        known = self._known(client)
        change = self._codecs.change(arrays, known.start, known.lost, client, round, message.kind.label)
        known.next_lost = change.lost
        return change.tensors

    def decode(self, message: Message, tensors: Sequence[EncodedTensor]) -> tuple[Array, ...]:
        """Decode the start of the next round.

        Raises:
            RemoteError: It is not one of this cell.
        """
        if message.kind is not Kind.GET_AGGREGATE:
            return ()
        known, round = self._known(message.address.client_id), message.address.round
        weights = self._codecs.all_applied(known.start, tensors)
        if round != self._newest[0]:
            self._newest = round, weights
        known.next_start = self._newest[1]  # the same for all clients here: once is enough
        return tuple(known.next_start)

    def record(self, message: Message) -> None:
        """Take over what an exchange has brought."""
        known = self._known(message.address.client_id)
        if message.kind is Kind.PUSH_MODEL:
            known.lost, known.next_lost = known.next_lost, None
        elif known.next_start is not None:
            known.start, known.next_start = known.next_start, None

    def _known(self, client: int) -> _Known:
        return self._clients.setdefault(client, _Known(self._codecs.start))


class AggregateCoder:
    """The fed server's side. An aggregate is encoded once, whoever asks for it."""

    def __init__(self, codecs: ModelCodecs) -> None:
        self._codecs = codecs
        self._start = codecs.start
        self._lost: Weights | None = None
        self._taking_part: dict[int, int] = {}  # the last round of each client
        self._aggregate: Weights | None = None
        self._change: tuple[EncodedTensor, ...] = ()
        self._whole: tuple[EncodedTensor, ...] = ()
        self._encoding = threading.Lock()

    def encode(self, message: Message, arrays: Weights) -> tuple[EncodedTensor, ...]:
        """Encode an aggregate as a change for those whose models it is of, and raw for the others."""
        if message.kind is not Kind.GET_AGGREGATE:
            return ()
        client, round, _ = message.address
        with self._encoding:
            if arrays is not self._aggregate:  # all who ask for it get the same tuple
                change = self._codecs.change(arrays, self._start, self._lost, _FED_SERVER, round, message.kind.label)
                self._start, self._lost, self._aggregate = change.arrived, change.lost, arrays
                self._change, self._whole = change.tensors, tuple(map(RAW.encode, change.arrived))
        return self._change if self._taking_part.get(client) == round else self._whole

    def decode(self, message: Message, tensors: Sequence[EncodedTensor]) -> tuple[Array, ...]:
        """Decode a client's model.

        Raises:
            RemoteError: It is not one of this cell.
        """
        if message.kind is not Kind.PUSH_MODEL:
            return ()
        client, round, _ = message.address
        try:
            weights = self._codecs.all_applied(self._start, tensors)
        except RemoteError as error:
            raise RemoteError(f"{WEIGHTS[0]}: {error}") from None
        self._taking_part[client] = round
        return tuple(weights)

    def record(self, message: Message) -> None:
        """Nothing: only clients know whether a reply was received."""


class EncodedOnce(PlainCoder):
    """The fed server's side where weights travel as they are: what all clients get is encoded for the first of them."""

    def __init__(self, codec: Codec, limit: Limit | None = None) -> None:
        super().__init__(dict.fromkeys(WEIGHTS, codec), limit)
        self._last: tuple[Weights, tuple[EncodedTensor, ...]] | None = None
        self._encoding = threading.Lock()

    def encode(self, message: Message, arrays: Weights) -> tuple[EncodedTensor, ...]:
        """Encode an aggregate, or the state that is handed on, unless it is the one of before."""
        if not arrays:
            return ()
        with self._encoding:
            if self._last is None or self._last[0] is not arrays:
                self._last = arrays, super().encode(message, arrays)
            return self._last[1]


def one_row(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a tensor as a batch of one, of which top-k takes its share; channels stay where they are."""
    return (1, *(shape or (1,)))
