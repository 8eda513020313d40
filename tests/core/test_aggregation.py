import numpy as np
import pytest

from splitfed_core.aggregation import fedavg


def test_fedavg_weighs_by_examples() -> None:
    a, b = [np.array([1.0, 2.0], np.float32)], [np.array([4.0, -1.0], np.float32)]
    (mean,) = fedavg([(a, 1), (b, 3)])
    np.testing.assert_array_equal(mean, np.array([3.25, -0.25], np.float32))
    assert mean.dtype == np.float32


def test_fedavg_of_no_examples_is_refused() -> None:
    with pytest.raises(ValueError, match="no examples"):
        fedavg([([np.zeros(1, np.float32)], 0)])
