"""What one thread of this host computes: `host_speed`, measured in a process of its own.

It multiplies matrices in single precision, which is what HPL and a network's layers spend their time with, and counts
processor time: what neighbours take from the core meanwhile makes no host slower. In a process of its own, because the
number of a BLAS library's threads is settled when NumPy is imported.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from time import process_time

import numpy as np

from splitfed_core.errors import CellError, UsageError
from splitfed_core.timing.devices import HostSpeed

_SIZE, _RUNS, _WARM_UP = 512, 60, 5
_ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


VARIABLE = "SFBENCH_HOST_GFLOPS"
"""Says it instead: median, low and high, as in `119.4 114.2 124.4`. `sfbench ab` gives both sides the same."""


def host_speed(environment: Mapping[str, str] = os.environ) -> HostSpeed:
    """Return what the environment says, or else measure it.

    Raises:
        UsageError: The variable holds something else.
        CellError: It could not be measured.
    """
    text = environment.get(VARIABLE)
    if text is None:
        return measure_host_speed()
    try:
        speed = HostSpeed(*map(float, text.split()))
    except (TypeError, ValueError):
        speed = HostSpeed(0.0, 0.0, 0.0)
    if not 0 < speed.low <= speed.gflops <= speed.high < float("inf"):
        raise UsageError(f"{VARIABLE}={text}: write three numbers of GFLOP/s, median, low and high: 119.4 114.2 124.4")
    return speed


def as_variable(speed: HostSpeed) -> dict[str, str]:
    """Return the environment that says it."""
    return {VARIABLE: f"{speed.gflops!r} {speed.low!r} {speed.high!r}"}


@cache
def measure_host_speed() -> HostSpeed:
    """Measure it, once in a process; takes about a second.

    Raises:
        CellError: The process did not answer.
    """
    command = (sys.executable, "-P", "-m", __name__)
    try:
        done = subprocess.run(command, env=os.environ | _ONE_THREAD, capture_output=True, check=True, timeout=120)  # noqa: S603  ours
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
