"""Verdicts as pure functions: paired differences in, regression, improvement, unchanged or inconclusive out.

A difference is "head against base, positive is worse": of a time the log of head ÷ base, of a rate that of base ÷ head.
A verdict asks whether the centre of the differences lies beyond the smallest one that matters, not whether it is zero.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis.stats import Array, Mask, fewest_pairs, holm, signed_rank

Flag = Literal["regression", "improvement"]
Outcome = Literal[Flag, "unchanged", "inconclusive", "error"]

_OUTCOMES: dict[str, Outcome] = {
    "regression": "regression",
    "improvement": "improvement",
    "unchanged": "unchanged",
    "inconclusive": "inconclusive",
}

ALPHA = 0.05
_ABSENT = "flagged once; the confirming run has no pairs of it"
GRID_SHARE = 1 / 3
"""The grid's smallest difference is never below this share of its cells'."""


@dataclass(frozen=True)
class Verdict:
    """What the pairs say about one metric of one cell.

    Args:
        outcome: The verdict.
        reason: Why, in words.
        pairs: On how many pairs it rests.
        threshold: The smallest difference that matters, in the scale of the differences.
        estimate: Hodges–Lehmann estimate of the difference; positive is worse.
        low: Exact one-sided lower bound of it.
        high: Exact one-sided upper bound.
        suspect: What it would have been, were it the only cell: worth measuring again.
        exact: Whether the values were compared as they are, without statistics.
    """

    outcome: Outcome
    reason: str
    pairs: int = 0
    threshold: float = 0.0
    estimate: float = math.nan
    low: float = -math.inf
    high: float = math.inf
    suspect: Flag | None = None
    exact: bool = False


@dataclass(frozen=True)
class Ranked:
    """Signed-rank results as arrays, the cells of a family on the last axis."""

    threshold: Array
    estimate: Array
    low: Array
    high: Array
    p_worse: Array
    p_better: Array

    def suspects(self, alpha: float) -> tuple[Mask, Mask]:
        """Tell which cells are worse, and which better, when each is looked at alone."""
        return self.p_worse <= alpha, self.p_better <= alpha


def rank(differences: Array, threshold: npt.ArrayLike, alpha: float = ALPHA) -> Ranked:
    """Apply the signed-rank machinery to samples on the last axis."""
    smallest = np.broadcast_to(np.asarray(threshold, dtype=float), differences.shape[:-1])
    seen = signed_rank(differences)
    low, high = map(np.asarray, seen.bounds(alpha))
    return Ranked(smallest, seen.estimate, low, high, seen.p_above(smallest), seen.p_below(-smallest))


def outcomes(ranked: Ranked, alpha: float = ALPHA, among: tuple[Mask, Mask] | None = None) -> npt.NDArray[np.str_]:
    """Decide every cell, with Holm's correction over the last axis.

    Args:
        ranked: The results of all cells.
        alpha: Level of a family.
        among: The families of "worse" and "better"; all cells by default, the suspects in a confirming run.
    """
    worse, better = among or (None, None)
    return np.select(
        [
            holm(ranked.p_worse, worse) <= alpha,
            holm(ranked.p_better, better) <= alpha,
            (ranked.low >= -ranked.threshold) & (ranked.high <= ranked.threshold),
        ],
        ["regression", "improvement", "unchanged"],
        "inconclusive",
    )


def decide(log_ratios: npt.ArrayLike, min_effect: float, alpha: float = ALPHA) -> Verdict:
    """Decide one metric of one cell.

    Args:
        log_ratios: One per pair, positive is worse.
        min_effect: The smallest relative change that matters: 0.03 is 3 %.
        alpha: Level of the one-sided bounds.
    """
    sample = np.asarray(log_ratios, dtype=float)
    if not len(sample):
        return Verdict("inconclusive", f"needs ≥ {fewest_pairs(alpha)} pairs, has 0", threshold=math.log1p(min_effect))
    return decide_family([sample], [math.log1p(min_effect)], alpha)[0]


def decide_family(samples: Sequence[Array], thresholds: Sequence[float], alpha: float = ALPHA) -> list[Verdict]:
    """Decide one metric over all cells of a grid; the numbers of pairs may differ between cells."""
    ranked = _stack(samples, thresholds, alpha)
    found = outcomes(ranked, alpha)
    family = len(samples)
    return [_verdict(ranked, i, found[i], len(samples[i]), family, alpha) for i in range(family)]


def confirm_family(first: Sequence[Verdict], again: Sequence[Array | None], alpha: float = ALPHA) -> list[Verdict]:
    """Hold suspects to a second, independent measurement; Holm's family is now the suspects alone.

    The first measurement only chose whom to measure again, so its many cells cost the second one nothing.
    """
    verdicts = [v if v.suspect is None else replace(v, outcome="inconclusive", reason=_ABSENT) for v in first]
    measured = {i: sample for i, sample in enumerate(again) if sample is not None and first[i].suspect}
    if not measured:
        return verdicts
    ranked = _stack(list(measured.values()), [first[i].threshold for i in measured], alpha)
    worse = np.array([first[i].suspect == "regression" for i in measured])
    found = outcomes(ranked, alpha, among=(worse, ~worse))
    for i, outcome in zip(measured, found, strict=True):
        flag, pairs = first[i].suspect, len(measured[i])
        if flag is not None and outcome == flag:
            verdicts[i] = replace(first[i], outcome=flag, reason=f"flagged, and again by {pairs} fresh pairs")
        else:
            verdicts[i] = replace(verdicts[i], reason=f"flagged once, but not again by {pairs} fresh pairs")
    return verdicts


def decide_exact(differences: Array, tolerance: float = 0.0) -> Verdict:
    """Decide a metric without noise: one pair that is worse is enough."""
    worst, best = float(differences.max()), float(differences.min())
    outcome: Outcome = "regression" if worst > tolerance else "improvement" if best < -tolerance else "unchanged"
    reason = "equal in every pair" if worst == best == 0 else "compared exactly: nothing in it is noise"
    estimate = worst if outcome == "regression" else best if outcome == "improvement" else float(np.median(differences))
    return Verdict(outcome, reason, len(differences), tolerance, estimate, best, worst, exact=True)


def grid_threshold(thresholds: Sequence[float]) -> float:
    """Return the smallest difference that matters of a mean over cells: its noise is less, and so is this."""
    mean = sum(thresholds) / len(thresholds)
    return max(mean * GRID_SHARE, math.hypot(*thresholds) / len(thresholds))


def noise(differences: Array, alpha: float = ALPHA) -> float:
    """Return the A/A noise that pairs of the same code show: the largest difference that they cannot rule out."""
    low, high = signed_rank(differences).bounds(alpha)
    return float(np.max(np.abs([low, high])))


def _stack(samples: Sequence[Array], thresholds: Sequence[float], alpha: float) -> Ranked:
    parts = [rank(sample, smallest, alpha) for sample, smallest in zip(samples, thresholds, strict=True)]
    names = ("threshold", "estimate", "low", "high", "p_worse", "p_better")
    return Ranked(**{name: np.array([getattr(part, name) for part in parts]) for name in names})


def _verdict(ranked: Ranked, i: int, outcome: str, pairs: int, family: int, alpha: float) -> Verdict:
    worse, better = (bool(mask[i]) for mask in ranked.suspects(alpha))
    made = Verdict(
        _OUTCOMES[outcome],
        "",
        pairs,
        float(ranked.threshold[i]),
        float(ranked.estimate[i]),
        float(ranked.low[i]),
        float(ranked.high[i]),
        "regression" if worse else "improvement" if better else None,
    )
    return replace(made, reason=_reason(made, family, alpha))


def _reason(verdict: Verdict, family: int, alpha: float) -> str:
    fewest = fewest_pairs(alpha)
    if verdict.pairs < fewest:
        return f"needs ≥ {fewest} pairs, has {verdict.pairs}"
    if verdict.outcome == "unchanged":
        return "the interval lies inside ± the minimum effect"
    if verdict.outcome in ("regression", "improvement"):
        return "the bound clears the minimum effect"
    if verdict.suspect:
        needed = fewest_pairs(alpha, family)
        more = f" takes ≥ {needed} pairs or" if verdict.pairs < needed else " takes"
        return f"stands out alone, but among {family} cells that{more} a confirming run"
    return "the interval crosses the minimum effect; more pairs would tell"
