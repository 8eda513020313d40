"""`sfbench sweep --dry-run`: what would be run and what it would cost, from a few steps that are measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from benchmarks.estimate.probe import Estimate, Kind, Observed, estimate, kind, longer, memory_bytes, probe_of
from benchmarks.runner import CellRun, CellRunner
from benchmarks.sweep.resume import RunState
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import SfbenchError
from splitfed_core.records.rows import ClientRow, LabelRow, RoundRow, StepRow

MAX_PROBES = 16
"""At most this many kinds of cells are probed; the others are shown without an estimate."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one cell costs, and where that comes from; no estimate where the probe failed."""

    estimate: Estimate | None
    source: str


@dataclass
class _Probe:
    """The observer of a probe: keeps everything."""

    steps: list[StepRow] = field(default_factory=list)
    clients: list[ClientRow] = field(default_factory=list)
    rounds: list[RoundRow] = field(default_factory=list)

    def labels(self, rows: Sequence[LabelRow]) -> None:
        """Take the label counts: of no interest here."""

    def warn(self, text: str) -> None:
        """Take a warning about the data: the cell itself gives it."""

    def round(self, steps: Sequence[StepRow], clients: Sequence[ClientRow], row: RoundRow) -> None:
        """Keep the rows of a round."""
        self.steps += steps
        self.clients += clients
        self.rounds.append(row)

    def model(self, content: bytes) -> None:
        """Take the joined model: a probe saves none."""

    def log(self, text: str) -> None:
        """Take the chatter of the processes: of no interest here."""


def measured(found: RunState, cores: int) -> dict[str, Forecast]:
    """Return the measured costs of the finished cells, by cell id."""
    costs: dict[str, Forecast] = {}
    for key in found.done:
        manifest = found.manifests[key]
        summary = manifest.summary
        if summary is None or manifest.wall_s is None:
            continue
        config = CellConfig.parse(dict(manifest.config))
        rss, size = summary.peak_rss_bytes or manifest.facts.worker_rss_bytes, summary.bytes_per_round
        if rss is not None and size is not None:
            cost = Estimate(manifest.wall_s, memory_bytes(config, int(rss), cores), size)
            costs[key[0]] = Forecast(cost, "measured")
    return costs


def probes(configs: Sequence[CellConfig], cores: int) -> list[CellConfig]:
    """Return the probes to run: for each kind of cell its smallest and its largest batch."""
    kinds: dict[Kind, dict[int, CellConfig]] = {}
    for config in configs:
        kinds.setdefault(kind(config, cores), {})[config.batch_size] = config
    chosen = [sizes[size] for sizes in kinds.values() for size in sorted({min(sizes), max(sizes)})]
    return [probe_of(config, cores) for config in chosen[:MAX_PROBES]]


def forecast(
    configs: Mapping[str, CellConfig], costs: Mapping[str, Forecast], runner: CellRunner, cores: int
) -> dict[str, Forecast]:
    """Estimate the cells that were not measured.

    Args:
        configs: All cells of the plan by id.
        costs: What was measured.
        runner: Runs the probes.
        cores: Of this machine.
    """
    wanted = {kind(config, cores) for cell_id, config in configs.items() if cell_id not in costs}
    observed: dict[Kind, list[Observed]] = {}
    failed: dict[Kind, str] = {}
    for config in probes([config for config in configs.values() if kind(config, cores) in wanted], cores):
        try:
            observed.setdefault(kind(config, cores), []).append(_probe(config, runner, cores))
        except SfbenchError as error:
            failed[kind(config, cores)] = str(error)
    estimates = {
        cell_id: estimate(config, observed[kind(config, cores)], cores)
        for cell_id, config in configs.items()
        if kind(config, cores) in observed.keys() - failed.keys()
    }
    _charge_the_first(configs, estimates, observed, cores)
    factor = _drift(estimates, costs)
    estimated = {
        cell_id: Forecast(replace(e, wall_s=e.wall_s * factor), "estimated") for cell_id, e in estimates.items()
    }
    for cell_id, config in configs.items():
        if reason := failed.get(kind(config, cores)):
            estimated[cell_id] = Forecast(None, f"a probe failed: {reason}")
    return estimated | dict(costs)


def _charge_the_first(
    configs: Mapping[str, CellConfig],
    estimates: dict[str, Estimate],
    observed: Mapping[Kind, Sequence[Observed]],
    cores: int,
) -> None:
    """Charge the first cell of each kind for compiling: its processes keep the compiled steps for the others."""
    seen = set()
    for cell_id, config in configs.items():
        compiled = (kind(config, cores), config.learning_rate)
        if cell_id in estimates and compiled not in seen:
            seen.add(compiled)
            cold_s = max(probe.cold_s for probe in observed[kind(config, cores)])
            estimates[cell_id] = replace(estimates[cell_id], wall_s=estimates[cell_id].wall_s + cold_s)


def _probe(config: CellConfig, runner: CellRunner, cores: int) -> Observed:
    first = _observe(config, runner)
    second = _observe(longer(first, cores), runner)
    return replace(second, cold_s=max(first.start_s - second.start_s, 0.0))


def _observe(config: CellConfig, runner: CellRunner) -> Observed:
    seen = _Probe()
    facts = runner.run_cell(CellRun(config, 0, seed=0), seen)
    return Observed(config, seen.steps, seen.clients, seen.rounds, facts)


def _drift(estimates: Mapping[str, Estimate], costs: Mapping[str, Forecast]) -> float:
    """Return the factor by which measured cells took longer than their estimates, in the median."""
    known = ((costs[cell_id].estimate, e) for cell_id, e in estimates.items() if cell_id in costs)
    ratios = [cost.wall_s / e.wall_s for cost, e in known if cost is not None]
    return median(ratios) if ratios else 1.0
