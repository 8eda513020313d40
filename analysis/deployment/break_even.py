"""Below which bandwidth a codec pays: what it saves on the way against what encoding and decoding take longer.

`B* = 8 (S − S′) ÷ Δ(t_enc + t_dec)`: S and S′ are the bytes of a step without and with it, counted, and Δ is against
what encoding and decoding take anyway, on the same device.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analysis.results.load import KEY, Results
from analysis.stats.intervals import interval
from analysis.text.parameters import Value

RAW = "raw"
CODECS = ("codec", "gradient_codec", "model_codec")

_PARTS = {"uplink": ("encode_s", "server_decode_s"), "downlink": ("server_encode_s", "decode_s")}
_OWN = {"codec": "uplink", "gradient_codec": "downlink"}
_TOUCHED = 0.01  # a direction that a codec is not for counts where it changes this share of its bytes

Pays = Literal["below", "always", "never", "unclear"]


@dataclass(frozen=True)
class BreakEven:
    """One codec in one direction.

    Attributes:
        axis: Whose value the codec is: `codec` or `gradient_codec`.
        codec: Its value.
        where: The cut and the device, as far as they vary.
        direction: `uplink` or `downlink`.
        saved_bytes: Of a step.
        longer_s: How much longer encoding and decoding take in a step, and the reach of its 95 % interval.
        reach_s: NaN with fewer than three repeats.
        bits_per_s: The break-even bandwidth; inf: it always pays; 0: never.
        low: Ends of its 95 % interval; NaN with fewer than three repeats.
        high: inf where the codec may take no longer than raw.
        repeats: How many there are.
    """

    axis: str
    codec: Value
    where: tuple[tuple[str, Value], ...]
    direction: str
    saved_bytes: float
    longer_s: float
    reach_s: float
    bits_per_s: float
    low: float
    high: float
    repeats: int

    @property
    def pays(self) -> Pays:
        """Below a bandwidth; always, being quicker than raw; never, being larger; or as far as one can say."""
        if self.saved_bytes <= 0:
            return "never"
        if self.longer_s <= 0:
            return "always" if self.low == math.inf or math.isnan(self.low) else "unclear"
        return "below"


def codec_axis(results: Results) -> str | None:
    """Return the first codec that varies."""
    return next((axis for axis in CODECS if axis in results.axes), None)


def break_evens(results: Results) -> list[BreakEven]:
    """Compare every codec with raw, in cells alike in everything else, by cut, device and direction."""
    if results.phases.empty:
        return []
    took = results.phases.pivot_table(index=list(KEY), columns="phase", values="median_s").reset_index()
    frame = results.ok.merge(took, on=list(KEY), suffixes=("", "_phase"))
    return [
        made
        for axis, own in _OWN.items()
        if RAW in results.axes.get(axis, ())
        for value in results.axes[axis]
        if value != RAW
        for made in _of(results, frame, axis, value, own)
    ]


def _of(results: Results, frame: pd.DataFrame, axis: str, value: Value, own: str) -> list[BreakEven]:
    where = [name for name in ("cut_layer", "device", "server_slowdown") if name in results.axes]
    alike = [name for name in results.axes if name not in (axis, "run")]
    keys = [*alike, "run", "repeat"]
    pairs = frame[frame[axis] == value].merge(frame[frame[axis] == RAW], on=keys, suffixes=("", "_raw"))
    made = []
    for at in itertools.product(*(results.axes[name] for name in where)):
        part = pairs
        for name, one in zip(where, at, strict=True):
            part = part[part[name] == one]
        for direction in _PARTS:
            saved = part[f"{direction}_bytes_per_step_raw"] - part[f"{direction}_bytes_per_step"]
            touched = abs(saved.mean()) > _TOUCHED * part[f"{direction}_bytes_per_step_raw"].mean()
            if len(part) and (direction == own or touched):
                told = tuple(zip(where, at, strict=True))
                made.append(_one(axis, value, told, direction, part.assign(saved=saved)))
    return made


def _one(
    axis: str, value: Value, where: tuple[tuple[str, Value], ...], direction: str, part: pd.DataFrame
) -> BreakEven:
    longer = sum(part[name] - part[f"{name}_raw"] for name in _PARTS[direction])
    by_repeat = part.assign(longer=longer).groupby(["run", "repeat"])[["longer", "saved"]].mean()
    mean, reach = interval(by_repeat["longer"].to_numpy(dtype=float))
    saved = float(by_repeat["saved"].mean())
    ends = [math.nan, math.nan] if math.isnan(reach) else [_bits_per_s(saved, mean + x) for x in (reach, -reach)]
    return BreakEven(
        axis, value, where, direction, saved, mean, reach, _bits_per_s(saved, mean), ends[0], ends[1], len(by_repeat)
    )


def _bits_per_s(saved: float, longer_s: float) -> float:
    if saved <= 0:
        return 0.0
    return 8 * saved / longer_s if longer_s > 0 else math.inf


def compression(results: Results, axis: str) -> pd.DataFrame:
    """Return, round by round, how many times the bytes of a codec raw sends (`times`), in pairs of repeats."""
    alike = [name for name in results.axes if name not in (axis, "run")]
    frame = results.rounds[[*alike, axis, "run", "repeat", "round", "done", "round_bytes"]]
    raw = frame[frame[axis] == RAW].drop(columns=[axis, "done"])
    both = frame.merge(raw, on=[*alike, "run", "repeat", "round"], suffixes=("", "_raw"))
    return both.assign(times=both["round_bytes_raw"] / both["round_bytes"].replace(0, np.nan))
