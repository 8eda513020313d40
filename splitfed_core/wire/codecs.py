"""How an array becomes the payload of a tensor message, and back."""

from dataclasses import dataclass
from pickle import PickleBuffer
from typing import Any, Protocol, SupportsIndex

import numpy as np
import numpy.typing as npt

from splitfed_core.errors import RemoteError

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTensor:
    """An array on the wire.

    Attributes:
        dtype: NumPy name of the decoded array's type, little-endian.
        shape: Shape of the decoded array.
        codec: Name of the codec that can decode the payload.
        payload: The encoded bytes; may be a view of the array they came from.
    """

    dtype: str
    shape: tuple[int, ...]
    codec: str
    payload: bytes | memoryview

    @property
    def num_bytes(self) -> int:
        """Size of the payload."""
        return len(self.payload)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        """Let a pickle carry the payload beside itself, without a copy, from protocol 5 on."""
        payload = PickleBuffer(self.payload) if int(protocol) >= 5 else bytes(self.payload)
        return _unpickled, (self.dtype, self.shape, self.codec, payload)


def _unpickled(dtype: str, shape: tuple[int, ...], codec: str, payload: bytes | PickleBuffer) -> EncodedTensor:
    return EncodedTensor(dtype, shape, codec, memoryview(payload))


class Codec(Protocol):
    """Turns arrays into tensors and back; what the wire costs depends on it."""

    name: str

    def encode(self, array: Array) -> EncodedTensor:
        """Encode an array; the payload may share its memory."""
        ...

    def decode(self, tensor: EncodedTensor) -> Array:
        """Decode a tensor into an array of its dtype and shape, possibly read-only."""
        ...


class RawCodec:
    """The array's own bytes, without a copy on either side."""

    name = "raw"

    def encode(self, array: Array) -> EncodedTensor:
        """Wrap the memory of the array (made contiguous and little-endian if it is not)."""
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        return EncodedTensor(array.dtype.name, array.shape, self.name, little.reshape(-1).view(np.uint8).data)

    def decode(self, tensor: EncodedTensor) -> Array:
        """View the payload as an array.

        Raises:
            RemoteError: The payload does not have the size that dtype and shape ask for.
        """
        dtype = np.dtype(tensor.dtype)
        expected = dtype.itemsize * int(np.prod(tensor.shape, dtype=np.int64))
        if tensor.codec != self.name or tensor.num_bytes != expected:
            raise RemoteError(
                f"{tensor.dtype}{list(tensor.shape)} came as {tensor.num_bytes} bytes of codec {tensor.codec!r}; "
                f"codec {self.name!r} needs {expected} bytes: both sides must run the same version and cell"
            )
        return np.frombuffer(tensor.payload, dtype=dtype.newbyteorder("<")).reshape(tensor.shape)


RAW = RawCodec()
