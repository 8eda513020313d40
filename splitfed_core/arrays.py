"""The array types that roles, codecs and data share."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
IndexArray = npt.NDArray[np.int64]
DType = np.dtype[Any]
