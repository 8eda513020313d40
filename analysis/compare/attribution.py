"""Where a change lies: the phases of a step, and the parts of a round, of BASE against those of HEAD, pair by pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.compare.measured import Measured
from analysis.compare.pairing import Pairs
from analysis.stats.signed_rank import Array, signed_rank
from analysis.stats.verdicts import ALPHA

Whole = Literal["step", "round"]

_WORTH = 0.1
"""A part is named when it makes at least this share of the change of the whole."""


@dataclass(frozen=True)
class Moved:
    """How one part changed.

    Args:
        phase: The column of the ledger.
        share: Change as a share of BASE's whole; positive is slower.
        low: Exact one-sided lower bound of the share.
        high: Exact one-sided upper bound.
        change_s: Change in seconds; nothing for a whole grid, whose steps differ.
        named: Whether it explains the change: clear of zero, and a fair part of it.
        of: What it is a part of.
    """

    phase: str
    share: float
    low: float
    high: float
    change_s: float | None
    named: bool
    of: Whole = "step"


def attribute(cells: Sequence[Pairs], of: Whole = "step") -> tuple[Moved, ...]:
    """Compare the parts of one cell, or of several in the mean over the repeats they share; what moved most first.

    A part that a run does not have, as those of older versions lack some, is not compared.
    """
    cells = [pairs for pairs in cells if all(_parts(run, of) for run in (*pairs.base, *pairs.head))]
    if not cells:
        return ()
    repeats = sorted(set.intersection(*(set(pairs.repeats) for pairs in cells)))
    names = [
        name
        for name in _parts(cells[0].base[0], of)
        if all(name in _parts(run, of) for pairs in cells for run in (*pairs.base, *pairs.head))
    ]
    if not names or not repeats:
        return ()
    measured = [_shares(pairs, names, repeats, of) for pairs in cells]
    shares, whole = (np.mean([each[i] for each in measured], axis=0) for i in (0, 1))
    seen = signed_rank(shares)
    low, high = seen.bounds(ALPHA)
    worth = _WORTH * abs(float(signed_rank(whole).estimate))
    base_s = np.median([_whole_s(run, of) for run in cells[0].base]) if len(cells) == 1 else None
    made = [
        Moved(
            name,
            float(share),
            float(low[i]),
            float(high[i]),
            None if base_s is None else float(share * base_s),
            bool(abs(share) >= worth and (low[i] > 0 or high[i] < 0)),
            of,
        )
        for i, (name, share) in enumerate(zip(names, seen.estimate, strict=True))
    ]
    return tuple(sorted(made, key=lambda moved: -abs(moved.share)))


def _parts(run: Measured, of: Whole) -> Mapping[str, float]:
    return run.phases if of == "step" else run.round_parts


def _whole_s(run: Measured, of: Whole) -> float:
    """Return how long the whole takes: a step is the sum of its phases, a round holds waiting for others too."""
    return sum(run.phases.values()) if of == "step" else run.round_s


def _shares(pairs: Pairs, names: Sequence[str], repeats: Sequence[int], of: Whole) -> tuple[Array, Array]:
    """Return changes as shares of BASE's whole: of each part (a line per part, a column per pair), and of the whole."""
    chosen = [pairs.repeats.index(repeat) for repeat in repeats]
    base, head = (
        np.array([[_parts(side[i], of)[name] for i in chosen] for name in names]) for side in (pairs.base, pairs.head)
    )
    before, after = (np.array([_whole_s(side[i], of) for i in chosen]) for side in (pairs.base, pairs.head))
    return (head - base) / before, (after - before) / before
