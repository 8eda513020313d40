"""IEEE half precision: 11 binary digits, from 6e-8 to 65,504."""

from functools import cache
from math import prod

import numpy as np

from splitfed_core.arrays import Array, DType
from splitfed_core.wire.codecs.float_codec import FloatCodec, rounding_error

_BLOCK = 1 << 14

# The bits of numbers as whole numbers: of float32, and of float16.
_INFINITE = np.uint32(0x7F800000)
_INFINITY, _SMALLEST_NORMAL, _NAN = np.uint32(0x7C00), np.uint32(0x0400), np.uint32(0x7E00)
_REBIAS = np.uint32((127 - 15) << 10)


class Float16(FloatCodec):
    """Two bytes each, rounded to nearest, ties to even; from 65,520 on infinite. NaN and inf are kept."""

    name = "fp16"

    def size(self, shape: tuple[int, ...], itemsize: int) -> int:
        """Return two bytes for each element."""
        return 2 * prod(shape)

    def pack(self, array: Array, rng: np.random.Generator | None) -> Array:
        """Round; float32, which is what there is, block by block."""
        if array.dtype != np.float32:
            return array.astype("<f2", copy=False)
        values = array.reshape(-1)
        codes = np.empty(values.size, "<u2")
        for start in range(0, values.size, _BLOCK):
            _round(values[start : start + _BLOCK], codes[start : start + _BLOCK])
        return codes

    def unpack(self, payload: Array, shape: tuple[int, ...], dtype: DType) -> Array:
        """Look each up in the table of all there are, which is faster than NumPy's conversion."""
        codes = payload.view("<u2")
        values = np.empty(codes.size, np.float32)
        for start in range(0, codes.size, _BLOCK):
            np.take(_table(), codes[start : start + _BLOCK], out=values[start : start + _BLOCK], mode="wrap")
        return values

    def error(self, array: Array) -> Array:
        """Return 2⁻¹¹ of each element, and at least 2⁻²⁵."""
        return rounding_error(array, 11, 2.0**-24, 65520.0)

    def word(self, dtype: DType) -> int:
        """Return two bytes."""
        return 2


def _round(values: Array, codes: Array) -> None:
    """Do by whole numbers, several times as fast, what NumPy's conversion does one by one.

    Adding half a step (and one, where the last digit that stays is odd) and cutting off 13 digits rounds a normal
    number, and carries into the exponent as it should. A subnormal is a whole number of 2⁻²⁴, the step of float32 at ½:
    adding ½ leaves it in the last digits. Of the two the smaller one is right.
    """
    bits = values.view(np.uint32)
    size = bits & np.uint32(0x7FFFFFFF)
    half = size >> np.uint32(13)
    half &= np.uint32(1)
    half += size
    half += np.uint32(0xFFF)
    half >>= np.uint32(13)
    half -= _REBIAS + _SMALLEST_NORMAL  # of what is smaller it becomes huge
    np.minimum(half, _INFINITY - _SMALLEST_NORMAL, out=half)
    half += _SMALLEST_NORMAL
    small = np.abs(values)
    small += np.float32(0.5)
    subnormal = small.view(np.uint32)
    subnormal -= np.uint32(0x3F000000)
    np.minimum(half, subnormal, out=half)
    if size.max() > _INFINITE:
        half[size > _INFINITE] = _NAN
    sign = np.right_shift(bits, np.uint32(16), out=size)
    sign &= np.uint32(0x8000)
    half |= sign
    np.copyto(codes, half, casting="unsafe")


@cache
def _table() -> Array:
    """Return what each of the 65,536 is as a float32: 256 KiB."""
    return np.arange(1 << 16, dtype="<u2").view("<f2").astype(np.float32)
