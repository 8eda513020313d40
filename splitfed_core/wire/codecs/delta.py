"""Changes since an example's last visit, quantised: what AQ-SGD sends (arXiv 2206.01299).

The codec sees changes and has no memory; who remembers the last values is the codec layer.
"""

from typing import ClassVar

from splitfed_core.wire.codecs.affine import Affine
from splitfed_core.wire.codecs.settings import Settings, one_of


class Delta(Affine):
    """`bits` bits each, by the range of each example: a change is large where an example has not been for long."""

    name = "delta"
    settings: ClassVar[Settings] = {
        "bits": one_of(4, 2, 8, always_written=True),
        "rounding": one_of("nearest", "stochastic"),
    }

    def __init__(self, bits: int = 4, rounding: str = "nearest") -> None:
        """Send each element in 2, 4 or 8 bits; round to "nearest" or "stochastic"."""
        super().__init__(per="example", rounding=rounding)
        self.bits = bits
