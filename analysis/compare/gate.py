"""The gate: every metric of every cell decided, the grid as a whole, and what the run comes to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.compare.attribution import Moved, attribute
from analysis.compare.pairing import Pairs, differences, unusable
from analysis.compare.rules import ALWAYS, Rules
from analysis.stats.signed_rank import Array, bootstrap
from analysis.stats.verdicts import Outcome, Question, Verdict, confirm_family, decide_exact, decide_family
from splitfed_core.errors import ExitCode
from splitfed_core.records.metrics import ADDITIVE, Metric

GRAVITY: tuple[Outcome, ...] = ("regression", "error", "inconclusive", "improvement", "unchanged")
"""Worst first. A regression that was found is not undone by what could not be compared."""

EXIT_CODES: Mapping[Outcome, ExitCode] = {
    "regression": ExitCode.FAILED,
    "error": ExitCode.INCOMPLETE,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "improvement": ExitCode.OK,
    "unchanged": ExitCode.OK,
}


@dataclass(frozen=True)
class Judged:
    """One metric of a cell (or of the grid) with its verdict.

    Args:
        base: Median of BASE's runs; nothing for the grid.
        head: Median of HEAD's.
        shown: Bootstrap interval of the difference, for display.
        cells: How many cells it speaks of.
    """

    metric: Metric
    verdict: Verdict
    base: float = math.nan
    head: float = math.nan
    shown: tuple[float, float] = (math.nan, math.nan)
    cells: int = 1

    @property
    def min_effect(self) -> float:
        """The smallest change that matters, as `change` tells changes."""
        return self._size(self.verdict.threshold)

    @property
    def flagged_beyond(self) -> float:
        """What a change must exceed to be flagged: the smallest that matters, or the noise of the same code."""
        return self._size(self.verdict.bar)

    def _size(self, difference: float) -> float:
        return difference if self.metric.kind in ADDITIVE else math.expm1(difference)

    def change(self, difference: float) -> float:
        """Turn a difference into HEAD's change: a share of BASE, or for loss and accuracy in the metric's own unit."""
        signed = difference if self.metric.better == "lower" else -difference
        return signed if self.metric.kind in ADDITIVE else math.expm1(signed)


@dataclass(frozen=True)
class JudgedCell:
    """One cell with the verdicts of all its metrics."""

    pairs: Pairs
    metrics: tuple[Judged, ...]
    outcome: Outcome
    moved: tuple[Moved, ...] = ()

    def gated(self, rules: Rules) -> list[Judged]:
        """Return the metrics that decide."""
        return [judged for judged in self.metrics if judged.metric.name in rules.gates]


@dataclass(frozen=True)
class Judgement:
    """What a comparison comes to."""

    rules: Rules
    cells: tuple[JudgedCell, ...]
    grid: tuple[Judged, ...]
    moved: tuple[Moved, ...]
    outcome: Outcome
    confirmed: bool

    @property
    def to_confirm(self) -> tuple[str, ...]:
        """The cells that a confirming run has to measure again: those that stand out, or all if the grid does."""
        if any(judged.verdict.suspect for judged in self.grid):
            return tuple(cell.pairs.cell_id for cell in self.cells if cell.pairs.refusal is None)
        return tuple(
            cell.pairs.cell_id
            for cell in self.cells
            if any(judged.verdict.suspect for judged in cell.gated(self.rules))
        )


def judge(
    cells: Sequence[Pairs], metrics: Mapping[str, Metric], rules: Rules, again: Sequence[Pairs] | None = None
) -> Judgement:
    """Decide all metrics of all cells.

    Args:
        cells: The paired cells.
        metrics: The metrics that they can have.
        rules: What counts.
        again: What the first verdict lists `to_confirm`, measured once more: what is flagged must be flagged again.
    """
    usable = [pairs for pairs in cells if pairs.refusal is None]
    families = rules.families(list(metrics.values()))
    found = {key: judged for family in families for key, judged in _judge_family(family, usable, rules, again).items()}
    judged = tuple(_cell(pairs, [found.get((pairs.cell_id, name)) for name in metrics], rules) for pairs in cells)
    grid = tuple(judged for family in families for judged in _grid(family, usable, rules, again))
    worst = _worst([*(cell.outcome for cell in judged), *(each.verdict.outcome for each in grid)])
    changed = [each for each in grid if each.verdict.outcome in ("regression", "improvement")]
    return Judgement(rules, judged, grid, _moved(usable, changed), worst, again is not None)


def flagged(verdict: Verdict) -> bool:
    """Tell whether a verdict asks where the change comes from."""
    return verdict.suspect is not None or verdict.outcome in ("regression", "improvement")


def _judge_family(
    family: Sequence[Metric], cells: Sequence[Pairs], rules: Rules, again: Sequence[Pairs] | None
) -> dict[tuple[str, str], Judged]:
    """Decide metrics that are one family over all cells; by cell and metric."""
    made: dict[tuple[str, str], Judged] = {}
    noisy: list[tuple[Metric, Pairs]] = []
    for metric, pairs in ((metric, pairs) for pairs in cells for metric in family if _applies(metric, pairs, rules)):
        base, head = pairs.values(metric)
        reason = unusable(metric, base, head, exact=pairs.exact(metric))
        if redefined := pairs.redefined(metric):
            verdict = Verdict("inconclusive", redefined, len(base))
            made[pairs.cell_id, metric.name] = Judged(metric, verdict)
        elif reason:
            made[pairs.cell_id, metric.name] = Judged(metric, Verdict("error", reason, len(base)))
        elif pairs.exact(metric):
            verdict = decide_exact(differences(metric, base, head), _tolerance(metric, rules))
            made[pairs.cell_id, metric.name] = Judged(metric, verdict, *_medians(metric, pairs))
        else:
            noisy.append((metric, pairs))
    return made | _decide(noisy, rules, again)


def _applies(metric: Metric, pairs: Pairs, rules: Rules) -> bool:
    if pairs.redefined(metric):
        return metric.name in rules.gates  # so that its verdict says so
    base, head = pairs.values(metric)
    if np.isnan([*base, *head]).all() and metric.name not in ALWAYS:
        return False
    counted = not (np.isnan(base).all() or np.isnan(head).all())
    return counted or not metric.newer  # one side may have been measured by a version that did not count it


def _decide(
    asked: Sequence[tuple[Metric, Pairs]], rules: Rules, again: Sequence[Pairs] | None
) -> dict[tuple[str, str], Judged]:
    """Decide by statistics what is not exact."""
    cells = list(dict.fromkeys(pairs.cell_id for _, pairs in asked))
    questions = [
        Question(
            differences(metric, *pairs.values(metric)),
            rules.threshold(metric),
            rules.bar(metric, pairs.cell_id),
            cells.index(pairs.cell_id),
        )
        for metric, pairs in asked
    ]
    verdicts = _verdicts(questions, [(metric, [pairs]) for metric, pairs in asked], rules, again)
    return {
        (pairs.cell_id, metric.name): Judged(
            metric, verdict, *_medians(metric, pairs), _shown(metric, question.sample, rules)
        )
        for (metric, pairs), question, verdict in zip(asked, questions, verdicts, strict=True)
    }


def _verdicts(
    questions: Sequence[Question],
    of: Sequence[tuple[Metric, Sequence[Pairs]]],
    rules: Rules,
    again: Sequence[Pairs] | None,
) -> list[Verdict]:
    """Decide a family, and confirm what stands out, if it was measured again."""
    verdicts = decide_family(questions, rules.alpha)
    if again is None or not all(metric.name in rules.gates for metric, _ in of):
        return verdicts
    fresh = {pairs.cell_id: pairs for pairs in again}
    samples = [_remeasured(metric, [fresh.get(pairs.cell_id) for pairs in cells]) for metric, cells in of]
    measured = [
        sample if isinstance(sample, Verdict) else replace(question, sample=sample)
        for question, sample in zip(questions, samples, strict=True)
    ]
    return confirm_family(verdicts, measured, rules.alpha)


def _remeasured(metric: Metric, cells: Sequence[Pairs | None]) -> Array | Verdict:
    """Return the mean difference over cells that were measured again, or what they come to if one was not, and why."""
    found = []
    for pairs in cells:
        if pairs is None:
            return Verdict("inconclusive", "flagged once; the confirming run has no pairs of it")
        if pairs.refusal is not None:
            return Verdict(pairs.refused_as, f"flagged once; of the confirming run, {pairs.refusal}")
        reason = unusable(metric, *pairs.values(metric), exact=False)
        if reason:
            return Verdict("error", f"flagged once; of the confirming run, {reason}")
        found.append(pairs)
    mean = _mean(metric, found)
    return (
        Verdict("inconclusive", "flagged once; cells of the confirming run share no repeat") if mean is None else mean
    )


def _shown(metric: Metric, sample: Array, rules: Rules) -> tuple[float, float]:
    return bootstrap(sample) if metric.name in rules.gates else (math.nan, math.nan)


def _medians(metric: Metric, pairs: Pairs) -> tuple[float, float]:
    base, head = pairs.values(metric)
    return float(np.median(base)), float(np.median(head))


def _tolerance(metric: Metric, rules: Rules) -> float:
    """Return what an exact metric may differ by: nothing, unless the user said so."""
    effect = rules.min_effects.get(metric.name, 0.0)
    return effect if metric.kind in ADDITIVE else math.log1p(effect)


def _cell(pairs: Pairs, found: Sequence[Judged | None], rules: Rules) -> JudgedCell:
    if pairs.refusal is not None:
        return JudgedCell(pairs, (), pairs.refused_as)
    metrics = tuple(judged for judged in found if judged is not None)
    gated = [judged for judged in metrics if judged.metric.name in rules.gates]
    moved = _moved([pairs], [judged for judged in gated if flagged(judged.verdict)])
    return JudgedCell(pairs, metrics, _worst([judged.verdict.outcome for judged in gated]), moved)


def _moved(cells: Sequence[Pairs], changed: Sequence[Judged]) -> tuple[Moved, ...]:
    """Tell where a change lies: in the phases of the step, and if the rounds changed, in what else they hold."""
    rounds = any(judged.metric.name == "round_p50_s" for judged in changed)
    steps = any(judged.metric.kind in ("time", "rate") and judged.metric.name != "round_p50_s" for judged in changed)
    in_step = attribute(cells) if steps else ()
    in_round = attribute(cells, "round") if rounds else ()
    return (*in_step, *(moved for moved in in_round if moved.phase != "steps_s" or not steps))


def _grid(
    family: Sequence[Metric], cells: Sequence[Pairs], rules: Rules, again: Sequence[Pairs] | None
) -> list[Judged]:
    """Decide the mean over all cells (of ratios: the geometric mean), repeat by repeat."""
    asked = [
        (metric, noisy, mean)
        for metric in family
        if metric.name in rules.gates
        and len(noisy := _noisy(metric, cells)) > 1
        and (mean := _mean(metric, noisy)) is not None
    ]
    questions = [
        Question(mean, *rules.of_grid(metric, [pairs.cell_id for pairs in noisy])) for metric, noisy, mean in asked
    ]
    verdicts = _verdicts(questions, [(metric, noisy) for metric, noisy, _ in asked], rules, again)
    return [
        Judged(metric, verdict, shown=bootstrap(mean), cells=len(noisy))
        for (metric, noisy, mean), verdict in zip(asked, verdicts, strict=True)
    ]


def _noisy(metric: Metric, cells: Sequence[Pairs]) -> list[Pairs]:
    """Return the cells that have this metric, and have it noisy."""
    return [
        pairs
        for pairs in cells
        if not pairs.exact(metric) and unusable(metric, *pairs.values(metric), exact=False) is None
    ]


def _mean(metric: Metric, cells: Sequence[Pairs]) -> Array | None:
    """Return the mean difference over cells, of each repeat that all have."""
    repeats = sorted(set.intersection(*(set(pairs.repeats) for pairs in cells))) if cells else []
    if not repeats:
        return None
    mean: Array = np.mean([_by_repeat(metric, pairs, repeats) for pairs in cells], axis=0)
    return mean


def _by_repeat(metric: Metric, pairs: Pairs, repeats: Sequence[int]) -> Array:
    return differences(metric, *pairs.values(metric))[[pairs.repeats.index(repeat) for repeat in repeats]]


def _worst(found: Sequence[Outcome]) -> Outcome:
    return min(found, key=GRAVITY.index, default="error")
