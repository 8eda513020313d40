"""How numbers are written for people: milliseconds, kilobytes, megabits, with three significant digits."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """A unit to show values in: shown = stored × `factor`."""

    unit: str
    factor: float


_LADDERS: dict[str, tuple[Scale, ...]] = {
    "s": (Scale("µs", 1e6), Scale("ms", 1e3), Scale("s", 1.0), Scale("min", 1 / 60), Scale("h", 1 / 3600)),
    "B": (Scale("B", 1.0), Scale("kB", 1e-3), Scale("MB", 1e-6), Scale("GB", 1e-9), Scale("TB", 1e-12)),
    "kbit/s": (Scale("kbit/s", 1.0), Scale("Mbit/s", 1e-3), Scale("Gbit/s", 1e-6)),
    "bit/s": (Scale("bit/s", 1.0), Scale("kbit/s", 1e-3), Scale("Mbit/s", 1e-6), Scale("Gbit/s", 1e-9)),
    "FLOP": (Scale("FLOP", 1.0), Scale("kFLOP", 1e-3), Scale("MFLOP", 1e-6), Scale("GFLOP", 1e-9)),
    "share": (Scale("%", 100.0),),
}
"""The scales of each stored unit, smallest first; other units are shown as they are."""

_SWITCH = {"min": 120.0, "h": 7200.0}  # seconds are read easily up to two minutes, minutes up to two hours


def scale_for(unit: str, values: Iterable[float]) -> Scale:
    """Choose the scale in which the largest of the values reads best."""
    ladder = _LADDERS.get(unit, (Scale(unit, 1.0),))
    top = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    fitting = [scale for scale in ladder[1:] if top >= _SWITCH.get(scale.unit, 1 / scale.factor)]
    if not fitting:
        return ladder[0] if top > 0 or len(ladder) == 1 else ladder[1]
    return fitting[-1]


def digits(value: float, *, padded: bool = False) -> str:
    """Say a number with three significant digits: `1,234`, `12.3`, `0.5`, or `0.500` if padded."""
    if not math.isfinite(value):
        return "diverged" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(places, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text and not padded else text


def span(low: float, high: float) -> str:
    """Say a range with equally many decimals on both sides: `1.64–1.70`."""
    places = max(len(digits(value).partition(".")[2]) for value in (low, high))
    return f"{low:,.{places}f}–{high:,.{places}f}"


def human(value: float | None, unit: str) -> str:
    """Say a stored value with its best unit: `human(0.0123, "s") == "12.3 ms"`; nothing to say is an en dash."""
    if value is None:
        return "–"
    scale = scale_for(unit, [value])
    number = digits(value * scale.factor) if math.isfinite(value) else digits(value)
    return f"{number} {scale.unit}".rstrip()


def points(share: float) -> str:
    """Say a difference of shares in percentage points: `+0.3`, `−1.2`."""
    return f"{'+' if share >= 0 else '−'}{abs(share) * 100:.1f}"
