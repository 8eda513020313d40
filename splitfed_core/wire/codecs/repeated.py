"""The notebook's encoding, for comparison: a protobuf list of numbers, each of which goes through a Python object."""

from functools import cache
from math import prod
from typing import Any

import numpy as np

from splitfed_core.arrays import Array, DType
from splitfed_core.errors import RemoteError
from splitfed_core.wire.codecs.float_codec import FloatCodec


class Repeated(FloatCodec):
    """`repeated float` (of float64: `repeated double`), filled from a list and read as one. Nothing is lost."""

    name = "repeated"
    lossless = True

    def size(self, shape: tuple[int, ...], itemsize: int) -> int:
        """Return 4 (8) bytes for each element, one for the field, and one for every 7 bits of their length in bytes."""
        length = prod(shape) * max(itemsize, 4)
        return 1 + max(1, -(-length.bit_length() // 7)) + length if length else 0

    def pack(self, array: Array, rng: np.random.Generator | None) -> Array:
        """Make a list and serialise it."""
        message = _message(array.dtype.itemsize)()
        message.values.extend(array.flatten().tolist())
        return np.frombuffer(message.SerializeToString(), np.uint8)

    def unpack(self, payload: Array, shape: tuple[int, ...], dtype: DType) -> Array:
        """Parse it and make an array of the list.

        Raises:
            RemoteError: These bytes are not one such list.
        """
        from google.protobuf.message import DecodeError

        try:
            message = _message(dtype.itemsize).FromString(payload.tobytes())
        except DecodeError:
            raise RemoteError(f"{payload.size} bytes of codec {self.name!r} are not a protobuf message") from None
        if len(message.values) != prod(shape):
            raise RemoteError(f"a list of {len(message.values)} numbers came where {prod(shape)} belong")
        return np.array(message.values, np.float64)

    def error(self, array: Array) -> Array:
        """Return zeros: every number here is a Python float, too."""
        return np.zeros(array.shape)

    def bound(self, array: Array) -> Array:
        """Return zeros: nothing goes over a smaller type."""
        return np.zeros(array.shape)


@cache
def _message(itemsize: int) -> Any:
    """Return the class of `message Numbers { repeated float values = 1; }`, as the notebook's messages have it."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    kind = "double" if itemsize == 8 else "float"
    file = descriptor_pb2.FileDescriptorProto(
        name=f"sfbench/repeated_{kind}.proto", package=f"sfbench.repeated_{kind}", syntax="proto3"
    )
    file.message_type.add(name="Numbers").field.add(
        name="values",
        number=1,
        label=field.LABEL_REPEATED,
        type=field.TYPE_DOUBLE if itemsize == 8 else field.TYPE_FLOAT,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.Numbers"))
