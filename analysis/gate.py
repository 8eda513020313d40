"""The gate: every metric of every cell decided, the grid as a whole, and what the run comes to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from analysis.attribution import Moved, attribute
from analysis.metrics import ADDITIVE, MIN_EFFECT, Metric
from analysis.pairing import Pairs, differences, unusable
from analysis.stats import Array, bootstrap
from analysis.verdicts import (
    ALPHA,
    Outcome,
    Verdict,
    confirm_family,
    decide_exact,
    decide_family,
    grid_threshold,
    noise,
)
from splitfed_core.errors import ExitCode

GATES = (
    "step_p50_s", "bytes_per_round", "rpcs_per_round", "client_parameters",
    "final_train_loss", "final_eval_loss", "final_eval_accuracy", "median_s",
)  # fmt: skip
"""The metrics that decide; the others stand beside them. One speed is enough: more only add chances to err."""

ALWAYS = ("step_p50_s", "final_train_loss", "median_s")
"""Every cell has these: one that is not there is an error, not a metric that does not apply."""

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
class Rules:
    """What counts.

    Args:
        min_effects: The smallest change that matters, by metric, where it is not the registry's.
        gates: The metrics that decide.
        noise: A/A noise by cell and metric, in the scale of the differences; it raises the smallest change.
        alpha: Level of each one-sided bound.
    """

    min_effects: Mapping[str, float] = field(default_factory=dict)
    gates: tuple[str, ...] = GATES
    noise: Mapping[tuple[str, str], float] = field(default_factory=dict)
    alpha: float = ALPHA

    def threshold(self, metric: Metric, cell_id: str) -> float:
        """Return the smallest difference that matters, in the scale of the differences."""
        effect = self.min_effects.get(metric.name, MIN_EFFECT[metric.kind])
        chosen = effect if metric.kind in ADDITIVE else math.log1p(effect)
        return max(chosen, self.noise.get((cell_id, metric.name), 0.0))

    def grid_threshold(self, metric: Metric, cell_ids: Sequence[str]) -> float:
        """Return that of the mean over cells: less than a cell's, unless the user chose it, who meant it."""
        asked = self.threshold(metric, "") if metric.name in self.min_effects else 0.0
        return max(asked, grid_threshold([self.threshold(metric, cell_id) for cell_id in cell_ids]))


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
        threshold = self.verdict.threshold
        return threshold if self.metric.kind in ADDITIVE else math.expm1(threshold)

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
    by_metric = {metric: _judge_metric(metric, usable, rules, again) for metric in metrics.values()}
    judged = tuple(_cell(pairs, [found.get(pairs.cell_id) for found in by_metric.values()], rules) for pairs in cells)
    grid = tuple(_grid(usable, list(metrics.values()), rules, again))
    worst = _worst([*(cell.outcome for cell in judged), *(each.verdict.outcome for each in grid)])
    changed = {each.metric.kind for each in grid if each.verdict.outcome in ("regression", "improvement")}
    return Judgement(
        rules, judged, grid, attribute(usable) if changed & {"time", "rate"} else (), worst, again is not None
    )


def flagged(verdict: Verdict) -> bool:
    """Tell whether a verdict asks where the change comes from."""
    return verdict.suspect is not None or verdict.outcome in ("regression", "improvement")


def aa_noise(
    cells: Sequence[Pairs], metrics: Mapping[str, Metric], gates: Sequence[str] = GATES
) -> dict[tuple[str, str], float]:
    """Measure the noise of each cell from pairs of the same code; it is what `Rules.noise` takes."""
    found = {
        (pairs.cell_id, metric.name): noise(differences(metric, *pairs.values(metric)))
        for pairs in cells
        for metric in metrics.values()
        if pairs.refusal is None
        and metric.name in gates
        and not pairs.exact(metric)
        and unusable(metric, *pairs.values(metric), exact=False) is None
    }
    return {key: value for key, value in found.items() if math.isfinite(value)}


