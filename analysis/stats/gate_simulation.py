"""How often the gate is right: simulated grids, decided by the code that decides real ones.

`python -m analysis.stats.gate_simulation` prints the tables of docs/gate.md. A run's log time is its cell's, plus noise
(normal, independent between the two sides of a pair): of its own, and of the minutes that all cells of a side share,
which is the worst case for the grid's verdict. A cell has a step and a round, whose noise is correlated. A loss has a
difference that its seed decides, and noise between runs of that seed. Measure again means fresh noise, and other seeds.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis.stats.signed_rank import Array, Mask, clopper_pearson
from analysis.stats.verdicts import ALPHA, Ranked, grid_threshold, noise, outcomes, signed_rank_tests

EFFECTS = (0.0, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2)
GRID_EFFECTS = (0.0, 0.01, 0.02, 0.03, 0.05)
PAIRS = (5, 10, 15, 20)
GRIDS = 2000
"""As many are simulated for each number of docs/gate.md."""

_SEED = 7
_TIMES = 2  # of a cell: its step and its round


@dataclass(frozen=True)
class World:
    """What is simulated.

    Args:
        effect: How much slower head is: 0.1 is 10 %.
        pairs: Pairs of runs.
        cells: Cells of the grid.
        changed: How many of them changed.
        rounds_alone: Whether their rounds changed and their steps did not.
        noise: Standard deviation between runs, of each cell on its own.
        shared: That of all cells of a side together: a slow minute.
        correlation: Of the noise of a cell's round with that of its step.
        same_code: Pairs of the same code that were given as `--noise`; none by default.
        min_effect: The smallest change that matters.
        grids: How many grids are simulated.
    """

    effect: float = 0.0
    pairs: int = 10
    cells: int = 24
    changed: int = 0
    rounds_alone: bool = False
    noise: float = 0.04
    shared: float = 0.0
    correlation: float = 0.8
    same_code: int = 0
    min_effect: float = 0.03
    grids: int = 1000


@dataclass(frozen=True)
class Rates:
    """How many of the grids were flagged, by each rule.

    Args:
        cell: A changed cell is a regression at once.
        confirmed: A changed cell is a regression after confirmation.
        grid: The grid is a regression by its geometric mean, and again when confirmed.
        unchanged: A time that changed is called unchanged.
        wrong: Something that did not change is flagged at once, a cell or (where nothing changed) the grid.
        wrong_confirmed: The same after confirmation.
    """

    cell: int
    confirmed: int
    grid: int
    unchanged: int
    wrong: int
    wrong_confirmed: int


@dataclass(frozen=True)
class LossWorld:
    """Losses and accuracies of code that computes the same, but not to the bit.

    Args:
        pairs: Pairs of runs.
        cells: Cells of the grid.
        seeds: Standard deviation over seeds of the difference that a seed decides.
        runs: That of the difference between runs of one seed.
        same_seeds: Whether the confirming run has the seeds of the first; the gate refuses that.
        metrics: How many there are of them; each is a family of its own.
        min_effect: The smallest difference that matters.
        grids: How many grids are simulated.
    """

    pairs: int = 10
    cells: int = 24
    seeds: float = 0.1
    runs: float = 0.01
    same_seeds: bool = False
    metrics: int = 3
    min_effect: float = 0.05
    grids: int = 1000


def simulate(world: World) -> Rates:
    """Decide simulated grids and count; seeded by the world itself, so that the same world gives the same counts."""
    rng = np.random.default_rng([_SEED, round(world.effect * 1e4), world.pairs, world.cells, round(world.noise * 1e4)])
    threshold = math.log1p(world.min_effect)
    first, again = _differences(world, world.pairs, rng), _differences(world, world.pairs, rng)
    bars = np.full((1, world.cells * _TIMES), threshold)
    if world.same_code:
        bars = noise(_differences(replace(world, changed=0), world.same_code, rng))
    cells = np.repeat(np.arange(world.cells), _TIMES)
    at_once, flags = _twice(signed_rank_tests(first, threshold, bars), signed_rank_tests(again, threshold, bars), cells)
    limits = grid_threshold(np.full(world.cells, threshold)), grid_threshold(_by_time(bars, -1))
    mean, mean_again = (
        signed_rank_tests(_by_time(each, 1).mean(axis=-1).swapaxes(1, 2), *limits) for each in (first, again)
    )
    whole, whole_flags = _twice(mean, mean_again, np.zeros(_TIMES, dtype=int))
    changed = _changed(world)
    return Rates(
        cell=_count((at_once == "regression") & changed),
        confirmed=_count((flags == "regression") & changed),
        grid=_count(whole_flags == "regression"),
        unchanged=_count((at_once == "unchanged") & changed),
        wrong=_count(_flagged(at_once) & ~changed, _flagged(whole) & (world.changed == 0)),
        wrong_confirmed=_count(_flagged(flags) & ~changed, _flagged(whole_flags) & (world.changed == 0)),
    )


def simulate_losses(world: LossWorld) -> Rates:
    """Decide the losses of simulated grids in which nothing got worse, and count."""
    rng = np.random.default_rng([_SEED, world.pairs, world.cells, round(world.seeds * 1e4), round(world.runs * 1e4)])
    shape = (world.grids, world.metrics, world.cells, world.pairs)
    decided = rng.normal(0, world.seeds, shape)
    first = decided + rng.normal(0, world.runs, shape)
    again = (decided if world.same_seeds else rng.normal(0, world.seeds, shape)) + rng.normal(0, world.runs, shape)
    threshold = world.min_effect
    at_once, flags = _twice(
        signed_rank_tests(first, threshold), signed_rank_tests(again, threshold), np.arange(world.cells)
    )
    smallest = grid_threshold(np.full(world.cells, threshold))
    mean, mean_again = (
        signed_rank_tests(measured.mean(axis=2, keepdims=True), smallest) for measured in (first, again)
    )
    whole, whole_flags = _twice(mean, mean_again, np.zeros(1, dtype=int))
    return Rates(
        cell=0,
        confirmed=0,
        grid=0,
        unchanged=0,
        wrong=_count(_flagged(at_once), _flagged(whole)),
        wrong_confirmed=_count(_flagged(flags), _flagged(whole_flags)),
    )


Outcomes = npt.NDArray[np.str_]


def _twice(first: Ranked, again: Ranked, cells: npt.NDArray[np.int_]) -> tuple[Outcomes, Outcomes]:
    """Return the outcomes at once, and those of suspects that were flagged again."""
    worse, better = first.suspects(ALPHA)
    later = outcomes(again, cells=cells, among=(worse, better))
    confirmed = ((later == "regression") & worse) | ((later == "improvement") & better)
    return outcomes(first, cells=cells), np.where(confirmed, later, "inconclusive")


def _by_time(values: Array, axis: int) -> Array:
    """Put the times of all cells, which take turns on an axis, on a last axis of their own: one line per time."""
    cells = values.shape[axis] // _TIMES
    moved = np.moveaxis(values, axis, -1)
    return moved.reshape(*moved.shape[:-1], cells, _TIMES).swapaxes(-1, -2)


def _flagged(found: Outcomes) -> Mask:
    return np.isin(found, ["regression", "improvement"])


def _changed(world: World) -> Mask:
    cells = np.arange(world.cells) < world.changed
    return np.stack([cells & (not world.rounds_alone), cells], axis=-1).reshape(-1)


def _differences(world: World, pairs: int, rng: np.random.Generator) -> Array:
    """Return the differences of each grid, time (the step and the round of each cell in turn) and pair."""
    step, own = rng.normal(0, world.noise, (2, 2, world.grids, world.cells, pairs))
    both = np.stack([step, world.correlation * step + math.sqrt(1 - world.correlation**2) * own], axis=3)
    if world.shared:
        both += rng.normal(0, world.shared, (2, world.grids, 1, 1, pairs))
    difference: Array = (both[1] - both[0]).reshape(world.grids, -1, pairs)
    return difference + np.where(_changed(world), math.log1p(world.effect), 0.0)[:, None]


def _count(*found: Mask) -> int:
    """Count the grids in which anything was found."""
    any_of = [each.reshape(len(each), -1).any(axis=1) for each in found]
    return int(np.any(any_of, axis=0).sum())


def one_cell(world: World, rule: Literal["cell", "confirmed", "unchanged"]) -> list[list[str]]:
    """Return the detection curve of one changed cell: a line per effect, a column per number of pairs."""
    lines = []
    for effect in EFFECTS:
        found = [simulate(replace(world, effect=effect, pairs=pairs, changed=1)) for pairs in PAIRS]
        lines.append([f"+{effect:.1%}", *(_percent(getattr(rates, rule), world) for rates in found)])
    return lines


def whole_grid(world: World) -> list[list[str]]:
    """Return the detection curve of the grid's verdict when every cell changed."""
    lines = []
    for effect in GRID_EFFECTS:
        found = [simulate(replace(world, effect=effect, pairs=pairs, changed=world.cells)) for pairs in PAIRS]
        lines.append([f"+{effect:.1%}", *(_percent(rates.grid, world) for rates in found)])
    return lines


