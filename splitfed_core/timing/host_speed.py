"""What one thread of this host computes: `measure_host_speed`, in a process of its own.

It multiplies matrices in single precision, which is what HPL and a network's layers spend their time with, and counts
processor time: what neighbours take from the core meanwhile makes no host slower. In a process of its own, because the
number of a BLAS library's threads is settled when NumPy is imported.
"""

import json
import os
import subprocess
import sys
from time import process_time

import numpy as np

from splitfed_core.errors import CellError
from splitfed_core.timing.devices import HostSpeed

_SIZE, _RUNS, _WARM_UP = 512, 60, 5
_ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


def measure_host_speed() -> HostSpeed:
    """Measure it; takes about a second.

    Raises:
        CellError: The process did not answer.
    """
    command = (sys.executable, "-P", "-m", __name__)
    try:
        done = subprocess.run(command, env=os.environ | _ONE_THREAD, capture_output=True, check=True, timeout=120)  # noqa: S603
        return HostSpeed(**json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise CellError(
            f"how fast this host is could not be measured: {error}; give devices as slowdown: FACTOR"
        ) from None


def _rates() -> list[float]:
    """Return the GFLOP/s of each of some matrix products."""
    left, right = (np.random.default_rng(i).random((_SIZE, _SIZE), dtype=np.float32) for i in (0, 1))
    product, rates = np.empty_like(left), []
    for _ in range(_WARM_UP + _RUNS):
        began = process_time()
        np.matmul(left, right, out=product)
        rates.append(2 * _SIZE**3 / (process_time() - began) / 1e9)
    return rates[_WARM_UP:]


if __name__ == "__main__":
    low, middle, high = (float(rate) for rate in np.quantile(_rates(), (0.05, 0.5, 0.95)))
    print(json.dumps({"gflops": middle, "low": low, "high": high}))
