"""What counts in a comparison: which metrics decide, how much matters, and the noise of the same code."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.compare.pairing import Pairs, differences, unusable
from analysis.stats.verdicts import ALPHA, grid_threshold, noise
from splitfed_core.records.metrics import ADDITIVE, MIN_EFFECT, Metric

GATES = (
    "step_p50_s", "round_p50_s", "bytes_per_round", "rpcs_per_round", "client_parameters",
    "final_train_loss", "final_eval_loss", "final_eval_accuracy", "median_s",
)  # fmt: skip
"""The metrics that decide; the others stand beside them, because more only add chances to err."""

SPEED = ("step_p50_s", "round_p50_s")
"""One family: a round holds what is between its steps too, and the aggregation; its steps alone would not show them."""

ALWAYS = ("step_p50_s", "final_train_loss", "median_s")
"""Every cell has these: one that is not there is an error, not a metric that does not apply."""


@dataclass(frozen=True)
class Rules:
    """What counts.

    Args:
        min_effects: The smallest change that matters, by metric, where it is not the registry's.
        gates: The metrics that decide.
        noise: A/A noise by cell and metric, in the scale of the differences; what is to be flagged must exceed it.
        alpha: Level of each one-sided bound.
    """

    min_effects: Mapping[str, float] = field(default_factory=dict)
    gates: tuple[str, ...] = GATES
    noise: Mapping[tuple[str, str], float] = field(default_factory=dict)
    alpha: float = ALPHA

    def threshold(self, metric: Metric) -> float:
        """Return the smallest difference that matters, in the scale of the differences; a smaller one is no change."""
        effect = self._chosen(metric)
        if effect is None:
            effect = MIN_EFFECT[metric.kind]
        return effect if metric.kind in ADDITIVE else math.log1p(effect)

    def bar(self, metric: Metric, cell_id: str) -> float:
        """Return what a difference must exceed to be flagged: noise raises it, but makes no change smaller."""
        return max(self.threshold(metric), self.noise.get((cell_id, metric.name), 0.0))

    def of_grid(self, metric: Metric, cell_ids: Sequence[str]) -> tuple[float, float]:
        """Return both of the mean over cells: less than a cell's, unless the user chose it, who meant it."""
        asked = 0.0 if self._chosen(metric) is None else self.threshold(metric)
        threshold = max(asked, float(grid_threshold([self.threshold(metric)] * len(cell_ids))))
        return threshold, max(threshold, float(grid_threshold([self.bar(metric, cell_id) for cell_id in cell_ids])))

    def _chosen(self, metric: Metric) -> float | None:
        """Return the effect that the user chose; that of the step holds for the round, which is made of steps."""
        of_step = self.min_effects.get("step_p50_s") if metric.name == "round_p50_s" else None
        return self.min_effects.get(metric.name, of_step)

    def families(self, metrics: Sequence[Metric]) -> list[list[Metric]]:
        """Return the metrics that are decided together: the speeds that decide; each of the others alone."""
        speeds = [metric for metric in metrics if metric.name in SPEED and metric.name in self.gates]
        return [speeds, *([metric] for metric in metrics if metric not in speeds)]


def aa_noise(
    cells: Sequence[Pairs], metrics: Mapping[str, Metric], gates: Sequence[str] = GATES
) -> dict[tuple[str, str], float]:
    """Measure the noise of each cell from pairs of the same code; it is what `Rules.noise` takes."""
    found = {
        (pairs.cell_id, metric.name): float(noise(differences(metric, *pairs.values(metric))))
        for pairs in cells
        for metric in metrics.values()
        if pairs.refusal is None
        and metric.name in gates
        and not pairs.exact(metric)
        and unusable(metric, *pairs.values(metric), exact=False) is None
    }
    return {key: value for key, value in found.items() if math.isfinite(value)}
