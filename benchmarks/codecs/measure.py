"""The price of a codec: bytes, how far what comes back is off, and the CPU time of both ways."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import median
from time import thread_time
from typing import Any

import numpy as np

from splitfed_core.arrays import Array
from splitfed_core.wire.codecs import make_codec
from splitfed_core.wire.codecs.base import Codec, EncodedTensor, Limit

Form = str | Mapping[str, Any]

FORMS: tuple[Form, ...] = (
    "raw",
    "fp16",
    "bf16",
    "fp8",
    {"name": "fp8", "format": "e5m2"},
    "int8",
    {"name": "int8", "per": "channel"},
    {"name": "int8", "rounding": "stochastic"},
    "int4",
    {"name": "int4", "per": "channel"},
    "int2",
    "topk",
    {"name": "topk", "share": 0.1},
    {"name": "randtopk", "share": 0.1},
    "delta",
    "repeated",
    {"name": "raw", "then": "zstd"},
    {"name": "raw", "then": "lz4"},
    {"name": "bf16", "then": "zstd"},
    {"name": "int8", "then": "zstd"},
    {"name": "int4", "then": "lz4"},
    {"name": "topk", "share": 0.1, "then": "zstd"},
)
_SPARSE, _CHANGES = ("topk", "randtopk"), ("delta",)
_BLOCKS, _LEAST_S = 5, 0.01
"""Codecs take turns, so that what else the machine does falls on all; in each turn one works for at least so long."""

_OFFSET = 5
"""Where a payload begins in a message: seldom at a multiple of an element's size."""


@dataclass(frozen=True)
class Price:
    """A line of `codecs.csv`: what one codec makes of one tensor.

    Attributes:
        when, cut, tensor: Of which the tensor is.
        codec: The codec, in words.
        elements, raw_bytes, encoded_bytes: Of the tensor; its payload.
        encode_s, decode_s: CPU time, the median of the turns.
        relative_error: Root of the summed squares of what is off, over that of the tensor (of `delta`: of the smashed
            data whose change it is).
        largest_error: Of an element.
        share_of_bound: The same over the bound that the codec promises there, the largest of all.
    """

    when: str
    cut: str
    tensor: str
    codec: str
    elements: int
    raw_bytes: int
    encoded_bytes: int
    encode_s: float
    decode_s: float
    relative_error: float
    largest_error: float
    share_of_bound: float


COLUMNS = tuple(field.name for field in fields(Price))


def shown(form: Form) -> str:
    """Return a codec in words: `topk 0.1, zstd`."""
    if isinstance(form, str):
        return form
    words = [str(value) if name != "per" else f"per {value}" for name, value in form.items() if name != "then"]
    return " ".join(words) + (f" + {form['then']}" if "then" in form else "")


def applies(form: Form, tensor: str) -> bool:
    """Whether a tensor would be sent so: a gradient takes the mask of sparse smashed data, and delta sees changes."""
    name = form if isinstance(form, str) else form["name"]
    if tensor == "change":
        return name in _CHANGES
    return name not in _CHANGES and not (tensor == "gradient" and name in _SPARSE)


def prices(when: str, cut: str, tensors: Mapping[str, Array], forms: Sequence[Form] = FORMS) -> Iterator[Price]:
    """Measure every codec on every tensor that it would be used for."""
    for tensor, array in tensors.items():
        used = [form for form in forms if applies(form, tensor)]
        whole = tensors["smashed"] if tensor == "change" else array
        for form, (encode_s, decode_s) in zip(used, _times(used, array), strict=True):
            codec = make_codec(form)
            encoded = codec.encode(array, np.random.default_rng(0))
            off = np.abs(codec.decode(encoded).astype(np.float64) - array)
            yield Price(
                when,
                cut,
                tensor,
                shown(form),
                array.size,
                array.nbytes,
                encoded.num_bytes,
                encode_s,
                decode_s,
                relative_error=float(np.linalg.norm(off) / np.linalg.norm(whole.astype(np.float64))),
                largest_error=float(off.max()),
                share_of_bound=float(np.max(off / np.maximum(codec.bound(array), np.finfo(float).tiny))),
            )


def _times(forms: Sequence[Form], array: Array) -> list[tuple[float, float]]:
    """Return the CPU time of encoding and decoding of each codec, all measured in turns."""
    acts = [_acts(make_codec(form), array) for form in forms]
    turns = [[(_seconds(encode), _seconds(decode)) for encode, decode in acts] for _ in range(_BLOCKS)]
    return [(median(e for e, _ in each), median(d for _, d in each)) for each in zip(*turns, strict=True)]


def _acts(codec: Codec, array: Array) -> tuple[Callable[[], object], Callable[[], object]]:
    rng, limit = np.random.default_rng(0), Limit(array.nbytes)
    tensor = codec.encode(array, rng)
    message = memoryview(bytes(_OFFSET) + bytes(tensor.payload))
    received = EncodedTensor(tensor.dtype, tensor.shape, tensor.codec, message[_OFFSET:])
    return lambda: codec.encode(array, rng), lambda: codec.decode(received, limit)


def _seconds(act: Callable[[], object]) -> float:
    """Return the CPU time of one act, by as many as take some time together."""
    acts, began = 0, thread_time()
    while (took := thread_time() - began) < _LEAST_S or not acts:
        act()
        acts += 1
    return took / acts
