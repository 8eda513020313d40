"""The k elements of largest magnitude of each example, as they are; the others become zero."""

from math import prod
from typing import ClassVar

import numpy as np

from splitfed_core.arrays import Array, DType
from splitfed_core.errors import RemoteError
from splitfed_core.wire.codecs.base import EncodedTensor, Limit
from splitfed_core.wire.codecs.float_codec import FloatCodec
from splitfed_core.wire.codecs.settings import Settings, share

_BLOCK = 1 << 18
"""Elements whose largest are looked for at a time."""

_SIGNLESS: dict[int, np.int16 | np.int32 | np.int64] = {
    2: np.int16(0x7FFF),
    4: np.int32(0x7FFFFFFF),
    8: np.int64(0x7FFFFFFFFFFFFFFF),
}
"""All bits of a float but its sign."""


def rows_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the examples of an array and the elements of each; one with a single axis is one example."""
    return (shape[0], prod(shape[1:])) if len(shape) > 1 else (1, prod(shape))


def gather(array: Array, mask: Array) -> Array:
    """Return the elements of an array that a mask keeps, in the shape of the mask: examples × k."""
    return np.ascontiguousarray(array).reshape(-1)[mask]


def scatter(values: Array, mask: Array, shape: tuple[int, ...]) -> Array:
    """Put the elements that a mask keeps into their places in an array of zeros."""
    array = np.zeros(prod(shape), values.dtype)
    array[mask.reshape(-1)] = values.reshape(-1)
    return array.reshape(shape)


class TopK(FloatCodec):
    """`share` of the elements of each example, at least one, with their places.

    Among equal ones the first are kept; nan counts as larger than inf, and both are kept first. After the values come
    the places of all examples: of each kept element as few bits as hold it, in planes, or one bit for each element of
    the array where that is less.
    """

    name = "topk"
    settings: ClassVar[Settings] = {"share": share(0.01, always_written=True)}

    def __init__(self, share: float = 0.01) -> None:
        """Keep `max(1, round(share · d))` of the d elements of each example."""
        self._share = share

    def kept(self, elements: int) -> int:
        """Return k."""
        return max(1, round(self._share * elements))

    def size(self, shape: tuple[int, ...], itemsize: int) -> int:
        """Return the values' bytes and the places': ⌈examples · min(k · ⌈log₂ d⌉, d) ÷ 8⌉, none where all are kept."""
        examples, elements = rows_of(shape)
        if not examples * elements:
            return 0
        return examples * self.kept(elements) * itemsize + -(-examples * self._place_bits(elements) // 8)

    def pack(self, array: Array, rng: np.random.Generator | None) -> Array:
        """Write the kept values and their places."""
        examples, elements = rows_of(array.shape)
        if not array.size:
            return np.empty(0, np.uint8)
        mask = self.choose(array.reshape(examples, elements), rng)
        values = array.reshape(-1)[mask].reshape(-1).view(np.uint8)
        return np.concatenate([values, self._pack_places(mask, elements)])

    def unpack(self, payload: Array, shape: tuple[int, ...], dtype: DType) -> Array:
        """Put the values into their places."""
        examples, elements = rows_of(shape)
        if not examples * elements:
            return np.empty(shape, dtype)
        mask = self._read_places(payload, examples, elements, dtype)
        return scatter(payload[: mask.size * dtype.itemsize].view(dtype), mask, shape)

    def mask_of(self, tensor: EncodedTensor, limit: Limit | None = None) -> Array:
        """Return the places of the kept elements in the flattened array, ascending: examples × k.

        Raises:
            RemoteError: `encode` makes no such tensor, or it would become more than the limit.
        """
        self.check(tensor, limit)
        examples, elements = rows_of(tensor.shape)
        if not examples * elements:
            return np.empty((examples, 0), np.int64)
        return self._read_places(np.frombuffer(tensor.payload, np.uint8), examples, elements, tensor.numpy_dtype())

    def error(self, array: Array) -> Array:
        """Return what is lost where an element is left out: itself, and at most the k-th largest of its example."""
        examples, elements = rows_of(array.shape)
        size = np.abs(array).reshape(examples, elements)
        if not array.size:
            return array
        place = elements - self.kept(elements)
        smallest_kept = np.partition(size, place, axis=1)[:, place, None]
        return np.reshape(np.minimum(size, smallest_kept), array.shape)

    def word(self, dtype: DType) -> int:
        """Return the size of an element."""
        return dtype.itemsize

    def choose(self, rows: Array, rng: np.random.Generator | None) -> Array:
        """Return which elements of each row are kept."""
        k = self.kept(rows.shape[1])
        step = max(1, _BLOCK // rows.shape[1])
        chosen = [self.choose_columns(rows[start : start + step], k, rng) for start in range(0, len(rows), step)]
        places = np.concatenate(chosen)
        places += np.arange(len(rows))[:, None] * rows.shape[1]
        return places

    def choose_columns(self, rows: Array, k: int, rng: np.random.Generator | None) -> Array:
        """Return the k columns that are kept of each of some rows, ascending."""
        return largest(rows, k)

    def _place_bits(self, elements: int) -> int:
        """Return how many bits the places of an example take."""
        k = self.kept(elements)
        return 0 if k == elements else min(k * (elements - 1).bit_length(), elements)

    def _is_bitmap(self, elements: int) -> bool:
        return self._place_bits(elements) == elements

    def _pack_places(self, mask: Array, elements: int) -> Array:
        examples, k = mask.shape
        if k == elements:
            return np.empty(0, np.uint8)
        if self._is_bitmap(elements):
            bits = np.zeros(examples * elements, np.bool_)
            bits[mask.reshape(-1)] = True
            return np.packbits(bits)
        columns = (mask - np.arange(examples)[:, None] * elements).astype(np.uint32).reshape(-1)
        width = (elements - 1).bit_length()
        planes = np.empty((width, columns.size), np.bool_)
        for bit in range(width):
            np.not_equal(columns & np.uint32(1 << bit), 0, out=planes[bit])
        return np.packbits(planes)

    def _read_places(self, payload: Array, examples: int, elements: int, dtype: DType) -> Array:
        """Return the mask of a payload.

        Raises:
            RemoteError: A place that is not in the example, or twice there, or too many or few of them.
        """
        k = self.kept(elements)
        starts = np.arange(examples)[:, None] * elements
        if k == elements:
            return starts + np.arange(elements)
        packed = payload[examples * k * dtype.itemsize :]
        if self._is_bitmap(elements):
            bits = np.unpackbits(packed, count=examples * elements).view(np.bool_).reshape(examples, elements)
            if not (np.count_nonzero(bits, axis=1) == k).all():
                raise RemoteError(f"a {self.name} tensor keeps other than {k} of {elements} elements of an example")
            return np.flatnonzero(bits).reshape(examples, k)
        width = (elements - 1).bit_length()
        planes = np.unpackbits(packed, count=width * examples * k).reshape(width, examples * k)
        columns = np.zeros(examples * k, np.int64)
        for bit in range(width):
            columns |= planes[bit].astype(np.int64) << bit
        places = columns.reshape(examples, k)
        if places[:, -1].max() >= elements or not (places[:, 1:] > places[:, :-1]).all():
            raise RemoteError(f"a {self.name} tensor has places that do not ascend below {elements}")
        return places + starts


def largest(rows: Array, k: int) -> Array:
    """Return the columns of the k elements of largest magnitude in each row, ascending; the first among equal ones.

    The bits of a float without its sign are ordered as its magnitude, nan last.
    """
    examples, elements = rows.shape
    if k == elements:
        return np.broadcast_to(np.arange(elements), rows.shape).copy()
    signless = _SIGNLESS[rows.dtype.itemsize]
    magnitude = rows.view(signless.dtype) & signless
    place = elements - k
    threshold = np.partition(magnitude, place, axis=1)[:, place, None]
    keep = magnitude >= threshold
    if np.count_nonzero(keep) != examples * k:
        keep = magnitude > threshold
        tied = magnitude == threshold
        lacking = k - np.count_nonzero(keep, axis=1)
        keep |= tied & (np.cumsum(tied, axis=1, dtype=np.int32) <= lacking[:, None])
    places: Array = np.flatnonzero(keep).reshape(examples, k)
    places -= np.arange(examples)[:, None] * elements
    return places
