"""Where a cell was measured: hardware, versions, code, and what else the machine was doing."""

import hashlib
import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import get_clock_info, perf_counter

import psutil

from benchmarks.machine.code import own_code
from benchmarks.machine.git import checkout
from splitfed_core.records.environment import Environment
from splitfed_core.records.manifest import Conditions

PACKAGES = (
    "sfbench", "tensorflow", "keras", "ray", "grpcio", "protobuf", "flwr", "flwr-datasets", "numpy", "scikit-learn",
)  # fmt: skip
THREAD_VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "MKL_NUM_THREADS")
_HOME = Path(__file__).parents[2]
_CPU = Path("/sys/devices/system")
_CGROUP = Path("/sys/fs/cgroup")


def environment(app: Path) -> Environment:
    """Describe this machine and this code; the same twice where nothing changed.

    Args:
        app: The folder one stands in: its commit is recorded beside that of sfbench's own checkout.
    """
    model, flags = _cpu()
    return Environment(
        cpu=model,
        cpu_flags=flags,
        cores=usable_cores(),
        cgroup={"cpu_max": _read(_CGROUP / "cpu.max"), "memory_max": _read(_CGROUP / "memory.max")},
        memory_bytes=psutil.virtual_memory().total,
        governor=_read(_CPU / "cpu/cpu0/cpufreq/scaling_governor"),
        platform=f"{platform.system()} {platform.machine()}",
        kernel=platform.release(),
        clock_source=_read(_CPU / "clocksource/clocksource0/current_clocksource")
        or get_clock_info("perf_counter").implementation,
        checkout=checkout(_HOME),
        code=own_code(),
        app=checkout(app),
        versions={"python": platform.python_version(), **_versions()},
        thread_settings={name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
    )


def environment_hash(environment: Environment) -> str:
    """Return the name under which an environment is stored."""
    text = json.dumps(environment.document(), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def load() -> dict[str, float]:
    """Return how busy the machine is: load averages, and memory that is free for use."""
    one, five, _ = os.getloadavg()
    return {"load_1min": one, "load_5min": five, "memory_available_bytes": psutil.virtual_memory().available}


def conditions() -> Conditions:
    """Measure the machine beside a cell, so that its drift can be told from that of the code."""
    return Conditions(reference_task_s(), **load())


def reference_task_s() -> float:
    """Time a small fixed computation, best of several: drift of the machine shows here, that of our code does not."""
    data = bytes(1 << 19)
    times = []
    for _ in range(5):
        began = perf_counter()
        hashlib.sha256(data).digest()
        sum(i * i for i in range(5_000))
        times.append(perf_counter() - began)
    return min(times)


def _cpu() -> tuple[str, tuple[str, ...]]:
    """Return the model's name and those flags that change how fast a network is computed."""
    lines = (_read(Path("/proc/cpuinfo")) or "").splitlines()
    pairs = (line.partition(":") for line in lines)
    facts = {key.strip(): value.strip() for key, _, value in reversed(list(pairs))}
    fast = ("avx", "amx", "fma", "sse4", "asimd", "sve", "bf16", "neon")
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    model = facts.get("model name") or platform.processor() or platform.machine()
    return model, tuple(sorted(flag for flag in flags if flag.startswith(fast)))


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
