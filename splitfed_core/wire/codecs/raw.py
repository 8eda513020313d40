"""The codec that changes nothing: the bytes of the array."""

from math import prod

import numpy as np

from splitfed_core.arrays import Array
from splitfed_core.errors import RemoteError
from splitfed_core.wire.codecs.base import EncodedTensor, dtype_name


class RawCodec:
    """The array's own bytes, without a copy on either side."""

    name = "raw"

    def encode(self, array: Array) -> EncodedTensor:
        """Wrap the memory of the array (made contiguous and little-endian if it is not)."""
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        return EncodedTensor(dtype_name(array.dtype), array.shape, self.name, little.reshape(-1).view(np.uint8).data)

    def decode(self, tensor: EncodedTensor) -> Array:
        """View the payload as an array.

        Raises:
            RemoteError: The payload does not have the size that dtype and shape ask for, or there is no such dtype.
        """
        dtype = tensor.numpy_dtype()
        expected = dtype.itemsize * prod(tensor.shape)
        if tensor.codec != self.name or tensor.num_bytes != expected:
            raise RemoteError(
                f"{tensor.dtype}{list(tensor.shape)} came as {tensor.num_bytes} bytes of codec {tensor.codec!r}; "
                f"codec {self.name!r} needs {expected} bytes: both sides must run the same version and cell"
            )
        return np.frombuffer(tensor.payload, dtype=dtype).reshape(tensor.shape)


RAW = RawCodec()
