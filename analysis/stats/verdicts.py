"""Verdicts as pure functions: paired differences in, regression, improvement, unchanged or inconclusive out.

A difference is "head against base, positive is worse": of a time the log of head ÷ base, of a rate that of base ÷ head.
A verdict asks whether the centre of the differences lies beyond the smallest one that matters, not whether it is zero.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis.stats.signed_rank import Array, Mask, adjust, fewest_pairs, signed_rank

Flag = Literal["regression", "improvement"]
Outcome = Literal[Flag, "unchanged", "inconclusive", "error"]

_OUTCOMES: dict[str, Outcome] = {
    "regression": "regression",
    "improvement": "improvement",
    "unchanged": "unchanged",
    "inconclusive": "inconclusive",
}

ALPHA = 0.05
GRID_SHARE = 1 / 3
"""The grid's smallest difference is never below this share of its cells'."""


@dataclass(frozen=True)
class Verdict:
    """What the pairs say about one metric of one cell.

    Args:
        outcome: The verdict.
        reason: Why, in words.
        pairs: On how many pairs it rests.
        threshold: The smallest difference that matters, in the scale of the differences; a smaller one is not a change.
        bar: What a difference must exceed to be flagged: the threshold, or the noise of the same code if that is more.
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
    bar: float = 0.0
    estimate: float = math.nan
    low: float = -math.inf
    high: float = math.inf
    suspect: Flag | None = None
    exact: bool = False


@dataclass(frozen=True)
class Question:
    """What is asked of one metric of one cell; those of a family are decided together.

    Args:
        sample: The differences, one per pair.
        threshold: The smallest difference that matters.
        bar: What a difference must exceed to be flagged; never less than the threshold.
        cell: The cell, as a number.
    """

    sample: Array
    threshold: float
    bar: float = 0.0
    cell: int = 0


@dataclass(frozen=True)
class Ranked:
    """Signed-rank results as arrays, the questions of a family on the last axis."""

    threshold: Array
    bar: Array
    estimate: Array
    low: Array
    high: Array
    p_worse: Array
    p_better: Array

    def suspects(self, alpha: float) -> tuple[Mask, Mask]:
        """Tell what is worse, and what better, when each is looked at alone."""
        return self.p_worse <= alpha, self.p_better <= alpha


def signed_rank_tests(
    differences: Array, threshold: npt.ArrayLike, bar: npt.ArrayLike = 0.0, alpha: float = ALPHA
) -> Ranked:
    """Apply the signed-rank machinery to samples on the last axis; a bar below the threshold is the threshold."""
    smallest = np.broadcast_to(np.asarray(threshold, dtype=float), differences.shape[:-1])
    raised = np.maximum(smallest, bar)
    seen = signed_rank(differences)
    low, high = map(np.asarray, seen.bounds(alpha))
    return Ranked(smallest, raised, seen.estimate, low, high, seen.p_above(raised), seen.p_below(-raised))


