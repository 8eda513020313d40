"""IEEE half precision: 11 binary digits, from 6e-8 to 65,504."""

from functools import cache
from math import prod

import numpy as np

from splitfed_core.arrays import Array, DType
from splitfed_core.wire.codecs.float_codec import FloatCodec, rounding_error

_BLOCK = 1 << 14


class Float16(FloatCodec):
    """Two bytes each, rounded to nearest, ties to even; from 65,520 on infinite. NaN and inf are kept."""

    name = "fp16"

    def size(self, shape: tuple[int, ...], itemsize: int) -> int:
        """Return two bytes for each element."""
        return 2 * prod(shape)

    def pack(self, array: Array, rng: np.random.Generator | None) -> Array:
        """Round."""
        return array.astype("<f2", copy=False)

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


@cache
def _table() -> Array:
    """Return what each of the 65,536 is as a float32: 256 KiB."""
    return np.arange(1 << 16, dtype="<u2").view("<f2").astype(np.float32)
