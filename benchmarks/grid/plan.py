"""The plan: every cell of a grid with its seeds, what was left out and why, and the order of the runs."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.grid.file_schema import Schedule
from benchmarks.grid.load import Grid
from benchmarks.grid.problems import Problems
from benchmarks.grid.rules import Rule
from benchmarks.runner import CellRun
from splitfed_core.aggregation import check_strategy
from splitfed_core.config.applicability import without_effect
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.choice import Named
from splitfed_core.config.device_choice import asks_host_speed, check_devices
from splitfed_core.errors import ConfigError, UsageError
from splitfed_core.records.plan import CellEntry, PlanDocument
from splitfed_core.seeding import derive, stream
from splitfed_core.timing.devices import HostSpeed
from splitfed_core.timing.host_speed import host_speed

MAX_CELLS = 1_000_000

_TWIN = "the same as another cell: what differs does not apply to it, or was overridden"

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell with one seed for each repeat."""

    cell_id: str
    config: CellConfig
    seeds: tuple[int, ...]
    host: HostSpeed | None = None

    def run(self, repeat: int) -> CellRun:
        """Return one repeat of it."""
        return CellRun(self.config, repeat, self.seeds[repeat], self.cell_id, self.host)


@dataclass(frozen=True, slots=True)
class Excluded:
    """A point of the grid that is not run."""

    values: Values
    reason: str
    same_as: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sweep is going to do; `host` is what this host computes, where devices had to be compared with it."""

    name: str
    seed: int
    repeats: int
    schedule: Schedule
    axes: Mapping[str, Sequence[object]]
    cells: Sequence[PlannedCell]
    excluded: Sequence[Excluded]
    settings: Sequence[str] = ()
    host: HostSpeed | None = None

    def runs(self) -> list[CellRun]:
        """Return all cells and repeats in the order in which they are run."""
        if self.schedule == "grid":
            return [cell.run(repeat) for cell in self.cells for repeat in range(self.repeats)]
        runs = [cell.run(repeat) for repeat in range(self.repeats) for cell in self.cells]
        if self.schedule == "shuffled":
            order = stream(self.seed, "schedule").permutation(len(runs))
            runs = [runs[i] for i in order]
        return runs

    def document(self) -> PlanDocument:
        """Return the content of `plan.json`."""
        return PlanDocument(
            name=self.name,
            seed=self.seed,
            repeats=self.repeats,
            schedule=self.schedule,
            settings=tuple(self.settings),
            axes={name: [_plain(value) for value in values] for name, values in self.axes.items()},
            cells=tuple(CellEntry(cell.cell_id, cell.config.plain(), cell.seeds) for cell in self.cells),
            excluded=tuple(
                {
                    "config": {name: _plain(value) for name, value in point.values.items()},
                    "reason": point.reason,
                    "same_as": point.same_as,
                }
                for point in self.excluded
            ),
            order=tuple([run.cell_id, run.repeat] for run in self.runs()),
        )


def make_plan(grid: Grid, measure_host: Callable[[], HostSpeed] = host_speed) -> Plan:
    """Expand a grid into cells.

    Args:
        grid: The grid.
        measure_host: Says what this host computes; asked once, and only if a cell's devices must be compared with it.

    Raises:
        GridError: A rule speaks of no cell, a condition cannot be computed, or nothing is left to run.
    """
    expansion = _Expansion(grid, measure_host)
    for point in _points(grid):
        expansion.add(point)
    for cell in grid.includes:
        expansion.keep({**grid.base, **cell})
    expansion.check()
    return Plan(
        name=grid.name,
        seed=grid.seed,
        repeats=grid.repeats,
        schedule=grid.schedule,
        axes=grid.varied,
        cells=list(expansion.cells.values()),
        excluded=expansion.excluded,
        settings=sorted(grid.source.options.values()),
        host=expansion.host,
    )


def _points(grid: Grid) -> Iterator[dict[str, object]]:
    """Yield the parameters of every point of the grid, those of the last axis moving fastest."""
    groups: list[Mapping[str, Sequence[object]]] = [{name: values} for name, values in grid.axes.items()]
    axes = [
        [dict(zip(group, values, strict=True)) for values in zip(*group.values(), strict=True)]
        for group in (*groups, *grid.zips)
    ]
    count = math.prod(len(axis) for axis in axes)
    if count > MAX_CELLS:
        raise grid.source.error(f"the axes make {count:,} cells; a grid has at most {MAX_CELLS:,}", "axes")
    for parts in itertools.product(*axes):
        point = dict(grid.base)
        for part in parts:
            point.update(part)
        yield point


@dataclass
class _Expansion:
    """The cells expanded until now, and the rules that have matched none of them."""

    grid: Grid
    measure_host: Callable[[], HostSpeed]
    cells: dict[str, PlannedCell] = field(default_factory=dict)
    excluded: list[Excluded] = field(default_factory=list)
    host: HostSpeed | None = None

    def __post_init__(self) -> None:
        self._defaults = dict(CellConfig())
        rules = [("exclude", entry.rule) for entry in self.grid.excludes]
        rules += [("override", entry.rule) for entry in self.grid.overrides]
        self._silent = {rule.where: (kind, rule) for kind, rule in rules}
        self._first_invalid: ConfigError | None = None
        self._seeds: dict[tuple[str, ...], tuple[int, ...]] = {}
        self._unpaired = sorted(self.grid.varied.keys() - self.grid.paired)

    def add(self, point: dict[str, object]) -> None:
        """Take a point of the axes: overrides first, so that excludes speak of what would be run."""
        values = self._defaults | point
        for override in self.grid.overrides:
            if self._speaks(override.rule, values):
                point.update(override.values)
                values.update(override.values)
        values.update(dict.fromkeys(without_effect(values)))
        for exclude in self.grid.excludes:
            if self._speaks(exclude.rule, values):
                self.excluded.append(Excluded(point, exclude.reason))
                return
        self.keep(point)

    def keep(self, point: dict[str, object]) -> None:
        """Make a cell of a point, unless it makes no sense or is there already."""
        try:
            config = CellConfig.parse(point)
            if config.strategy is not None:
                check_strategy(config.strategy, config.participants)
            host = self._host_for(config)
            check_devices(config.device, host)
        except ConfigError as error:
            self._first_invalid = self._first_invalid or error
            self.excluded.append(Excluded(point, str(error)))
            return
        cell_id = config.cell_id
        if cell_id in self.cells:
            self.excluded.append(Excluded(point, _TWIN, same_as=cell_id))
            return
        self.cells[cell_id] = PlannedCell(cell_id, config, self._seeds_of(config), host)

    def check(self) -> None:
        """Refuse a plan with a rule that speaks of no cell, or with nothing to run."""
        problems = Problems()
        for kind, rule in self._silent.values():
            if not self.grid.source.options:  # --set may have taken its cells away
                problems.add(rule.error(f"this {kind} matches no cell; fix or remove it"))
        problems.check()
        if self.cells:
            return
        message = "no cell is left to run: "
        if self._first_invalid:
            raise self.grid.error(self._first_invalid, message)
        raise self.grid.source.error(message + "; ".join(dict.fromkeys(p.reason for p in self.excluded[:3])), "axes")

    def _host_for(self, config: CellConfig) -> HostSpeed | None:
        """Return what this host computes if the cell's devices are said by what they compute."""
        if not asks_host_speed(config.device):
            return None
        self.host = self.host or self.measure_host()
        return self.host

    def _speaks(self, rule: Rule, values: Values) -> bool:
        try:
            holds = rule.holds(values)
        except UsageError as error:
            raise rule.error(str(error)) from None
        if holds:
            self._silent.pop(rule.where, None)
        return holds

    def _seeds_of(self, config: CellConfig) -> tuple[int, ...]:
        """Cells that differ only along paired axes share the seed of each repeat."""
        names = tuple(f"{name}={_plain(getattr(config, name))}" for name in self._unpaired)
        if names not in self._seeds:
            repeats = range(self.grid.repeats)
            self._seeds[names] = tuple(derive(self.grid.seed, "cell", *names, repeat) for repeat in repeats)
        return self._seeds[names]


def _plain(value: object) -> object:
    """Return a checked value as plain JSON."""
    return value.plain() if isinstance(value, Named) else value
