"""Links: what is between a client and the servers, as numbers in SI units.

1 Mbit = 10⁶ bits. A rate is that of the line: a message takes `overhead` times its own bytes, by default those of full
Ethernet frames, 1,448 bytes of payload in 1,514 (TCP over IPv4 with timestamps; preamble and gap are not counted, as
Linux' `tbf` does not count them either).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Literal, TypeAlias

from splitfed_core.timing.fleet import Form, members
from splitfed_core.timing.traces import OPPORTUNITY_BYTES, Trace, read_trace

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


PRESET_FORMS: Mapping[str, Form] = {
    # Nothing but the host's own loopback device.
    "loopback": {},
    # 10GBASE-T (IEEE 802.3an); median round trip between two racks of a data centre 0.268 ms (Guo et al., Pingmesh,
    # SIGCOMM 2015). A host that runs all participants cannot carry it: its own gRPC is slower.
    "datacenter": {"uplink_mbit": 10_000, "downlink_mbit": 10_000, "delay_ms": 0.134},
    # 1000BASE-T (IEEE 802.3ab); a round trip through one switch of some 0.2 ms is our assumption.
    "lan_1gbit": {"uplink_mbit": 1_000, "downlink_mbit": 1_000, "delay_ms": 0.1},
    # "WiFi" of Apple's Network Link Conditioner: 40 Mbit/s down, 33 up, 1 ms each way.
    "wifi": {"uplink_mbit": 33, "downlink_mbit": 40, "delay_ms": 1},
    # "DSL" of WebPageTest (connectivity.ini): 1.5 Mbit/s down, 384 kbit/s up, round trip 50 ms.
    "dsl": {"uplink_mbit": 0.384, "downlink_mbit": 1.5, "delay_ms": 25},
    # "LTE" of WebPageTest (connectivity.ini): 12 Mbit/s each way, round trip 70 ms.
    "lte": {"uplink_mbit": 12, "downlink_mbit": 12, "delay_ms": 35},
    # Ookla: medians of 5G worldwide in Q3 2021, 166.13 Mbit/s down, 21.08 up; the lowest median latency of 5G in the
    # United States in Q3 2023, 50 ms.
    "5g": {"uplink_mbit": 21.08, "downlink_mbit": 166.13, "delay_ms": 25},
    # Geostationary. Ookla: medians of HughesNet in Q3 2021, 19.30 Mbit/s down, 2.54 up. There and back light takes
    # 477 ms (4 × 35,786 km); with the stations' own time some 600.
    "satellite": {"uplink_mbit": 2.54, "downlink_mbit": 19.3, "delay_ms": 300},
    # "3.5G/HSDPA" of Loadero: 20 Mbit/s down, 10 up, 150 ms (taken as a round trip) ± 10, 0.5 % lost.
    "lossy_edge": {"uplink_mbit": 10, "downlink_mbit": 20, "delay_ms": 75, "jitter_ms": 10, "loss": 0.005},
}
"""The named links in the form of a grid, each with its source."""

DEFAULTS: Form = {"delay_ms": 0, "jitter_ms": 0, "loss": 0, "shared_by": 1}
"""What a custom link is without these settings."""


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
    settings = {**DEFAULTS, **PRESET_FORMS.get(str(form["name"]), {}), **form}
    traced = settings.get("trace")
    trace = read_both(traced, folder, parameter) if traced else None
    return Link(
        uplink_bps=number_of(settings.get("uplink_mbit", inf)) * 1e6,
        downlink_bps=number_of(settings.get("downlink_mbit", inf)) * 1e6,
        delay_s=number_of(settings["delay_ms"]) / 1e3,
        jitter_s=number_of(settings["jitter_ms"]) / 1e3,
        loss=number_of(settings["loss"]),
        overhead=number_of(settings.get("overhead", default_overhead(traced=bool(traced)))),
        shared_by=int(number_of(settings["shared_by"])),
        trace=trace,
        tcp=_tcp_of(settings.get("tcp")),
    )


def default_overhead(*, traced: bool) -> float:
    """Return the overhead of full packets: what a line carries of them, or what a trace's lines count of them."""
    return (OPPORTUNITY_BYTES if traced else FRAME_BYTES) / PAYLOAD_BYTES


def read_both(traced: object, folder: Path, parameter: str) -> tuple[Trace, Trace]:
    """Read the traces of both directions."""
    files = traced if isinstance(traced, Mapping) else {"uplink": traced, "downlink": traced}
    return read_trace(folder, str(files["uplink"]), parameter), read_trace(folder, str(files["downlink"]), parameter)


def _tcp_of(form: object) -> Tcp | None:
    if not isinstance(form, Mapping):
        return None
    return Tcp(int(number_of(form["initial_window"])), bool(form["idle_reset"]))


def number_of(value: object) -> float:
    """Return a number of the canonical form."""
    if isinstance(value, int | float):
        return float(value)
    raise TypeError(f"{value!r} is not a number of a link in its canonical form")


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


PRESETS: Mapping[str, Link] = {name: link_of({"name": name}) for name in PRESET_FORMS}
"""The named links; `docs/guides/links.md` has their sources."""
