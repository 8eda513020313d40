"""Links: what is between a client and the servers, as numbers in SI units, and the forms in which a grid names them.

1 Mbit = 10⁶ bits. A rate is that of the line: a message takes `overhead` times its own bytes, by default those of full
Ethernet frames, 1,448 bytes of payload in 1,514 (TCP over IPv4 with timestamps; preamble and gap are not counted, as
Linux' `tbf` does not count them either).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Literal, TypeAlias

from splitfed_core.errors import ConfigError
from splitfed_core.timing.fleet import CUSTOM, MIX, PER_CLIENT, Form, canonical, kinds, members, named, unknown_name
from splitfed_core.timing.traces import OPPORTUNITY_BYTES, Trace, one_spelling, read_trace

Direction: TypeAlias = Literal["uplink", "downlink"]

PAYLOAD_BYTES, FRAME_BYTES = 1448, 1514


@dataclass(frozen=True, slots=True)
class Tcp:
    """Slow start after idle: see `queues.SlowStart`.

    Attributes:
        initial_window: In segments of 1,460 bytes (RFC 6928).
        idle_reset: Whether the window falls back to that after a pause.
    """

    initial_window: int = 10
    idle_reset: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    """One client's link; by default one that costs nothing at all.

    Attributes:
        uplink_bps: Line rate from the client to the servers, in bit/s; inf: as fast as the host.
        downlink_bps: Back.
        delay_s: One way.
        jitter_s: The delay of each message varies uniformly by up to this, either way.
        loss: Share of packets that have to be sent again.
        overhead: Bytes on the line for each byte of a message.
        shared_by: How many clients share one such link.
        trace: When it carries what, instead of the rates: for the uplink, and for the downlink.
        tcp: Slow start after idle; None: none.
    """

    uplink_bps: float = inf
    downlink_bps: float = inf
    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    overhead: float = FRAME_BYTES / PAYLOAD_BYTES
    shared_by: int = 1
    trace: tuple[Trace, Trace] | None = None
    tcp: Tcp | None = None

    def rate_bps(self, direction: Direction) -> float:
        """Return the line rate of a direction; of a trace its mean."""
        if self.trace:
            return self.trace[direction == "downlink"].mean_bps
        return self.uplink_bps if direction == "uplink" else self.downlink_bps

    @property
    def round_trip_s(self) -> float:
        """Time to the other side and back for a message that is as good as empty."""
        return 2 * self.delay_s

    def numbers(self) -> Form:
        """Return what a manifest says of it, as plain JSON; a rate without a limit is None."""
        return {
            "uplink_mbit": _finite(self.rate_bps("uplink") / 1e6),
            "downlink_mbit": _finite(self.rate_bps("downlink") / 1e6),
            "delay_ms": self.delay_s * 1e3,
            "jitter_ms": self.jitter_s * 1e3,
            "loss": self.loss,
            "overhead": self.overhead,
            "shared_by": self.shared_by,
            "trace": [trace.digest for trace in self.trace] if self.trace else None,
            "tcp": {"initial_window": self.tcp.initial_window, "idle_reset": self.tcp.idle_reset} if self.tcp else None,
        }


_PRESETS: Mapping[str, Form] = {
    # Nothing but the host's own loopback device.
    "loopback": {},
    # 10GBASE-T (IEEE 802.3an); round trips within a data centre: median 0.27 ms between racks (Guo et al., Pingmesh,
    # SIGCOMM 2015, fig. 4). More than Python's gRPC carries on one host: marked in the guide.
    "datacenter": {"uplink_mbit": 10_000, "downlink_mbit": 10_000, "delay_ms": 0.13},
    # 1000BASE-T (IEEE 802.3ab); round trip of a switch and two hosts, as ping shows it: some 0.2 ms.
    "lan_1gbit": {"uplink_mbit": 1_000, "downlink_mbit": 1_000, "delay_ms": 0.1},
    # Apple's Network Link Conditioner, "WiFi": 40 Mbit/s down, 33 up, 1 ms each way.
    "wifi": {"uplink_mbit": 33, "downlink_mbit": 40, "delay_ms": 1, "jitter_ms": 0.5},
    # WebPageTest's profile "DSL": 1.5 Mbit/s down, 384 kbit/s up, 50 ms round trip.
    "dsl": {"uplink_mbit": 0.384, "downlink_mbit": 1.5, "delay_ms": 25},
    # WebPageTest's profile "LTE": 12 Mbit/s each way, 70 ms round trip.
    "lte": {"uplink_mbit": 12, "downlink_mbit": 12, "delay_ms": 35},
    "5g": {"uplink_mbit": 20, "downlink_mbit": 200, "delay_ms": 15, "jitter_ms": 5},
    "satellite": {"uplink_mbit": 3, "downlink_mbit": 25, "delay_ms": 300},
    "lossy_edge": {"uplink_mbit": 5, "downlink_mbit": 10, "delay_ms": 50, "jitter_ms": 20, "loss": 0.02},
}

_RULES = {
    "uplink_mbit": "a number above 0, in 10⁶ bits per second; leave it out for no limit",
    "downlink_mbit": "a number above 0, in 10⁶ bits per second; leave it out for no limit",
    "delay_ms": "a number of at least 0, one way, in milliseconds",
    "rtt_ms": "a number of at least 0, there and back, in milliseconds",
    "jitter_ms": "a number of at least 0, in milliseconds either way",
    "loss": "a share of at least 0 and below 1, such as 0.01 for 1 %",
    "overhead": "a number of at least 1: bytes on the line for each byte of a message",
    "shared_by": "a whole number of at least 1: how many clients share one link",
    "trace": "a file in mahimahi's format, or {uplink: file, downlink: file}",
    "tcp": "on, off, or {initial_window: 10, idle_reset: on}",
}
"""The settings of a link, and what each of them may be."""

_OF_SERVERS = ("uplink_mbit", "downlink_mbit", "delay_ms")

_DEFAULTS: Form = {"delay_ms": 0, "jitter_ms": 0, "loss": 0, "shared_by": 1}


def canonical_link(value: object, parameter: str = "link") -> Form:
    """Bring what a grid may hold as a link into the one form that is hashed.

    A bare name is a preset; settings beside a preset's name change it. Numbers are spelled alike, `rtt_ms` becomes
    `delay_ms`, and what changes nothing is left out.

    Raises:
        ConfigError: Value, rule and remedy.
    """
    return canonical(value, parameter, lambda form: _one(form, parameter))


def canonical_server_link(value: object) -> Form:
    """Bring what a grid may hold as the servers' own link into the one form that is hashed: rates and a delay.

    Raises:
        ConfigError: Value, rule and remedy.
    """
    form = _one(named(value, "server_link"), "server_link")
    for setting in {**_PRESETS.get(str(form["name"]), {}), **form}:
        if setting not in {"name", *_OF_SERVERS}:
            raise ConfigError(
                f"server_link {form['name']!r} has {setting}: the servers' link has {', '.join(_OF_SERVERS)}, and all "
                "clients share it; the rest belongs to `link`",
                "server_link",
            )
    return form


def links_of(form: Form | None, clients: int, seed: int, folder: Path) -> tuple[Link, ...]:
    """Return the link of each client, by its number.

    Args:
        form: The cell's link in its canonical form; None: links that cost nothing.
        clients: How many there are.
        seed: Of the cell's repeat.
        folder: From which the files of traces are named.

    Raises:
        ConfigError: A trace that cannot be read.
    """
    if form is None:
        return (Link(),) * clients
    return tuple(link_of(each, folder) for each in members(form, clients, seed, "link"))


def link_of(form: Form, folder: Path = Path(), parameter: str = "link") -> Link:
    """Return the link of one client from its canonical form.

    Raises:
        ConfigError: A trace that cannot be read.
    """
    settings = {**_DEFAULTS, **_PRESETS.get(str(form["name"]), {}), **form}
    traced = settings.get("trace")
    trace = read_both(traced, folder, parameter) if traced else None
    return Link(
        uplink_bps=_number(settings.get("uplink_mbit", inf)) * 1e6,
        downlink_bps=_number(settings.get("downlink_mbit", inf)) * 1e6,
        delay_s=_number(settings["delay_ms"]) / 1e3,
        jitter_s=_number(settings["jitter_ms"]) / 1e3,
        loss=_number(settings["loss"]),
        overhead=_number(settings.get("overhead", default_overhead(traced=bool(traced)))),
        shared_by=int(_number(settings["shared_by"])),
        trace=trace,
        tcp=_tcp_of(settings.get("tcp")),
    )


def most_sharers(form: Form) -> int:
    """Return how many clients at most share one link by this choice."""
    return max(int(_number(each.get("shared_by", 1))) for each in kinds(form))


def default_overhead(*, traced: bool) -> float:
    """Return the overhead of full packets: what a line carries of them, or what a trace's lines count of them."""
    return (OPPORTUNITY_BYTES if traced else FRAME_BYTES) / PAYLOAD_BYTES


