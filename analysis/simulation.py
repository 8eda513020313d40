"""How often the gate is right: simulated grids, decided by the code that decides real ones.

`python -m analysis.simulation` prints the tables of docs/gate.md. A run's log time is its cell's, plus noise (normal,
independent between the two sides of a pair): of its own, and of the minutes that all cells of a side share, which is
the worst case for the grid's verdict. Measure again means fresh noise.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis.stats import Array, Mask, clopper_pearson
from analysis.verdicts import ALPHA, grid_threshold, outcomes, rank

EFFECTS = (0.0, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2)
GRID_EFFECTS = (0.0, 0.01, 0.02, 0.03, 0.05)
PAIRS = (5, 10, 15, 20)

_SEED = 7


@dataclass(frozen=True)
class World:
    """What is simulated.

    Args:
        effect: How much slower head is: 0.1 is 10 %.
        pairs: Pairs of runs.
        cells: Cells of the grid.
        changed: How many of them changed.
        noise: Standard deviation between runs, of each cell on its own.
        shared: That of all cells of a side together: a slow minute.
        min_effect: The smallest change that matters.
        grids: How many grids are simulated.
    """

    effect: float = 0.0
    pairs: int = 10
    cells: int = 24
    changed: int = 0
    noise: float = 0.04
    shared: float = 0.0
    min_effect: float = 0.03
    grids: int = 1000


@dataclass(frozen=True)
class Rates:
    """How many of the grids were flagged, by each rule.

    Args:
        cell: A changed cell is a regression at once (Holm over all cells).
        confirmed: A changed cell is a regression after confirmation (Holm over the suspects).
        grid: The grid is a regression by its geometric mean, and again when confirmed.
        wrong: Something that did not change is flagged at once, a cell or (where nothing changed) the grid.
        wrong_confirmed: The same after confirmation.
    """

    cell: int
    confirmed: int
    grid: int
    wrong: int
    wrong_confirmed: int


def simulate(world: World) -> Rates:
    """Decide simulated grids and count; seeded by the world itself, so that the same world gives the same counts."""
    rng = np.random.default_rng([_SEED, round(world.effect * 1e4), world.pairs, world.cells, round(world.noise * 1e4)])
    threshold = math.log1p(world.min_effect)
    first, again = _differences(world, rng), _differences(world, rng)
    ranked, reranked = rank(first, threshold), rank(again, threshold)
    at_once = outcomes(ranked)
    worse, better = ranked.suspects(ALPHA)
    later = outcomes(reranked, among=(worse, better))
    confirmed = ((later == "regression") & worse) | ((later == "improvement") & better)
    means, means_again = (_grid_outcomes(measured, threshold) for measured in (first, again))
    means_confirmed = _flagged(means) & (means_again == means)
    changed = np.arange(world.cells) < world.changed
    unchanged = world.changed == 0
    return Rates(
        cell=_count((at_once == "regression") & changed),
        confirmed=_count(confirmed & (later == "regression") & changed),
        grid=int((means_confirmed & (means == "regression")).sum()),
        wrong=int((unchanged & _flagged(means) | (_flagged(at_once) & ~changed).any(axis=1)).sum()),
        wrong_confirmed=int((unchanged & means_confirmed | (confirmed & ~changed).any(axis=1)).sum()),
    )


def _grid_outcomes(measured: Array, threshold: float) -> npt.NDArray[np.str_]:
    cells = measured.shape[1]
    found: npt.NDArray[np.str_] = outcomes(
        rank(measured.mean(axis=1)[:, None, :], grid_threshold([threshold] * cells))
    )[:, 0]
    return found


def _flagged(found: npt.NDArray[np.str_]) -> Mask:
    return np.isin(found, ["regression", "improvement"])


def _differences(world: World, rng: np.random.Generator) -> Array:
    noise = rng.normal(0, world.noise, (2, world.grids, world.cells, world.pairs))
    if world.shared:
        noise += rng.normal(0, world.shared, (2, world.grids, 1, world.pairs))
    shift = np.where(np.arange(world.cells) < world.changed, math.log1p(world.effect), 0.0)
    difference: Array = noise[1] - noise[0] + shift[:, None]
    return difference


def _count(found: Mask) -> int:
    return int(found.any(axis=1).sum())


def one_cell(world: World, rule: Literal["cell", "confirmed"]) -> list[list[str]]:
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
    for noise, shared in ((0.01, 0.0), (0.04, 0.0), (0.08, 0.0), (0.01, 0.04)):
        found = [simulate(replace(world, noise=noise, shared=shared, pairs=pairs)) for pairs in PAIRS]
        told = f"{noise:.0%}" + (f" and {shared:.0%} shared" if shared else "")
        lines.append([f"{told}, at once", *(_bounded(rates.wrong, world) for rates in found)])
        lines.append([f"{told}, confirmed", *(_bounded(rates.wrong_confirmed, world) for rates in found)])
    return lines


def _bounded(count: int, world: World) -> str:
    return f"{count} (≤ {clopper_pearson(count, world.grids)[1]:.2%})"


def _percent(count: int, world: World) -> str:
    return f"{count / world.grids:.1%}"


def tables(grids: int) -> str:
    """Return the tables of docs/gate.md as markdown."""
    world = World(grids=grids)
    parts = (
        ("noise between runs", false_alarms(world)),
        ("one cell of 24, confirmed", one_cell(world, "confirmed")),
        ("one cell of 24, at once", one_cell(world, "cell")),
        ("all 24 cells", whole_grid(world)),
    )
    return "\n".join(_markdown(corner, lines) for corner, lines in parts)


def _markdown(corner: str, lines: list[list[str]]) -> str:
    head = [corner, *(f"{pairs} pairs" for pairs in PAIRS)]
    rows = [head, ["---", *("---:" for _ in PAIRS)], *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    print(tables(grids=2000))