def false_alarms(world: World) -> list[list[str]]:
    """Return how many grids in which nothing changed have anything flagged: count, and upper bound of the rate."""
    lines = []
    for label, each in kinds_of_noise(world).items():
        found = [simulate(replace(each, pairs=pairs)) for pairs in PAIRS]
        lines.append([f"{label}, at once", *(_bounded(rates.wrong, world.grids) for rates in found)])
        lines.append([f"{label}, confirmed", *(_bounded(rates.wrong_confirmed, world.grids) for rates in found)])
    return lines


def kinds_of_noise(world: World) -> dict[str, World]:
    """Return worlds in which runs differ from each other in another way."""
    return {
        **{f"{noise:.0%}": replace(world, noise=noise) for noise in (0.01, 0.04, 0.08)},
        "4%, rounds apart from steps": replace(world, correlation=0.0),
        "8%, with `--noise` of 5 pairs": replace(world, noise=0.08, same_code=5),
        "1% and 4% shared": replace(world, noise=0.01, shared=0.04),
    }


def losses(grids: int) -> list[list[str]]:
    """Return the same for losses that seeds decide."""
    lines = []
    for seeds in (0.05, 0.1, 0.2):
        worlds = [LossWorld(seeds=seeds, grids=grids, pairs=pairs) for pairs in PAIRS]
        found = [simulate_losses(world) for world in worlds]
        same = [simulate_losses(replace(world, same_seeds=True)) for world in worlds]
        label = f"differences of {seeds:g}"
        lines.append([f"{label}, at once", *(_bounded(rates.wrong, grids) for rates in found)])
        lines.append([f"{label}, confirmed", *(_bounded(rates.wrong_confirmed, grids) for rates in found)])
        lines.append([f"{label}, on the same seeds", *(_bounded(rates.wrong_confirmed, grids) for rates in same)])
    return lines


