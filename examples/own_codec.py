"""A codec of your own: how an array becomes bytes. This one sends each float32 as one byte.

A codec is an object with a name, `encode` and `decode`; its name in `CODECS` makes it known.
"""

import numpy as np

import sfbench
from splitfed_core.arrays import Array
from splitfed_core.wire.codecs.base import EncodedTensor


class Byte:
    """Floats between the smallest and the largest of their tensor, in 256 steps: a quarter of the bytes of float32."""

    name = "byte"

    def encode(self, array: Array) -> EncodedTensor:
        """Send the range, then a byte for each value."""
        low, high = float(array.min()), float(array.max())
        levels = np.rint((array - low) * (255 / (high - low or 1.0))).astype(np.uint8)
        ends = np.array([low, high], "<f4").tobytes()
        return EncodedTensor(array.dtype.name, array.shape, self.name, ends + levels.tobytes())

    def decode(self, tensor: EncodedTensor) -> Array:
        """Read them; what is restored has the shape and the type that the array had."""
        low, high = np.frombuffer(tensor.payload, "<f4", count=2)
        levels = np.frombuffer(tensor.payload, np.uint8, offset=8)
        return (low + levels * ((high - low) / 255)).astype(tensor.numpy_dtype()).reshape(tensor.shape)


sfbench.CODECS["byte"] = Byte()


def main() -> None:
    """Send real smashed data through it: how many bytes does that save, and does the server still answer the same?"""
    data = sfbench.load_dataset({"name": "digits", "resize": [28, 28]})
    model = sfbench.build_model("lenet5", data.input_shape, data.num_classes, seed=0)
    halves = sfbench.split(model, "pool1")
    smashed = np.asarray(halves.client_side(data.x_test[:64]))
    answers = {}
    for name in ("raw", "byte"):
        codec = sfbench.CODECS[name]
        tensor = codec.encode(smashed)
        answers[name] = np.argmax(halves.server_side(codec.decode(tensor)), axis=-1)
        print(f"{name}: {tensor.num_bytes:,} bytes, off by at most {np.abs(codec.decode(tensor) - smashed).max():.4f}")
    print(f"the same answer for {np.mean(answers['raw'] == answers['byte']):.0%} of the examples")


if __name__ == "__main__":
    main()
