"""What of a machine makes noise, and what could be done about it."""

import importlib.util
import sys
from pathlib import Path

from benchmarks.machine.environment import environment, usable_cores
from benchmarks.paired.self_comparison import SelfComparison

_BUSY = 0.5


_STOLEN = 0.01


def describe() -> dict[str, str]:
    """Return what matters of this machine, in words."""
    facts = environment(Path.cwd())
    return {
        "processor": str(facts.cpu),
        "cores": str(facts.cores),
        "memory": f"{(facts.memory_bytes or 0) / 1e9:.1f} GB",
        "governor": facts.governor or "unknown",
        "clock": str(facts.clock_source),
        "kernel": str(facts.kernel),
    }


def advise(found: SelfComparison) -> list[str]:
    """Return what could be done about the noise, or should be known of it."""
    facts = environment(Path.cwd())
    advice = (
        _governor(facts.governor),
        _quota(facts.cgroup.get("cpu_max"), facts.cores or usable_cores()),
        _others(found.load),
        _host(found.stolen),
        _bytecode(),
    )
    return [text for text in advice if text]


def _governor(name: str | None) -> str | None:
    if name in (None, "performance"):
        return None
    return f"the frequency governor is {name!r}: set it to 'performance' (cpupower frequency-set -g performance)"


def _quota(cpu_max: str | None, cores: int) -> str | None:
    """Say if a control group gives less time than its cores; its file says `quota period`, or `max`."""
    quota, _, period = (cpu_max or "max 1").partition(" ")
    if quota == "max" or int(quota) >= cores * int(period):
        return None
    allowed = int(quota) / int(period)
    return f"the control group allows {allowed:.1f} of {cores} cores: set threads and workers to fit, or lift the limit"


def _others(load: float) -> str | None:
    return f"other work was running when this began (load {load:.1f}): stop it" if load > _BUSY else None


def _host(stolen: float) -> str | None:
    if stolen <= _STOLEN:
        return None
    share = f"{stolen * 100:.1f} %"
    return f"the host took {share} of the processors' time for others: measure with --duet, or on a host of your own"


def _bytecode() -> str | None:
    spec = importlib.util.find_spec("tensorflow")
    if not sys.dont_write_bytecode or spec is None or spec.cached is None or Path(spec.cached).exists():
        return None
    folder = Path(spec.cached).parents[2]
    return f"Python may write no bytecode, so every process compiles TensorFlow anew: python -m compileall -q {folder}"