def _bounded(count: int, grids: int) -> str:
    return f"{count} (≤ {clopper_pearson(count, grids)[1]:.2%})"


def _percent(count: int, world: World) -> str:
    return f"{count / world.grids:.1%}"


def tables(grids: int) -> str:
    """Return the tables of docs/gate.md as markdown."""
    world = World(grids=grids)
    noisy = replace(world, noise=0.08, same_code=5)
    parts = (
        ("noise between runs", false_alarms(world)),
        ("losses that seeds decide", losses(grids)),
        ("one cell of 24, confirmed", one_cell(world, "confirmed")),
        ("its rounds alone, confirmed", one_cell(replace(world, rounds_alone=True), "confirmed")),
        ("one cell of 24, at once", one_cell(world, "cell")),
        ("8% and `--noise`, confirmed", one_cell(noisy, "confirmed")),
        ("8% and `--noise`, called unchanged", one_cell(noisy, "unchanged")),
        ("all 24 cells", whole_grid(world)),
    )
    return "\n".join(_markdown(corner, lines) for corner, lines in parts)


def _markdown(corner: str, lines: list[list[str]]) -> str:
    head = [corner, *(f"{pairs} pairs" for pairs in PAIRS)]
    rows = [head, ["---", *("---:" for _ in PAIRS)], *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    print(tables(GRIDS))
