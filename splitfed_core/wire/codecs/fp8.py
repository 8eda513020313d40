"""Eight bits with an exponent, after scaling by a power of two: small gradients would become zero without that."""

from functools import cache
from math import prod
from typing import ClassVar, NamedTuple

import numpy as np

from splitfed_core.arrays import Array, DType
from splitfed_core.wire.codecs.float_codec import FloatCodec, rounding_error
from splitfed_core.wire.codecs.settings import Settings, one_of

_BLOCK = 1 << 15
_MOST_OF_FLOAT32 = 126


class _Format(NamedTuple):
    """One of the two: its type in `ml_dtypes`, binary digits, and smallest and largest number."""

    dtype: str
    digits: int
    smallest: float
    largest: float


_FORMATS = {
    "e4m3": _Format("float8_e4m3fn", 4, 2.0**-9, 448.0),
    "e5m2": _Format("float8_e5m2", 3, 2.0**-16, 57344.0),
}


class Float8(FloatCodec):
    """One byte each, and one int16 for the tensor: by which power of two its largest element comes to the format's end.

    Rounded to nearest, ties to even. NaN is kept; inf is kept by e5m2 and becomes nan in e4m3, which has none.
    """

    name = "fp8"
    settings: ClassVar[Settings] = {"format": one_of("e4m3", "e5m2", always_written=True)}

    def __init__(self, format: str = "e4m3") -> None:  # noqa: A002  the name of the setting
        """Use 4 bits of exponent and 3 of significand, or 5 and 2."""
        self._format = _FORMATS[format]

    def size(self, shape: tuple[int, ...], itemsize: int) -> int:
        """Return one byte for each element, and two for the exponent of the scale."""
        return 2 + prod(shape) if prod(shape) else 0

    def pack(self, array: Array, rng: np.random.Generator | None) -> Array:
        """Scale and round."""
        packed = np.empty(self.size(array.shape, 4), np.uint8)
        if array.size:
            values = array.astype(np.float32, copy=False).reshape(-1)
            exponent = self._exponent(values)
            packed[:2].view("<i2")[0] = exponent
            codes = packed[2:].view(_float8(self._format.dtype))
            for start in range(0, values.size, _BLOCK):
                codes[start : start + _BLOCK] = _scaled(values[start : start + _BLOCK], exponent)
        return packed

    def unpack(self, payload: Array, shape: tuple[int, ...], dtype: DType) -> Array:
        """Look each byte up in the table of what the 256 of them are."""
        values = np.empty(max(payload.size - 2, 0), np.float32)
        if values.size:
            table = self._table(int(payload[:2].view("<i2")[0]))
            for start in range(0, values.size, _BLOCK):
                np.take(table, payload[2 + start : 2 + start + _BLOCK], out=values[start : start + _BLOCK], mode="wrap")
        return values

    def error(self, array: Array) -> Array:
        """Return 2⁻⁴ (e5m2: 2⁻³) of each element, and at least half the smallest number over the scale."""
        if not array.size:
            return array
        single = array.astype(np.float32)
        scale = 2.0 ** -self._exponent(single)
        rounded = rounding_error(array, self._format.digits, self._format.smallest * scale, np.inf)
        return rounded + 2.0**-149  # a scale below float32's normal numbers rounds them, too

    def _table(self, exponent: int) -> Array:
        """Return what each of the 256 codes is; what rounding took beyond float32 is its largest number."""
        numbers = np.arange(256, dtype=np.uint8).view(_float8(self._format.dtype)).astype(np.float64)
        largest = np.finfo(np.float32).max
        values = np.where(np.isinf(numbers), numbers, np.clip(np.ldexp(numbers, -exponent), -largest, largest))
        return values.astype(np.float32)

    def _exponent(self, values: Array) -> int:
        """Return the largest exponent whose power of two takes no finite element beyond the format."""
        size = float(max(values.max(), -values.min()))
        if not np.isfinite(size):
            finite = np.abs(values[np.isfinite(values)])
            size = float(finite.max()) if finite.size else 0.0
        return int(np.floor(np.log2(self._format.largest / size))) if size else 0


def _scaled(values: Array, exponent: int) -> Array:
    """Multiply by a power of two, which need not itself be a float32."""
    if abs(exponent) < _MOST_OF_FLOAT32:
        return values * np.float32(2.0**exponent)
    return np.ldexp(values, exponent)


@cache
def _float8(name: str) -> DType:
    import ml_dtypes  # reading a cell's parameters takes no codec's library

    dtype: DType = np.dtype(getattr(ml_dtypes, name))
    return dtype
