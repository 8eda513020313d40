from collections.abc import Sequence

from tensorflow import Tensor

def flatten(structure: Tensor | Sequence[Tensor]) -> list[Tensor]: ...
