"""Whether a step over a link takes what bytes, link and computing say: whole cells, as a sweep runs them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.links.goals import link_goal
from benchmarks.links.witness import DIRECTIONS
from benchmarks.own_cost.cells import run
from benchmarks.own_cost.goals import Result
from splitfed_core.records.rows import StepRow
from splitfed_core.timing.links import PRESETS, Direction, Link
from splitfed_core.timing.queues import Channel

if TYPE_CHECKING:  # imports Ray, which `open_cluster` keeps private first
    from benchmarks.cluster.ray_cluster import Cluster

LINKS, CUTS = ("lan_1gbit", "wifi", "5g", "lte"), ("conv1", "pool1", "dense1")
MOST_LATE = 0.02
"""A cell whose holds were later than this share of its steps says more of the host than of its link."""

_BATCH, _STEPS = 32, 20
_CELL: dict[str, object] = {
    "dataset": {"name": "synthetic", "examples": _BATCH * _STEPS, "test_examples": _BATCH},
    "clients": 1,
    "batch_size": _BATCH,
    "rounds": 1,
    "aggregation": False,
    "warmup_steps": 5,
}
_COMPUTED = (
    "client_forward_s",
    "encode_s",
    "server_decode_s",
    "server_queue_s",
    "server_compute_s",
    "server_encode_s",
    "decode_s",
    "client_backward_s",
)


@dataclass(frozen=True, slots=True)
class PredictedCell:
    """A cell with a link: its median step, what was predicted from the cell without, and how late its holds were."""

    link: str
    cut: str
    measured_s: float
    predicted_s: float
    late_share: float

    @property
    def off(self) -> float:
        """How far the prediction is off, as a share of what was measured."""
        return abs(self.predicted_s - self.measured_s) / self.measured_s


def prediction_error(cells: Sequence[PredictedCell]) -> Result:
    """Return the errors in per cent, of cells whose holds were in time; where none was there is nothing to say."""
    in_time = [cell for cell in cells if cell.late_share <= MOST_LATE]
    left_out = [f"{cell.link} {cell.cut} {100 * cell.late_share:.0f} %" for cell in cells if cell not in in_time]
    detail = f"{len(in_time)} of {len(cells)} cells of {len(LINKS)} links × {len(CUTS)} cuts"
    if in_time:
        worst = max(in_time, key=lambda cell: cell.off)
        detail += f"; worst {100 * worst.off:.1f} %, {worst.link} {worst.cut}"
    detail += f"; left out, being late: {', '.join(left_out)}" if left_out else ""
    return Result(link_goal("predicted"), [100 * cell.off for cell in in_time] or [float("nan")], detail)


def prediction_table(cells: Sequence[PredictedCell]) -> str:
    """Return a line per cell, in markdown."""
    rows = ["| link | cut | predicted step, ms | measured, ms | off | late |", "|---|---|---|---|---|---|"]
    rows += [
        f"| {cell.link} | {cell.cut} | {1000 * cell.predicted_s:,.1f} | {1000 * cell.measured_s:,.1f} "
        f"| {100 * (cell.predicted_s / cell.measured_s - 1):+.1f} % | {100 * cell.late_share:.1f} % |"
        for cell in cells
    ]
    return "\n".join(rows)


def measure_cells_with_links(cluster: "Cluster") -> Iterator[PredictedCell]:
    """Run every cut without a link, and after it over each."""
    for cut in CUTS:
        bare = _steps(cluster, cut)
        for name in LINKS:
            linked = _steps(cluster, cut, link=name)
            late = sum(row.late_s or 0.0 for row in linked) / sum(row.step_s for row in linked)
            measured = median(row.step_s for row in linked)
            yield PredictedCell(name, cut, measured, predicted_step_s(bare, PRESETS[name]), late)


def _steps(cluster: "Cluster", cut: str, **parameters: object) -> list[StepRow]:
    observer, _ = run(cluster, 1, **_CELL | {"cut_layer": cut} | parameters)
    return [row for row in observer.steps if not row.warmup]


def predicted_step_s(bare: Sequence[StepRow], link: Link) -> float:
    """Return what a step takes over a link, from steps without: what was computed, and both ways by the rules of time.

    A way takes at least what it took without a link, which lies inside.
    """
    computed_s = sum(median(_of(row, phase) for row in bare) for phase in _COMPUTED)
    return computed_s + sum(_way_s(bare, link, direction) for direction in DIRECTIONS)


def _way_s(bare: Sequence[StepRow], link: Link, direction: Direction) -> float:
    num_bytes = round(median(_of(row, f"{direction}_bytes") for row in bare))
    passage = Channel(link, direction, seed=0, client=0).passage(0.0, num_bytes, "step", 0, 0)
    mean_s = passage.free_s + link.delay_s  # jitter is as often below as above
    return max(mean_s, median(_of(row, f"{direction}_s") for row in bare))


def _of(row: StepRow, column: str) -> float:
    return float(getattr(row, column))
