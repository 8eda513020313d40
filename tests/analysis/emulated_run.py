"""Synthetic runs over emulated links and with codecs, whose times are worked out from a few round numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.figures import FIGURES
from splitfed_core.records.rows import StepRow
from splitfed_core.timing.fleet import members
from tests.analysis.synthetic_run import Attempt, write_run

OF_LINKS_AND_CODECS = ("codec_map", "link_map", "link_times", "fleets", "codecs", "break_even")
"""The figures that a run without links and codecs has nothing for."""

OF_ANY_RUN = [name for name in FIGURES if name not in OF_LINKS_AND_CODECS]

OVERHEAD = 1.05
LINKS: Mapping[str, tuple[float, float, float]] = {
    "lan_1gbit": (1000.0, 1000.0, 0.1),
    "wifi": (33.0, 40.0, 1.0),
    "5g": (21.0, 166.0, 25.0),
    "lte": (12.0, 12.0, 35.0),
}
"""Uplink and downlink in Mbit/s, and the delay in ms."""

CODECS: Mapping[str, tuple[float, float, float]] = {
    "raw": (1.0, 0.1, 0.0),
    "fp16": (0.5, 0.6, 0.0),
    "bf16": (0.5, 0.2, 0.0),
    "int8": (0.25, 0.3, 0.004),
    "int4": (0.125, 0.8, 0.01),
    "int2": (0.0625, 0.8, 0.06),
    "topk": (0.05, 2.0, 0.03),
    "zstd": (1.01, 3.0, 0.0),
    "memcpy": (0.5, 0.05, 0.0),
}
"""Share of raw's bytes, ms to encode and again to decode, and what they cost in accuracy."""

CUT_BYTES = {"conv1": 600_000, "pool1": 150_000, "dense1": 30_000}
COMPUTE_S = {"client_forward_s": 0.004, "server_compute_s": 0.003, "server_queue_s": 0.0, "client_backward_s": 0.005}
WOBBLE = (1.0, 1.002, 0.998, 1.001, 0.999)
"""By what all times of a repeat are multiplied."""


class EmulatedAttempt(Attempt):
    """A step computes 12 ms; the rest are codec and link. Clients of a mix have the links that they would have."""

    def build(self) -> "EmulatedAttempt":
        self.workers = self.config["clients"]
        if self.config.get("link"):
            self.emulation = {"links": [numbers(one) for one in self._links()], "cores": 4}
        super().build()
        return self

    def loss(self, seen: float) -> float:
        lost = CODECS[self._codec()][2]
        return 3 * (1 - min(0.98 - lost, 0.5 + 0.12 * seen - lost)) + 0.003 * (self.repeat - 1)

    def _codec(self) -> str:
        return str(self.config.get("codec", {"name": "raw"})["name"])

    def _links(self) -> tuple[Mapping[str, Any], ...]:
        return members(dict(self.config["link"]), self.config["clients"], 7 + self.repeat, "link")

    def client(self, round_: int, client: int, clock: float) -> float:
        share, coding_ms, _ = CODECS[self._codec()]
        raw = CUT_BYTES[self.config["cut_layer"]]
        sent, back = round(share * raw), raw
        up, down, delay = (0.0, 0.0, 0.0)
        if self.config.get("link"):
            up_mbit, down_mbit, delay_ms = LINKS[str(self._links()[client]["name"])]
            delay = delay_ms / 1e3
            up, down = (8e-6 * OVERHEAD * size / mbit for size, mbit in ((sent, up_mbit), (back, down_mbit)))
        coding = {"encode_s": coding_ms / 1e3, "server_decode_s": coding_ms / 1e3}
        coding |= {"server_encode_s": 1e-4, "decode_s": 1e-4}
        times: dict[str, Any] = {
            **COMPUTE_S,
            **coding,
            "uplink_s": up + delay + 2e-4,
            "downlink_s": down + delay + 2e-4,
        }
        times = {name: took * WOBBLE[self.repeat % len(WOBBLE)] for name, took in times.items()}
        for i in range(self.steps_per_round):
            step = round_ * self.steps_per_round + i
            fields: dict[str, Any] = {
                "cell_id": self.cell_id, "repeat": self.repeat, "client_id": client, "round": round_, "local_epoch": 0,
                "step": step, "warmup": step < self.config["warmup_steps"], "examples": 32,
                "loss": self.loss(round_ + 1), "correct": 20, "uplink_bytes": sent, "downlink_bytes": back,
                **times, "step_s": (total := sum(times.values())), "server_update_s": 0.0, "started_s": clock,
                "between_s": 0.0, "cpu_s": 0.012,
            }  # fmt: skip
            if delay:
                fields |= {"link_uplink_s": up + delay, "link_downlink_s": down + delay, "late_s": 0.0}
            self.steps.append(StepRow(**fields))
            clock += total
        return clock


def numbers(form: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a manifest says of a link."""
    up, down, delay = LINKS[str(form["name"])]
    rest = {"jitter_ms": 0.0, "loss": 0.0, "shared_by": 1, "trace": None, "tcp": None}
    return {"uplink_mbit": up, "downlink_mbit": down, "delay_ms": delay, "overhead": OVERHEAD, **rest}


def write_emulated_run(folder: Path, axes: Mapping[str, list[Any]], **options: Any) -> Path:
    """Write a run of axes whose links and codecs are given by name."""
    named = {
        axis: [{"name": v} if axis in ("link", "codec") and isinstance(v, str) else v for v in values]
        for axis, values in axes.items()
    }
    return write_run(folder, named, **{"repeats": 3, "attempt_of": EmulatedAttempt, **options})
