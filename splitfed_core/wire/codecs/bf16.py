"""The upper half of a float32: 8 binary digits, and its whole range."""

from functools import cache
from math import prod

import numpy as np

from splitfed_core.arrays import Array, DType
from splitfed_core.wire.codecs.float_codec import FloatCodec, rounding_error

_OVERFLOW = float(np.uint32(0x7F7F8000).view(np.float32))
"""Half a step above the largest of them."""


class BFloat16(FloatCodec):
    """Two bytes each, rounded to nearest, ties to even. NaN and inf are kept."""

    name = "bf16"

    def size(self, shape: tuple[int, ...], itemsize: int) -> int:
        """Return two bytes for each element."""
        return 2 * prod(shape)

    def pack(self, array: Array, rng: np.random.Generator | None) -> Array:
        """Round."""
        return array.astype(np.float32, copy=False).astype(_bfloat16()).view("<u2")

    def unpack(self, payload: Array, shape: tuple[int, ...], dtype: DType) -> Array:
        """Read; every bfloat16 is a float32."""
        return payload.view(_bfloat16()).astype(np.float32)

    def error(self, array: Array) -> Array:
        """Return 2⁻⁸ of each element, and at least 2⁻¹³⁴."""
        return rounding_error(array, 8, 2.0**-133, _OVERFLOW)

    def word(self, dtype: DType) -> int:
        """Return two bytes."""
        return 2


@cache
def _bfloat16() -> DType:
    from ml_dtypes import bfloat16  # reading a cell's parameters takes no codec's library

    dtype: DType = np.dtype(bfloat16)
    return dtype
