"""The codec that changes nothing: the bytes of the array."""

from math import prod
from typing import ClassVar

import numpy as np

from splitfed_core.arrays import Array, DType
from splitfed_core.wire.codecs.base import EncodedTensor, Limit, checked_size, dtype_name, misfit
from splitfed_core.wire.codecs.settings import Settings


class RawCodec:
    """The array's own bytes, without a copy on either side."""

    name = "raw"
    settings: ClassVar[Settings] = {}
    lossless, fixed_size, random = True, True, False

    def encode(self, array: Array, rng: np.random.Generator | None = None) -> EncodedTensor:
        """Wrap the memory of the array (made contiguous and little-endian if it is not)."""
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        return EncodedTensor(dtype_name(array.dtype), array.shape, self.name, little.reshape(-1).view(np.uint8).data)

    def decode(self, tensor: EncodedTensor, limit: Limit | None = None) -> Array:
        """View the payload as an array.

        Raises:
            RemoteError: The payload does not have the size that dtype and shape ask for, or there is no such dtype.
        """
        dtype = tensor.numpy_dtype()
        expected = dtype.itemsize * prod(tensor.shape)
        if tensor.codec != self.name or tensor.num_bytes != expected or (limit and expected > limit.num_bytes):
            checked_size(tensor, limit)
            raise misfit(tensor, self.name, expected)
        try:
            return np.frombuffer(tensor.payload, dtype=dtype).reshape(tensor.shape)
        except ValueError:
            raise misfit(tensor, self.name, "another number of") from None

    def num_bytes(self, shape: tuple[int, ...], dtype: DType) -> int:
        """Return elements times the size of one."""
        return dtype.itemsize * prod(shape)

    def max_bytes(self, shape: tuple[int, ...], dtype: DType) -> int:
        """Return the same."""
        return self.num_bytes(shape, dtype)

    def bound(self, array: Array) -> Array:
        """Return zeros."""
        return np.zeros(array.shape)


RAW = RawCodec()