def read_both(traced: object, folder: Path, parameter: str) -> tuple[Trace, Trace]:
    """Read the traces of both directions."""
    files = traced if isinstance(traced, Mapping) else {"uplink": traced, "downlink": traced}
    return read_trace(folder, str(files["uplink"]), parameter), read_trace(folder, str(files["downlink"]), parameter)


def _one(form: Mapping[str, object], parameter: str) -> Form:
    name = str(form["name"])
    if name != CUSTOM and name not in _PRESETS:
        raise unknown_name(parameter, name, [*_PRESETS, CUSTOM, PER_CLIENT, MIX])
    given = {setting: value for setting, value in form.items() if setting != "name"}
    for setting in given:
        if setting not in _RULES:
            close = unknown_name(f"{parameter} {name!r}, setting", setting, _RULES)
            raise ConfigError(str(close), parameter)
    if name == CUSTOM and not given:
        raise ConfigError(f"{parameter} 'custom' says nothing; give it {', '.join(_RULES)}", parameter)
    read = {setting: _setting(parameter, name, setting, value) for setting, value in given.items()}
    if "rtt_ms" in read:
        if "delay_ms" in read:
            raise ConfigError(
                f"{parameter} {name!r} has delay_ms {read['delay_ms']} and rtt_ms {read['rtt_ms']}: the round trip is "
                "twice the delay; give one of them",
                parameter,
            )
        read["delay_ms"] = _plain(_number(read.pop("rtt_ms")) / 2)
    rates = [setting for setting in ("uplink_mbit", "downlink_mbit") if setting in {*read, *_PRESETS.get(name, {})}]
    if read.get("trace") and rates:
        raise ConfigError(
            f"{parameter} {name!r} has a trace and {rates[0]}: the trace says when it carries what; remove one of them",
            parameter,
        )
    usual = {
        **_DEFAULTS,
        "overhead": default_overhead(traced=bool(read.get("trace"))),
        "tcp": None,
        **_PRESETS.get(name, {}),
    }
    return {"name": name} | {s: read[s] for s in _RULES if s in read and not (s in usual and read[s] == usual[s])}