def _judge_metric(
    metric: Metric, cells: Sequence[Pairs], rules: Rules, again: Sequence[Pairs] | None
) -> dict[str, Judged]:
    """Decide one metric over all cells: they are one family."""
    made: dict[str, Judged] = {}
    family: list[tuple[Pairs, Array]] = []
    for pairs in cells:
        message = pairs.redefined(metric)
        if message:
            if metric.name in rules.gates:
                made[pairs.cell_id] = Judged(metric, Verdict("inconclusive", message, len(pairs.repeats)))
            continue
        base, head = pairs.values(metric)
        if np.isnan([*base, *head]).all() and metric.name not in ALWAYS:
            continue  # this metric does not apply here
        if metric.newer and (np.isnan(base).all() or np.isnan(head).all()):
            continue  # one side was measured by a version that did not count it
        reason = unusable(metric, base, head, exact=pairs.exact(metric))
        if reason:
            made[pairs.cell_id] = Judged(metric, Verdict("error", reason, len(base)))
        elif pairs.exact(metric):
            verdict = decide_exact(differences(metric, base, head), _tolerance(metric, rules))
            made[pairs.cell_id] = Judged(metric, verdict, float(np.median(base)), float(np.median(head)))
        else:
            family.append((pairs, differences(metric, base, head)))
    return made | _decide(metric, family, rules, again)


def _decide(
    metric: Metric, family: list[tuple[Pairs, Array]], rules: Rules, again: Sequence[Pairs] | None
) -> dict[str, Judged]:
    samples = [sample for _, sample in family]
    verdicts = decide_family(samples, [rules.threshold(metric, pairs.cell_id) for pairs, _ in family], rules.alpha)
    if again is not None and metric.name in rules.gates:
        fresh = {pairs.cell_id: _fresh(metric, pairs) for pairs in again}
        verdicts = confirm_family(verdicts, [fresh.get(pairs.cell_id) for pairs, _ in family], rules.alpha)
    return {
        pairs.cell_id: Judged(metric, verdict, *_medians(metric, pairs), _shown(metric, sample, rules))
        for (pairs, sample), verdict in zip(family, verdicts, strict=True)
    }


def _shown(metric: Metric, sample: Array, rules: Rules) -> tuple[float, float]:
    return bootstrap(sample) if metric.name in rules.gates else (math.nan, math.nan)


def _fresh(metric: Metric, pairs: Pairs) -> Array | None:
    if pairs.refusal is not None:
        return None
    base, head = pairs.values(metric)
    return None if unusable(metric, base, head, exact=False) else differences(metric, base, head)


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
    speed = [each for each in gated if each.metric.kind in ("time", "rate") and flagged(each.verdict)]
    return JudgedCell(
        pairs, metrics, _worst([judged.verdict.outcome for judged in gated]), attribute([pairs]) if speed else ()
    )


def _grid(
    cells: Sequence[Pairs], metrics: Sequence[Metric], rules: Rules, again: Sequence[Pairs] | None
) -> list[Judged]:
    """Decide the mean over all cells (of ratios: the geometric mean), repeat by repeat."""
    made = []
    for metric in metrics:
        noisy = _noisy(metric, cells)
        mean = _mean(metric, noisy)
        if metric.name not in rules.gates or len(noisy) < 2 or mean is None:
            continue
        smallest = rules.grid_threshold(metric, [pairs.cell_id for pairs in noisy])
        verdicts = decide_family([mean], [smallest], rules.alpha)
        if again is not None:
            fresh = _noisy(metric, [pairs for pairs in again if pairs.refusal is None])
            whole = {pairs.cell_id for pairs in fresh} >= {pairs.cell_id for pairs in noisy}
            verdicts = confirm_family(verdicts, [_mean(metric, fresh) if whole else None], rules.alpha)
        made.append(Judged(metric, verdicts[0], shown=bootstrap(mean), cells=len(noisy)))
    return made


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
