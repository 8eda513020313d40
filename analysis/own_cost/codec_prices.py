"""A line of `codecs.csv`: what one codec made of one tensor."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class CodecPrice:
    """What one codec made of one tensor; `benchmarks/codecs/measure.py` explains the columns."""

    when: str
    cut: str
    tensor: str
    codec: str
    elements: int
    raw_bytes: int
    encoded_bytes: int
    encode_s: float
    decode_s: float
    relative_error: float
    largest_error: float
    share_of_bound: float

    @classmethod
    def read(cls, row: dict[str, str]) -> Self:
        """Read a line."""
        when, cut, tensor, codec, *numbers = (row[name] for name in cls.__slots__)
        sizes, measured = map(int, numbers[:3]), map(float, numbers[3:])
        return cls(when, cut, tensor, codec, *sizes, *measured)

    @property
    def ratio(self) -> float:
        """How many times smaller it was."""
        return self.raw_bytes / self.encoded_bytes

    @property
    def bits(self) -> float:
        """Bits of an element."""
        return 8 * self.encoded_bytes / self.elements

    @property
    def gigabytes_per_s(self) -> float:
        """GB of the array that are encoded and decoded in a second of one core."""
        return self.raw_bytes / (self.encode_s + self.decode_s) / 1e9

    @property
    def nanoseconds(self) -> float:
        """CPU time of both ways for an element, ns."""
        return (self.encode_s + self.decode_s) / self.elements * 1e9
