from collections.abc import Sequence

from keras import KerasTensor

def pad(x: KerasTensor, pad_width: Sequence[Sequence[int]]) -> KerasTensor: ...
