"""Protobuf's wire format, as far as it takes to put a tensor's payload into a message, and get it out, without a copy.

https://protobuf.dev/programming-guides/encoding
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from splitfed_core.errors import RemoteError

_LENGTH_DELIMITED = 2
_FIXED_BYTES = {1: 8, 5: 4}
_MAX_VARINT_BYTES = 10


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: `raw` with its key, `value` without it (and, if it has one, without its length)."""

    number: int
    raw: memoryview
    value: memoryview


def split(message: memoryview, numbers: Collection[int]) -> tuple[bytes, list[Field]]:
    """Take the length-delimited fields with these numbers out of a message.

    Returns:
        What is left, itself a message, and the fields in their order, as views of the message.

    Raises:
        RemoteError: The message is cut off, or none.
    """
    rest, taken = bytearray(), []
    for field in _fields(message):
        if field.number in numbers:
            taken.append(field)
        else:
            rest += field.raw
    return bytes(rest), taken


def key(number: int, length: int) -> bytes:
    """Return what stands before the `length` bytes of a length-delimited field."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(length)


def _fields(message: memoryview) -> Iterator[Field]:
    start, size = 0, len(message)
    while start < size:
        number_and_kind, begin = _read_varint(message, start)
        kind = number_and_kind & 7
        if kind == _LENGTH_DELIMITED:
            length, begin = _read_varint(message, begin)
            end = begin + length
        elif kind == 0:
            _, end = _read_varint(message, begin)
        else:
            end = begin + _FIXED_BYTES.get(kind, size)
        if end > size:
            raise RemoteError(
                f"a message of {size} bytes is truncated or malformed: both sides must run the same version"
            )
        yield Field(number_and_kind >> 3, message[start:end], message[begin:end])
        start = end


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(message: memoryview, start: int) -> tuple[int, int]:
    """Return the number that starts there, and where it ends."""
    value = 0
    for count, byte in enumerate(message[start : start + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * count
        if byte <= 0x7F:
            return value, start + count + 1
    raise RemoteError(
        f"a message of {len(message)} bytes is truncated or malformed: both sides must run the same version"
    )
