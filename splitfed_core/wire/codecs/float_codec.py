"""What codecs of floating-point numbers share: which arrays they take, what they check, what a cast costs."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from splitfed_core.arrays import Array, DType
from splitfed_core.wire.codecs.base import EncodedTensor, Limit, checked_size, dtype_name, misfit
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.codecs.settings import Settings

_FLOATS = frozenset({"float16", "float32", "float64"})
_CASTS = {"float16": (2.0**-11, 2.0**-25, 65504.0), "float64": (2.0**-24, 2.0**-150, 3.4028234663852886e38)}
"""What a float16 or float64 loses on its way over float32: relative to its size, at least, and up to which size."""


def is_float(dtype: DType) -> bool:
    """Whether these codecs take arrays of a type."""
    return dtype_name(dtype) in _FLOATS


class FloatCodec(ABC):
    """A codec of float16, float32 and float64; arrays of anything else, labels above all, travel raw.

    A codec of one's own says `name`, and what it makes of an array: `size`, `pack`, `unpack` and `error`.
    """

    name: str
    settings: ClassVar[Settings] = {}
    lossless = False
    fixed_size = True
    random = False

    @abstractmethod
    def size(self, shape: tuple[int, ...], itemsize: int) -> int:
        """Return the bytes of a payload, for an array of this shape with elements of so many bytes."""

    @abstractmethod
    def pack(self, array: Array, rng: np.random.Generator | None) -> Array:
        """Return the payload of a contiguous, little-endian array as an array of any kind."""

    @abstractmethod
    def unpack(self, payload: Array, shape: tuple[int, ...], dtype: DType) -> Array:
        """Return the elements of a payload, which are bytes of the right number, in any shape and floating type.

        Raises:
            RemoteError: `pack` makes no such bytes.
        """

    @abstractmethod
    def error(self, array: Array) -> Array:
        """Return the bound of a float64 array, as if float32 were exact."""

    def word(self, dtype: DType) -> int:
        """Return how many bytes of the payload of a floating array belong together: a lossless stage sorts by it."""
        return 1

    def encode(self, array: Array, rng: np.random.Generator | None = None) -> EncodedTensor:
        """Encode floats; anything else becomes a raw tensor."""
        if not is_float(array.dtype):
            return RAW.encode(array)
        with np.errstate(all="ignore"):
            packed = self.pack(np.ascontiguousarray(array, array.dtype.newbyteorder("<")), rng)
        return EncodedTensor(dtype_name(array.dtype), array.shape, self.name, packed.reshape(-1).view(np.uint8).data)

    def decode(self, tensor: EncodedTensor, limit: Limit | None = None) -> Array:
        """Decode what `encode` made.

        Raises:
            RemoteError: It is something else, or larger than the limit.
        """
        if tensor.dtype not in _FLOATS and tensor.codec == RAW.name:
            return RAW.decode(tensor, limit)
        self.check(tensor, limit)
        with np.errstate(all="ignore"):
            values = self.unpack(np.frombuffer(tensor.payload, np.uint8), tensor.shape, tensor.numpy_dtype())
            return values.astype(tensor.numpy_dtype(), copy=False).reshape(tensor.shape)

    def check(self, tensor: EncodedTensor, limit: Limit | None) -> None:
        """Refuse a tensor that is not of this codec, has not its payload's size, or would become too large.

        Raises:
            RemoteError: It is, has or would.
        """
        checked_size(tensor, limit)
        expected = self.num_bytes(tensor.shape, tensor.numpy_dtype())
        if tensor.dtype not in _FLOATS or tensor.codec != self.name or tensor.num_bytes != expected:
            raise misfit(tensor, self.name, expected)

    def num_bytes(self, shape: tuple[int, ...], dtype: DType) -> int:
        """Return the size of a payload."""
        return self.size(shape, dtype.itemsize) if is_float(dtype) else RAW.num_bytes(shape, dtype)

    def max_bytes(self, shape: tuple[int, ...], dtype: DType) -> int:
        """Return the same: it depends on shape and dtype alone."""
        return self.num_bytes(shape, dtype)

    def bound(self, array: Array) -> Array:
        """Return the bound of each element, the way over float32 included."""
        if not is_float(array.dtype):
            return RAW.bound(array)
        with np.errstate(all="ignore"):
            exact = np.asarray(array, np.float64)
            error = np.asarray(self.error(exact), np.float64)
            if array.dtype.name in _CASTS:
                relative, least, greatest = _CASTS[array.dtype.name]
                size = np.abs(exact) + error
                error = np.where(size > greatest, np.inf, error + size * relative + least)
        return np.where(np.isfinite(exact), error, np.nan)


def rounding_error(array: Array, digits: int, smallest: float, overflow: float) -> Array:
    """Return how far rounding to a floating-point format moves each element at most.

    Args:
        array: In float64.
        digits: Binary digits of the format's significand, the hidden one included.
        smallest: Its smallest subnormal number.
        overflow: From here on elements become infinite.
    """
    size = np.abs(array)
    return np.where(size >= overflow, np.inf, size * 2.0**-digits + smallest / 2)
