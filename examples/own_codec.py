"""A codec of your own: how an array becomes bytes. This one sends each float32 as one byte.

A codec is a class with a name; its name in `CODECS` makes it known. `FloatCodec` does what all of them need: labels
travel raw, and what is not a payload of the codec is refused.
"""

from math import prod

import numpy as np

import sfbench
from splitfed_core.arrays import Array, DType
from splitfed_core.wire.codecs.float_codec import FloatCodec


class Byte(FloatCodec):
    """Floats between the smallest and the largest of their tensor, in 256 steps: a quarter of the bytes of float32."""

    name = "byte"

    def size(self, shape: tuple[int, ...], itemsize: int) -> int:
        """Return the bytes of a payload: the range, and a byte for each element."""
        return 8 + prod(shape)

    def pack(self, array: Array, rng: np.random.Generator | None) -> Array:
        """Write the range, then the levels."""
        low, high = float(array.min(initial=0)), float(array.max(initial=0))
        levels = np.rint((array - low) * (255 / (high - low or 1.0))).astype(np.uint8)
        return np.concatenate([np.array([low, high], "<f4").view(np.uint8), levels.reshape(-1)])

    def unpack(self, payload: Array, shape: tuple[int, ...], dtype: DType) -> Array:
        """Read them; what is restored gets the shape and the type that the array had."""
        low, high = payload[:8].view("<f4")
        values: Array = low + payload[8:] * ((high - low) / 255)
        return values

    def error(self, array: Array) -> Array:
        """Return how far off each element can be: half a step and a little, as float32 rounds, too."""
        low, high = array.min(initial=0), array.max(initial=0)
        return np.full(array.shape, (high - low) / 509)


sfbench.CODECS["byte"] = Byte


def main() -> None:
    """Send real smashed data through it: how many bytes does that save, and does the server still answer the same?"""
    data = sfbench.load_dataset({"name": "digits", "resize": [28, 28]})
    model = sfbench.build_model("lenet5", data.input_shape, data.num_classes, seed=0)
    halves = sfbench.split(model, "pool1")
    smashed = np.asarray(halves.client_side(data.x_test[:64]))
    answers = {}
    for name in ("raw", "byte"):
        codec = sfbench.CODECS[name]()
        tensor = codec.encode(smashed)
        answers[name] = np.argmax(halves.server_side(codec.decode(tensor)), axis=-1)
        print(f"{name}: {tensor.num_bytes:,} bytes, off by at most {np.abs(codec.decode(tensor) - smashed).max():.4f}")
    print(f"the same answer for {np.mean(answers['raw'] == answers['byte']):.0%} of the examples")


if __name__ == "__main__":
    main()
