"""What must be true of the codecs of a cell, on the smashed data, gradients and weights of the user's own network.

Two mini-batches of the same examples go through both sides of the wire, the second of them moved a little, as by a
training step. What arrives is held against what was sent: how far off it is beyond what its codec allows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.choice import Named
from splitfed_core.data import Dataset
from splitfed_core.data.deal import shape_of
from splitfed_core.federation.codecs import (
    aggregate_coder,
    codec_of,
    cut_coder,
    largest_message_bytes,
    model_coder,
    remembers_examples,
)
from splitfed_core.records.results import CellKey
from splitfed_core.training.cell_network import CellNetwork
from splitfed_core.training.ushape_step import Pullback
from splitfed_core.verification.oracles import Verdict
from splitfed_core.wire.call import Address, Call, Kind, Reply
from splitfed_core.wire.codecs.base import UNLIMITED, Codec, EncodedTensor
from splitfed_core.wire.layers.codec import CodecGate, CodecLayer, Coder
from splitfed_core.wire.layers.cut_coder import is_masked, mask_of
from splitfed_core.wire.layers.model_coder import one_row
from splitfed_core.wire.transports.in_process import InProcessTransport

_EXAMPLES, _MOVED = 32, np.float32(1.125)
_OTHER = 1
"""A client of another process, which takes no part."""

_ROUNDING = 2.0**-22
"""Of a difference and a sum in single precision, relative to their terms."""


def verify_codecs(config: CellConfig, dataset: Dataset, seed: int) -> Iterator[Verdict]:
    """Run every oracle of the codecs of a cell.

    Args:
        config: The cell.
        dataset: Its data.
        seed: Of weights and draws.
    """
    network, key = CellNetwork(config, shape_of(dataset), seed), CellKey(config.cell_id, 0, seed)
    limit = largest_message_bytes(config, network.facts())
    cut = config.cut_layer if isinstance(config.cut_layer, str) else "+".join(config.cut_layer or ())
    case = f"{config.model} · {cut}" if cut else config.model
    beyond: dict[str, float] = {}
    if config.codec is not None:
        beyond |= _of_cuts(config, key, network, dataset, limit)
    if config.model_codec is not None:
        beyond |= _of_models(config, key, network, limit)
    for oracle, difference in beyond.items():
        yield Verdict(oracle, case, 0.0, difference)


@dataclass(frozen=True)
class _Passed:
    """A tensor that went over the wire: what was sent, what travelled and what arrived."""

    name: str
    sent: Array
    tensor: EncodedTensor
    arrived: Array


_Answer = Callable[[Call[Array]], tuple[Array, ...]]


class _BothSides:
    """A client and a server that answers as it is told, with everything that passes between them."""

    kinds = frozenset(Kind)

    def __init__(self, answer: _Answer, client: Coder, server: Coder) -> None:
        self._answer = answer
        self._inner = InProcessTransport(CodecGate(self, server))
        self._client = CodecLayer(self, client)

    def handle(self, call: Call[Array]) -> Reply[Array]:
        """Answer at the server."""
        self._got = [np.array(array) for array in call.tensors]
        self._given = self._answer(call)
        return Reply(self._given)

    def exchange(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        """See what passes."""
        reply = self._inner.exchange(call)
        self._tensors = call.tensors, reply.tensors
        return reply

    def close(self) -> None:
        """End nothing."""

    def passed(self, call: Call[Array]) -> tuple[list[_Passed], list[_Passed]]:
        """Make an exchange; returns what passed on the way there and on the way back."""
        reply = self._client.exchange(call)
        there = zip(call.tensors, self._tensors[0], self._got, strict=True)
        back = zip(self._given, self._tensors[1], reply.tensors, strict=True)
        up = [_Passed(name, *each) for name, each in zip(call.kind.takes * len(call.tensors), there, strict=False)]
        return up, [_Passed(name, *each) for name, each in zip(call.kind.gives * len(self._given), back, strict=False)]


def _of_cuts(config: CellConfig, key: CellKey, network: CellNetwork, dataset: Dataset, limit: int) -> dict[str, float]:
    x, labels = dataset.x_train[:_EXAMPLES], dataset.y_train[:_EXAMPLES]
    ids = np.arange(len(x))
    coders = [cut_coder(key, config, {0: len(x)}, limit, limit) for _ in range(2)]
    sides = _BothSides(_server(network), *coders)
    smashed = np.asarray(network.client_side[0](x, training=False))
    found = _Found(config)
    for array in (smashed, smashed * _MOVED):
        if config.method.cuts == 1:
            (sent, _), (gradient,) = sides.passed(
                Call(Kind.TRAIN_STEP, Address(0), (array, labels.astype(np.int32)), example_ids=ids)
            )
            found.forward(sent)
            found.backward(sent, gradient)
        else:
            (sent,), (output,) = sides.passed(Call(Kind.FORWARD_BODY, Address(0), (array,), example_ids=ids))
            stand_in = np.array(output.arrived) + np.float32(1)  # the tail has no part in this
            (of_output,), (of_smashed,) = sides.passed(Call(Kind.BACKWARD_BODY, Address(0), (stand_in,)))
            found.forward(sent)
            found.forward(output)
            found.backward(output, of_output)
            found.backward(sent, of_smashed)
    return found.beyond


def _server(network: CellNetwork) -> _Answer:
    """Return a main server that computes, and trains nothing."""
    if len(network.client_side) == 1:
        step = network.server_segment()
        return lambda call: (step(*call.tensors)[2],)
    body, pullbacks = network.body_segment(), list[Pullback]()

    def answer(call: Call[Array]) -> tuple[Array, ...]:
        if call.kind is Kind.BACKWARD_BODY:
            return (pullbacks.pop()(call.tensors[0])[0],)
        output, pullback = body.forward(call.tensors[0])
        pullbacks.append(pullback)
        return (output,)

    return answer


class _Found:
    """What was off beyond what is allowed, at most, by oracle."""

    def __init__(self, config: CellConfig) -> None:
        self.beyond: dict[str, float] = {}
        self._codec, self._gradient_codec = codec_of(config.codec), codec_of(config.gradient_codec)
        self._names = _said("codec", config.codec), _said("gradient_codec", config.gradient_codec)
        self._remembers = remembers_examples(config)
        self._last: dict[str, Array] = {}

    def forward(self, passed: _Passed) -> None:
        """Judge what the forward pass has sent."""
        last = self._last.get(passed.name)
        self._last[passed.name] = passed.arrived
        if not self._remembers:
            off = beyond(self._codec, passed.sent, passed.arrived)
        elif last is None:  # a first visit is raw
            off = _largest(np.abs(passed.arrived - passed.sent))
        else:
            off = beyond(self._codec, passed.sent, passed.arrived, last)
        self._note(f"{self._names[0]}: {_law(self._codec)}", off)

    def backward(self, of: _Passed, passed: _Passed) -> None:
        """Judge the gradient of what the forward pass has sent."""
        sent, arrived = passed.sent, passed.arrived
        if is_masked(self._codec):
            places = mask_of(self._codec, of.tensor, UNLIMITED)
            others = np.ones(sent.size, bool)
            others[places.reshape(-1)] = False
            self._note(f"{self._names[0]}: mask of the gradient", _largest(np.abs(arrived.reshape(-1)[others])))
            sent, arrived = np.take(sent, places), np.take(arrived, places)
        self._note(f"{self._names[1]}: {_law(self._gradient_codec)}", beyond(self._gradient_codec, sent, arrived))

    def _note(self, oracle: str, off: float) -> None:
        self.beyond[oracle] = float(np.maximum(self.beyond.get(oracle, 0.0), off))  # keeps a nan


def _of_models(config: CellConfig, key: CellKey, network: CellNetwork, limit: int) -> dict[str, float]:
    start = [np.asarray(weight) for model in network.client_side for weight in model.weights]
    moved = tuple((array * _MOVED).astype(array.dtype) for array in start)
    server = aggregate_coder(key, config, start, limit)
    sides, others = (_BothSides(_fed_server(moved), model_coder(key, config, start, limit), server) for _ in range(2))
    pushed, _ = sides.passed(Call(Kind.PUSH_MODEL, Address(0), moved, examples=1))
    _, pulled = sides.passed(Call(Kind.GET_AGGREGATE, Address(0)))
    _, seen = others.passed(Call(Kind.GET_AGGREGATE, Address(_OTHER)))
    codec, name = codec_of(config.model_codec), _said("model_codec", config.model_codec)
    pairs = [(each, before) for each, before in zip([*pushed, *pulled], [*start, *start], strict=True)]
    off = [
        beyond(codec, each.sent, each.arrived)
        if codec.lossless
        else beyond(codec, each.sent, each.arrived, before, one_row(before.shape))
        for each, before in pairs
    ]
    parted = [np.abs(mine.arrived - theirs.arrived) for mine, theirs in zip(pulled, seen, strict=True)]
    return {
        f"{name}: {_law(codec)}": float(np.max(off, initial=0.0)),
        f"{name}: all go on from the same": float(np.max([_largest(each) for each in parted], initial=0.0)),
    }


def _fed_server(aggregate: tuple[Array, ...]) -> _Answer:
    """Return a fed server that takes models, and hands this out."""
    return lambda call: () if call.kind is Kind.PUSH_MODEL else aggregate


def beyond(
    codec: Codec, sent: Array, arrived: Array, before: Array | None = None, shape: tuple[int, ...] | None = None
) -> float:
    """Return how far an array is off beyond its codec's bound, at most; NaN if it cannot be told.

    Args:
        codec: Its codec.
        sent: What was encoded, or of which the change was.
        arrived: What was decoded.
        before: What both sides had, where the change was encoded.
        shape: Of the change when it was encoded, where that is not its own.
    """
    off = np.abs(np.asarray(arrived, np.float64) - np.asarray(sent, np.float64))
    if before is None:
        return _largest(off - codec.bound(sent))
    rounding = _ROUNDING * (np.abs(sent) + np.abs(before))
    change = sent - before
    bound = codec.bound(change.reshape(shape or change.shape)).reshape(change.shape)
    return _largest(off - bound - rounding)


def _largest(off: Array) -> float:
    return float(np.max(off, initial=0.0))


def _law(codec: Codec) -> str:
    return "comes back to the bit" if codec.lossless else "within its bound"


def _said(parameter: str, choice: Named | None) -> str:
    if choice is None:
        return parameter
    settings = ", ".join(f"{name}: {value}" for name, value in choice.settings.items())
    return f"{parameter} {choice.name}" + (f" ({settings})" if settings else "")
