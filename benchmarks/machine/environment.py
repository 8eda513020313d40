"""Where a cell was measured: hardware, versions, code, and what else the machine was doing."""

import hashlib
import json
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import get_clock_info, perf_counter
from typing import Any

import psutil

from benchmarks.machine.code import own_code

ENV_SCHEMA = 1

PACKAGES = (
    "sfbench", "tensorflow", "keras", "ray", "grpcio", "protobuf", "flwr", "flwr-datasets", "numpy", "scikit-learn",
)  # fmt: skip
THREAD_VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "MKL_NUM_THREADS")
_CPU = Path("/sys/devices/system")
_CGROUP = Path("/sys/fs/cgroup")


def environment(app: Path) -> dict[str, Any]:
    """Describe this machine and this code; the same twice where nothing changed.

    Args:
        app: The folder one stands in: its commit is recorded beside that of sfbench's own checkout.
    """
    return {
        "schema": ENV_SCHEMA,
        **_hardware(),
        "platform": f"{platform.system()} {platform.machine()}",
        "kernel": platform.release(),
        "clock_source": _read(_CPU / "clocksource/clocksource0/current_clocksource")
        or get_clock_info("perf_counter").implementation,
        **_git(Path(__file__).parents[1]),
        "code": own_code(),
        "app": _git(app),
        "versions": {"python": platform.python_version(), **_versions()},
        "thread_settings": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
    }


def environment_hash(environment: dict[str, Any]) -> str:
    """Return the name under which an environment is stored."""
    text = json.dumps(environment, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def load() -> dict[str, float]:
    """Return how busy the machine is: load averages, and memory that is free for use."""
    one, five, _ = os.getloadavg()
    return {"load_1min": one, "load_5min": five, "memory_available_bytes": psutil.virtual_memory().available}


def canary_s() -> float:
    """Time a small fixed computation, best of several: drift of the machine shows here, that of our code does not."""
    data = bytes(1 << 19)
    times = []
    for _ in range(5):
        began = perf_counter()
        hashlib.sha256(data).digest()
        sum(i * i for i in range(5_000))
        times.append(perf_counter() - began)
    return min(times)


def _hardware() -> dict[str, Any]:
    model, flags = _cpu()
    return {
        "cpu": model,
        "cpu_flags": flags,
        "cores": usable_cores(),
        "cgroup": {"cpu_max": _read(_CGROUP / "cpu.max"), "memory_max": _read(_CGROUP / "memory.max")},
        "memory_bytes": psutil.virtual_memory().total,
        "governor": _read(_CPU / "cpu/cpu0/cpufreq/scaling_governor"),
    }


def _cpu() -> tuple[str, list[str]]:
    """Return the model's name and those flags that change how fast a network is computed."""
    lines = (_read(Path("/proc/cpuinfo")) or "").splitlines()
    pairs = (line.partition(":") for line in lines)
    facts = {key.strip(): value.strip() for key, _, value in reversed(list(pairs))}
    fast = ("avx", "amx", "fma", "sse4", "asimd", "sve", "bf16", "neon")
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    model = facts.get("model name") or platform.processor() or platform.machine()
    return model, sorted(flag for flag in flags if flag.startswith(fast))


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _git(folder: Path) -> dict[str, Any]:
    """Return commit, whether files differ from it, and a hash of the difference; nulls outside a checkout."""
    commit = _run_git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {"git_commit": None, "git_dirty": None, "git_diff": None}
    # untracked files count where they are code, with their content: a run directory makes no checkout dirty
    untracked = (_run_git(folder, "ls-files", "--others", "--exclude-standard", "-z", "*.py") or "").split("\0")
    new = [f"{name}\n{_read(folder / name)}" for name in sorted(filter(None, untracked))]
    changed = "\n".join([_run_git(folder, "diff", "HEAD") or "", *new])
    changed = changed if changed.strip() else ""
    digest = hashlib.blake2b(changed.encode(), digest_size=6).hexdigest() if changed else None
    return {"git_commit": commit, "git_dirty": bool(changed), "git_diff": digest}


def _run_git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=30, check=True)  # noqa: S603 – fixed words
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