def outcomes(
    ranked: Ranked,
    alpha: float = ALPHA,
    cells: npt.NDArray[np.int_] | None = None,
    among: tuple[Mask, Mask] | None = None,
) -> npt.NDArray[np.str_]:
    """Decide all questions, corrected for their number over the last axis (`analysis.stats.signed_rank.adjust`).

    Args:
        ranked: The results of all questions.
        alpha: Level of a family.
        cells: Which cell each question is about; each about another one by default.
        among: The families of "worse" and "better"; all by default, the suspects in a confirming run.
    """
    worse, better = among or (None, None)
    about = np.arange(ranked.p_worse.shape[-1]) if cells is None else cells
    return np.select(
        [
            adjust(ranked.p_worse, about, worse) <= alpha,
            adjust(ranked.p_better, about, better) <= alpha,
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
    return decide_family([Question(sample, math.log1p(min_effect))], alpha)[0]


def decide_family(questions: Sequence[Question], alpha: float = ALPHA) -> list[Verdict]:
    """Decide all that is asked about the cells of a grid; the numbers of pairs may differ between cells."""
    if not questions:
        return []
    ranked, cells = _stack(questions, alpha), np.array([question.cell for question in questions])
    found = outcomes(ranked, alpha, cells)
    return [
        _verdict(ranked, i, found[i], len(question.sample), _family(ranked, i, cells, alpha), alpha)
        for i, question in enumerate(questions)
    ]


def confirm_family(
    first: Sequence[Verdict], again: Sequence[Question | Verdict], alpha: float = ALPHA
) -> list[Verdict]:
    """Hold suspects to a second, independent measurement; the family is now the suspects alone.

    The first measurement only chose what to measure again, so its many cells cost the second one nothing.

    Args:
        first: The verdicts of the first measurement.
        again: The second measurement of each, or what a suspect comes to without.
        alpha: Level of a family.
    """
    verdicts = list(first)
    for i, measured in enumerate(again):
        if first[i].suspect is not None and isinstance(measured, Verdict):
            verdicts[i] = replace(first[i], outcome=measured.outcome, reason=measured.reason)
    fresh = {i: each for i, each in enumerate(again) if isinstance(each, Question) and first[i].suspect is not None}
    if not fresh:
        return verdicts
    worse = np.array([first[i].suspect == "regression" for i in fresh])
    cells = np.array([question.cell for question in fresh.values()])
    found = outcomes(_stack(list(fresh.values()), alpha), alpha, cells, among=(worse, ~worse))
    for (i, question), outcome in zip(fresh.items(), found, strict=True):
        flag, pairs = first[i].suspect, len(question.sample)
        if flag is not None and outcome == flag:
            verdicts[i] = replace(first[i], outcome=flag, reason=f"flagged, and again by {pairs} fresh pairs")
        else:
            message = f"flagged once, but not again by {pairs} fresh pairs"
            verdicts[i] = replace(first[i], outcome="inconclusive", reason=message)
    return verdicts


def decide_exact(differences: Array, tolerance: float = 0.0) -> Verdict:
    """Decide a metric without noise: one pair that is worse is enough."""
    worst, best = float(differences.max()), float(differences.min())
    outcome: Outcome = "regression" if worst > tolerance else "improvement" if best < -tolerance else "unchanged"
    reason = "equal in every pair" if worst == best == 0 else "compared exactly: it has no noise"
    estimate = worst if outcome == "regression" else best if outcome == "improvement" else float(np.median(differences))
    return Verdict(outcome, reason, len(differences), tolerance, tolerance, estimate, best, worst, exact=True)


def grid_threshold(thresholds: npt.ArrayLike) -> Array:
    """Return the smallest difference that matters of a mean over cells: its noise is less, and so is this.

    Args:
        thresholds: Of the cells, on the last axis.
    """
    each = np.asarray(thresholds, dtype=float)
    return np.asarray(np.maximum(each.mean(axis=-1) * GRID_SHARE, np.sqrt((each**2).sum(axis=-1)) / each.shape[-1]))


def noise(differences: Array, alpha: float = ALPHA) -> Array:
    """Return the A/A noise that pairs of the same code show: the largest difference that they cannot rule out."""
    low, high = signed_rank(differences).bounds(alpha)
    return np.asarray(np.maximum(np.abs(low), np.abs(high)))


def _stack(questions: Sequence[Question], alpha: float) -> Ranked:
    parts = [signed_rank_tests(each.sample, each.threshold, each.bar, alpha) for each in questions]
    return Ranked(**{field.name: np.array([getattr(part, field.name) for part in parts]) for field in fields(Ranked)})


def _family(ranked: Ranked, i: int, cells: npt.NDArray[np.int_], alpha: float) -> int:
    """Return among how many a question has to stand out: cells, times its cell's questions unless all of them do."""
    here = cells == cells[i]
    together = any(bool(mask[here].all()) for mask in ranked.suspects(alpha))
    return len(np.unique(cells)) * (1 if together else int(here.sum()))


def _verdict(ranked: Ranked, i: int, outcome: str, pairs: int, family: int, alpha: float) -> Verdict:
    worse, better = (bool(mask[i]) for mask in ranked.suspects(alpha))
    made = Verdict(
        _OUTCOMES[outcome],
        "",
        pairs,
        float(ranked.threshold[i]),
        float(ranked.bar[i]),
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
        return "the interval lies within ± the minimum effect"
    if verdict.outcome in ("regression", "improvement"):
        return "the bound clears the minimum effect"
    if verdict.suspect:
        needed = fewest_pairs(alpha, family)
        more = f"at least {needed} pairs or " if verdict.pairs < needed else ""
        return f"stands out by itself, but with {family} results looked at, that takes {more}a confirming run"
    if verdict.low > verdict.threshold or verdict.high < -verdict.threshold:
        return "it changed by more than the minimum effect, but not by more than the same code differs from itself here"
    return "the interval crosses the minimum effect; more pairs would tell"
