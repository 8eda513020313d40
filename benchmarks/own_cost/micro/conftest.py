"""What the micro-benchmarks share: processes' memory settings, and a batch of every size that a cut makes."""

import numpy as np
import pytest

from benchmarks.workers.startup import keep_freed_memory, start_tensorflow
from splitfed_core.arrays import Array

SHAPES = {"32 KB": (128, 64), "692 KB": (128, 26, 26, 2), "11 MB": (128, 26, 26, 32)}
"""Smashed data of 128 examples: at dense1, in between, and at the first convolution of notebook_cnn on 28×28."""


@pytest.fixture(scope="session", autouse=True)
def settings() -> None:
    """Set memory and threads as a sweep's processes do."""
    keep_freed_memory()
    start_tensorflow(1)


@pytest.fixture(params=SHAPES)
def smashed(request: pytest.FixtureRequest) -> Array:
    """Return smashed data of one of the sizes."""
    return np.random.default_rng(0).random(SHAPES[request.param], dtype=np.float32)
