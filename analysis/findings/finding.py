"""A finding, and the words that several of them use."""

import math
from dataclasses import dataclass

from analysis.results.load import Results
from analysis.results.ratios import Ratio
from analysis.text.units import digits

_SAME = 0.02
"""A difference smaller than this is not worth a sentence."""

_UNSURE = 0.1
"""Without an interval, a difference must be larger than this to be reported as one."""


@dataclass(frozen=True)
class Finding:
    """A sentence, and how sure it is."""

    headline: str
    sure: str


def times_faster(ratio: Ratio) -> str:
    """Say how much faster something is, by the ratio of the other's time to its own: `2.1× faster`, `5 % slower`."""
    change = ratio.ratio - 1
    unsure = abs(change) < _UNSURE if math.isnan(ratio.low) else not ratio.clear
    if unsure or abs(change) < _SAME:
        return "not clearly faster or slower"
    way = "faster" if change > 0 else "slower"
    factor = max(ratio.ratio, 1 / ratio.ratio)
    return f"{digits(factor)}× {way}" if factor >= 1.1 else f"{digits((factor - 1) * 100)} % {way}"


def sentence(text: str) -> str:
    """Begin a sentence."""
    return text[:1].upper() + text[1:]


def rests_on(results: Results) -> str:
    """Say how many repeats means are of."""
    sizes = results.ok.groupby(["run", "cell_id"]).size()
    least, most = int(sizes.min()), int(sizes.max())
    count = str(most) if least == most else f"{least} to {most}"
    return f"Means of {count} repeats per cell." if most > 1 else "One repeat per cell: chance is not ruled out."
