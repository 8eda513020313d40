"""Devices: how many times as slow as one thread of this host a client computes, and the forms in which a grid says it.

A preset is one core of a device, as every process of a cell computes with one thread; `cores` takes more of them. Its
speed is from published runs of HPL (double precision, dense), divided by the cores that ran and doubled: a SIMD unit of
128 bit takes two doubles or four floats. Where there are several such figures they differ by up to three times, by
cooling, memory and BLAS library: a preset has their range, and counts as its geometric mean. `docs/guides/devices.md`
has them all. What this host does is measured likewise, by `host_speed`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, sqrt

from splitfed_core.errors import ConfigError
from splitfed_core.timing.fleet import CUSTOM, MIX, PER_CLIENT, Form, canonical, kinds, members, unknown_name

HOST = "host"
"""The device that is this host itself."""

_PARAMETER = "device"


@dataclass(frozen=True, slots=True)
class Preset:
    """A device: what one of its cores sustains in single precision, GFLOP/s, by the lowest and the highest figure.

    Attributes:
        low: The lowest published figure.
        high: The highest.
        cores: How many such cores it has.
        about: Which device it is.
    """

    low: float
    high: float
    cores: int
    about: str

    @property
    def gflops(self) -> float:
        """What it counts as: the geometric mean of its range."""
        return sqrt(self.low * self.high)


PRESETS: Mapping[str, Preset] = {
    # Radxa and Orange Pi boards with a Cortex-A55 at 1.8 GHz: 5.6 GFLOP/s on four cores, 4.30 on one.
    "phone_low": Preset(2.8, 8.6, 8, "an entry-level phone: Cortex-A53 or A55 cores"),
    # RK3588 boards, Cortex-A76 at 2.4 GHz: 48.6 on all eight cores of both kinds, 16.2 on one A76.
    "phone_mid": Preset(12.2, 32.4, 4, "a mid-range phone: its Cortex-A76 to A78 cores"),
    # M2 (no fan): 104.7 on eight cores; M1 Max: 264.3 on ten. The cores of an iPhone are of the same design.
    "phone_high": Preset(26.2, 52.9, 2, "a flagship phone: its large cores"),
    # 11.1 (Pi 400) to 17.1 on four cores; 5.83 on one such core, a Cortex-A72 at 1.8 GHz.
    "raspberry_pi_4": Preset(5.5, 11.7, 4, "Raspberry Pi 4: Cortex-A72 at 1.5 to 1.8 GHz"),
    # 29.8 (Pi 500) to 31.5 on four cores; 16.2 on one such core, a Cortex-A76 at 2.4 GHz.
    "raspberry_pi_5": Preset(14.9, 32.4, 4, "Raspberry Pi 5: Cortex-A76 at 2.4 GHz"),
    # No figure of its own: a Cortex-A72 at 1.8 GHz, which has the same SIMD unit, scaled to 1.43 GHz.
    "jetson_nano": Preset(4.4, 9.3, 4, "Jetson Nano without its GPU: Cortex-A57 at 1.43 GHz"),
    # N100 at 16 W: 37.2 on four cores; i5-7400T at 35 W: 72.5 on four.
    "laptop": Preset(18.6, 36.2, 4, "a laptop of 15 to 35 W"),
}


@dataclass(frozen=True, slots=True)
class HostSpeed:
    """What one thread of a host computes in single precision, GFLOP/s.

    Attributes:
        gflops: The median of the runs.
        low: Their 5th percentile.
        high: Their 95th.
    """

    gflops: float
    low: float
    high: float


def canonical_device(value: object) -> Form:
    """Bring what a grid may hold as a device into the one form that is hashed.

    Raises:
        ConfigError: Value, rule and remedy.
    """
    return canonical(value, _PARAMETER, _one)


def slowdown_rule(value: object) -> str | None:
    """Say why this cannot be how many times as slow something is; nothing if it can."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return "give a number of at least 1: how many times as slow as this host"
    return "a host cannot be faster than itself; give a number of at least 1" if value < 1 else None


def needs_host_speed(form: Form) -> bool:
    """Whether a choice of devices says what they compute, and not how much slower than this host they are."""
    return any(each["name"] in PRESETS for each in kinds(form))


def check_device(form: Form, host: HostSpeed | None) -> None:
    """Refuse what this host cannot emulate; its speed is needed where `needs_host_speed` says so.

    Raises:
        ConfigError: A device of the choice computes faster than one thread of this host.
    """
    for each in kinds(form):
        slowdown_of(each, host)


def slowdowns_of(form: Form, clients: int, seed: int, host: HostSpeed | None) -> tuple[float, ...]:
    """Return how many times as slow as one thread of this host each client computes, by its number.

    Args:
        form: The choice in its canonical form.
        clients: How many there are.
        seed: Of the cell's repeat: who gets which part of a mix is drawn from it.
        host: What this host does.
    """
    return tuple(slowdown_of(each, host) for each in members(form, clients, seed, _PARAMETER))


def slowdown_of(form: Form, host: HostSpeed | None) -> float:
    """Return how many times as slow as one thread of this host one device computes; to three digits, no more is known.

    Raises:
        ConfigError: It computes faster.
    """
    name = str(form["name"])
    if name == HOST:
        return 1.0
    if name == CUSTOM:
        return float(str(form["slowdown"]))
    if host is None:
        raise ConfigError(f"device {name!r}: how fast this host is has not been measured", _PARAMETER)
    cores = int(str(form.get("cores", 1)))
    speed = PRESETS[name].gflops * cores
    slowdown = host.gflops / speed
    if slowdown < 1:
        what = f"{cores} of its cores compute" if cores > 1 else "one of its cores computes"
        raise ConfigError(
            f"device {name!r}: {what} {speed:.1f} GFLOP/s, one thread of this host {host.gflops:.1f}: a host cannot "
            "be faster than itself; use a faster host, or a slower device",
            _PARAMETER,
        )
    return float(f"{slowdown:.3g}")


def _one(form: Mapping[str, object]) -> Form:
    name, settings = form["name"], {key: value for key, value in form.items() if key != "name"}
    if name == CUSTOM:
        _only(name, settings, ("slowdown",))
        if "slowdown" not in settings:
            raise ConfigError(
                "device custom needs the setting slowdown: how many times as slow as this host", _PARAMETER
            )
        value = settings["slowdown"]
        if (rule := slowdown_rule(value)) is not None:
            raise ConfigError(f"device custom, slowdown {value!r}: {rule}", _PARAMETER)
        return {"name": CUSTOM, "slowdown": _spelled(value)}
    if name == HOST:
        _only(name, settings, ())
        return {"name": HOST}
    if name not in PRESETS:
        raise unknown_name(_PARAMETER, name, (HOST, *PRESETS, CUSTOM, PER_CLIENT, MIX))
    _only(name, settings, ("cores",))
    cores, most = settings.get("cores", 1), PRESETS[str(name)].cores
    if isinstance(cores, bool) or not isinstance(cores, int) or not 1 <= cores <= most:
        raise ConfigError(f"device {name}, cores {cores!r}: it has {most} such cores; give 1 to {most}", _PARAMETER)
    return {"name": name} if cores == 1 else {"name": name, "cores": cores}


def _only(name: object, settings: Mapping[str, object], known: tuple[str, ...]) -> None:
    for setting in settings:
        if setting not in known:
            has = ", ".join(known) or "none"
            raise ConfigError(f"device {name!r} has no setting {setting!r}; it has {has}", _PARAMETER)


def _spelled(value: object) -> object:
    """Spell equal numbers alike."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
