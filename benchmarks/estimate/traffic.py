"""How many bytes a cell's messages have: to the byte where its codecs are of a fixed size, else at most.

The messages are those that would be sent, with payloads of zeros in place of what they would hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from splitfed_core.arrays import DType
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.federation.codecs import codec_of, remembers_examples
from splitfed_core.wire import messages
from splitfed_core.wire.call import Address, Call, Kind, Reply
from splitfed_core.wire.codecs.base import Codec, EncodedTensor
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.layers.cut_coder import kept_shape
from splitfed_core.wire.layers.example_memory import header_bytes

_HEADER_BYTES = 128
"""What a tensor of a model has beside its payload at most, and its codec for each range."""

Crossing = Sequence[tuple[str, Sequence[int]]]
"""Dtype, and shape of one example, of what the forward pass sends across each cut."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes up and down; `is_exact` or at most."""

    num_bytes: float
    is_exact: bool

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.num_bytes + other.num_bytes, self.is_exact and other.is_exact)

    def __mul__(self, times: float) -> "Traffic":
        return Traffic(self.num_bytes * times, self.is_exact)


_Exchange: TypeAlias = tuple[Kind, tuple[EncodedTensor, ...], EncodedTensor]
"""What a client sends, and gets."""

NO_TRAFFIC = Traffic(0.0, is_exact=True)


def step_traffic(config: CellConfig, crossing: Crossing, classes: int, examples: int) -> Traffic:
    """Return the traffic of one step; see `step_messages`."""
    size = sum(map(sum, step_messages(config, crossing, classes, examples)))
    codecs = codec_of(config.codec), codec_of(config.gradient_codec)
    is_exact = all(codec.fixed_size for codec in codecs) and not remembers_examples(config)
    return Traffic(size, is_exact) if examples else NO_TRAFFIC


def step_messages(config: CellConfig, crossing: Crossing, classes: int, examples: int) -> tuple[tuple[int, int], ...]:
    """Return how many bytes go up and down in each exchange of one step.

    Args:
        config: The cell; its algorithm has a main server.
        crossing: What crosses its cuts.
        classes: Of the data, which say how large a label is.
        examples: In the mini-batch.
    """
    if not examples:
        return ()
    batches = [(np.dtype(dtype), (examples, *shape)) for dtype, shape in crossing]
    forward = [_forward(config, *batch, with_header=not i) for i, batch in enumerate(batches)]
    backward = [_backward(config, *batch) for batch in batches]
    if len(batches) == 1:
        labels = _tensor(RAW, (examples,), np.min_scalar_type(classes - 1))
        exchanges: list[_Exchange] = [(Kind.TRAIN_STEP, (forward[0], labels), backward[0])]
    else:
        exchanges = [
            (Kind.FORWARD_BODY, (forward[0],), forward[1]),
            (Kind.BACKWARD_BODY, (backward[1],), backward[0]),
        ]
    deliver_s = 0.0 if config.has_links else None  # a call over a link says when it is delivered
    return tuple(
        (
            messages.size(messages.call_parts(Call(kind, Address(0), sent, deliver_s=deliver_s))),
            messages.size(messages.reply_parts(kind, Reply((received,)))),
        )
        for kind, sent, received in exchanges
    )


def model_traffic(config: CellConfig, measured_bytes: float, parameter_bytes: int, tensors: int) -> Traffic:
    """Return the traffic of one client's model in a round, there and back.

    Args:
        config: The cell; its algorithm exchanges models.
        measured_bytes: What it was in a probe.
        parameter_bytes: Of the model, and where it is handed on with it of its optimizer's state.
        tensors: How many it has.
    """
    codec = codec_of(config.model_codec)
    if codec.fixed_size:
        return Traffic(measured_bytes, is_exact=True)
    itemsize = np.dtype(np.float32).itemsize
    most = codec.max_bytes((1, parameter_bytes // itemsize), np.dtype(np.float32)) + _HEADER_BYTES * tensors
    return Traffic(2.0 * most, is_exact=False)


def _forward(config: CellConfig, dtype: DType, shape: tuple[int, ...], *, with_header: bool) -> EncodedTensor:
    codec = codec_of(config.codec)
    if not remembers_examples(config):
        return _tensor(codec, shape, dtype)
    rows = max(RAW.max_bytes(shape, dtype), codec.max_bytes(shape, dtype))  # some first visits, some changes
    return _zeros(codec, shape, dtype, rows + (header_bytes(shape[0]) if with_header else 0))


def _backward(config: CellConfig, dtype: DType, shape: tuple[int, ...]) -> EncodedTensor:
    return _tensor(codec_of(config.gradient_codec), kept_shape(codec_of(config.codec), shape), dtype)


def _tensor(codec: Codec, shape: tuple[int, ...], dtype: DType) -> EncodedTensor:
    return _zeros(codec, shape, dtype, codec.max_bytes(shape, dtype))


def _zeros(codec: Codec, shape: tuple[int, ...], dtype: DType, size: int) -> EncodedTensor:
    return EncodedTensor(dtype.name, shape, codec.name, np.zeros(size, np.uint8).data)
