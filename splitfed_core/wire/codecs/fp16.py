"""IEEE half precision: 11 binary digits, from 6e-8 to 65,504."""

from math import prod

import numpy as np

from splitfed_core.arrays import Array, DType
from splitfed_core.wire.codecs.float_codec import FloatCodec, rounding_error


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
        """Read; every float16 is a float32."""
        return payload.view("<f2")

    def error(self, array: Array) -> Array:
        """Return 2⁻¹¹ of each element, and at least 2⁻²⁵."""
        return rounding_error(array, 11, 2.0**-24, 65520.0)

    def word(self, dtype: DType) -> int:
        """Return two bytes."""
        return 2