def _setting(parameter: str, name: str, setting: str, value: object) -> object:
    """Return a setting as it is spelled in the canonical form."""
    if setting == "trace":
        read = _trace_form(value)
    elif setting == "tcp":
        read = _tcp_form(value)
        if read is None and value in (False, "off", None):
            return None
    else:
        read = _plain(value) if _allowed(setting, value) else None
    if read is None:
        raise ConfigError(f"{parameter} {name!r}, setting {setting} {value!r}: must be {_RULES[setting]}", parameter)
    return read


def _allowed(setting: str, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return False
    match setting:
        case "uplink_mbit" | "downlink_mbit":
            return value > 0
        case "loss":
            return 0 <= value < 1
        case "overhead":
            return value >= 1
        case "shared_by":
            return value >= 1 and value == int(value)
    return value >= 0


def _trace_form(value: object) -> object:
    if isinstance(value, str) and value:
        return one_spelling(value)
    if isinstance(value, Mapping) and value.keys() == {"uplink", "downlink"}:
        up, down = (_trace_form(value[direction]) for direction in ("uplink", "downlink"))
        if isinstance(up, str) and isinstance(down, str):
            return up if up == down else {"uplink": up, "downlink": down}
    return None


_SWITCH: Mapping[object, bool] = {True: True, False: False, "on": True, "off": False}


def _tcp_form(value: object) -> Form | None:
    usual: Form = {"initial_window": 10, "idle_reset": True}
    if isinstance(value, bool | str):
        return usual if _SWITCH.get(value) else None
    if not isinstance(value, Mapping) or value.keys() - usual.keys():
        return None
    window, reset = value.get("initial_window", 10), value.get("idle_reset", True)
    if isinstance(window, bool) or not isinstance(window, int) or window < 1:
        return None
    if not isinstance(reset, bool | str) or reset not in _SWITCH:
        return None
    return {"initial_window": window, "idle_reset": _SWITCH[reset]}


def _tcp_of(form: object) -> Tcp | None:
    if not isinstance(form, Mapping):
        return None
    return Tcp(int(_number(form["initial_window"])), bool(form["idle_reset"]))


def _number(value: object) -> float:
    if isinstance(value, int | float):
        return float(value)
    raise TypeError(f"{value!r} is not a number of a link in its canonical form")


def _plain(value: object) -> object:
    """Spell a number in one way: 10, not 10.0."""
    return int(value) if isinstance(value, float) and value == int(value) else value


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


PRESETS: Mapping[str, Link] = {name: link_of({"name": name}) for name in _PRESETS}
"""The named links; `docs/guides/links.md` has their sources."""
