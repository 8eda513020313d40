"""Where tolerances come from, by hand."""

from math import sqrt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from splitfed_core.verification.rounding import difference, rounding, tolerance

EPS, EPS_SINGLE = 2.0**-52, 2.0**-23
NETWORK: Any = SimpleNamespace(
    weights=[np.zeros((3, 3, 2, 8)), np.zeros(8), np.zeros((8, 5)), np.zeros(5)], input_shape=(None, 6, 6, 2)
)
# Over its inputs (18 and 8) and over its outputs (72 and 5); each of four arrays over a batch of 4 of 72 numbers.
TERMS = 18 + 72 + 8 + 5 + 4 * 4 * 72


@pytest.mark.parametrize(("dtype", "eps"), [(np.float64, EPS), (np.float32, EPS_SINGLE)])
def test_a_sum_errs_by_ten_random_walks(dtype: type, eps: float) -> None:
    assert rounding(16, dtype) == 40 * eps
    assert rounding(1) == 10 * EPS


def test_a_tolerance_grows_with_the_steps_and_the_slope_of_the_optimizer() -> None:
    per_step = 10 * sqrt(TERMS) * EPS
    assert tolerance(NETWORK, 4, 3, "sgd", 0.5) == pytest.approx(3 * per_step * 1.5, rel=1e-15)
    assert tolerance(NETWORK, 4, 1, "adam", 1e-3) == pytest.approx(per_step * (1 + 1e4), rel=1e-15)
    assert tolerance(NETWORK, 4, 1, "sgd", 0.0, np.float32) == pytest.approx(per_step * 2**29, rel=1e-15)


@pytest.mark.parametrize(
    ("measured", "expected", "apart"),
    [([0.5, 0.25], [0.5, 0.0], 0.25), ([6.0, -7.0], [4.0, -8.0], 0.25), ([1.0, 1.0], [1.0, 4.0], 0.75), ([], [], 0.0)],
)
def test_a_difference_is_relative_to_the_largest_or_to_one(
    measured: list[float], expected: list[float], apart: float
) -> None:
    assert difference(measured, expected) == apart
