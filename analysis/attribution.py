"""Which phases of a step moved, and by how much: the ledger of BASE against that of HEAD, pair by pair."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.pairing import Pairs
from analysis.stats import Array, signed_rank
from analysis.verdicts import ALPHA

_WORTH = 0.1
"""A phase is named when it makes at least this share of the change of the step."""


@dataclass(frozen=True)
class Moved:
    """How one phase changed.

    Args:
        phase: The column of the ledger.
        share: Change as a share of BASE's step; positive is slower.
        low: Exact one-sided lower bound of the share.
        high: Exact one-sided upper bound.
        change_s: Change in seconds; nothing for a whole grid, whose steps differ.
        named: Whether it explains the change: clear of zero, and a fair part of it.
    """

    phase: str
    share: float
    low: float
    high: float
    change_s: float | None
    named: bool


def attribute(cells: Sequence[Pairs]) -> tuple[Moved, ...]:
    """Compare the phases of one cell, or of several in the mean over the repeats they share; what moved most first."""
    cells = [pairs for pairs in cells if all(run.phases for run in (*pairs.base, *pairs.head))]
    if not cells:
        return ()
    repeats = sorted(set.intersection(*(set(pairs.repeats) for pairs in cells)))
    names = [
        name
        for name in cells[0].base[0].phases
        if all(name in run.phases for pairs in cells for run in (*pairs.base, *pairs.head))
    ]
    if not names or not repeats:
        return ()
    shares = np.mean([_shares(pairs, names, repeats) for pairs in cells], axis=0)
    seen = signed_rank(shares)
    low, high = seen.bounds(ALPHA)
    worth = _WORTH * abs(float(signed_rank(shares.sum(axis=0)).estimate))
    steps = np.median([sum(run.phases[name] for name in names) for run in cells[0].base]) if len(cells) == 1 else None
    made = [
        Moved(
            name,
            float(share),
            float(low[i]),
            float(high[i]),
            None if steps is None else float(share * steps),
            bool(abs(share) >= worth and (low[i] > 0 or high[i] < 0)),
        )
        for i, (name, share) in enumerate(zip(names, seen.estimate, strict=True))
    ]
    return tuple(sorted(made, key=lambda moved: -abs(moved.share)))


def _shares(pairs: Pairs, names: Sequence[str], repeats: Sequence[int]) -> Array:
    """Return the change of each phase as a share of BASE's step: a line per phase, a column per pair."""
    chosen = [pairs.repeats.index(repeat) for repeat in repeats]
    base, head = (
        np.array([[side[i].phases[name] for i in chosen] for name in names]) for side in (pairs.base, pairs.head)
    )
    share: Array = (head - base) / base.sum(axis=0)
    return share
