"""How often a cell would win again: repeats are drawn anew, and with them what test examples decide.

Means of three repeats crown somebody always. A cell that wins in few of the resamples won by chance.
"""

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.results.load import Results
from analysis.stats.signed_rank import Array

MOST = 0.5
"""Only who wins in more than this share of the resamples is named."""

_SEED = 20_240_914
_DRAWS = (50, 1000)
_WORK = 20_000_000  # comparisons of two cells: fewer draws where there are very many cells

Draws = npt.NDArray[np.int_]


def by_repeat(results: Results, column: str, cells: pd.MultiIndex) -> Array:
    """Return a metric of cells (run and identifier): a line per cell, a column per repeat, NaN where there is none."""
    wide = results.ok.set_index(["run", "cell_id", "repeat"])[column].unstack("repeat").reindex(cells)
    return np.asarray(wide.to_numpy(dtype=float))


def cells_of(results: Results) -> pd.MultiIndex:
    """Return run and identifier of the usable cells, in their order."""
    return pd.MultiIndex.from_frame(results.ok[["run", "cell_id"]].drop_duplicates())


def draw_repeats(repeats: int, cells: int) -> Draws:
    """Draw repeats with replacement, the same ones for all cells: those of one repeat share seeds and minutes."""
    count = int(np.clip(_WORK // max(1, cells * cells), *_DRAWS))
    return np.random.default_rng(_SEED).integers(0, repeats, size=(count, repeats))


def means(values: Array, drawn: Draws) -> Array:
    """Return the mean of each cell in each draw: a line per draw; of a cell without these repeats the mean of all."""
    chosen = values[:, drawn]
    there = ~np.isnan(chosen)
    own = np.nansum(values, axis=1) / np.maximum(1, (~np.isnan(values)).sum(axis=1))
    made = np.nansum(chosen, axis=2) / np.maximum(1, there.sum(axis=2))
    return np.asarray(np.where(there.any(axis=2), made, own[:, None]).T)


def accuracies(values: Array, drawn: Draws, examples: Array) -> Array:
    """Return what accuracies could have been in each draw, on other test examples too; NaN examples are not drawn."""
    mean = np.clip(means(values, drawn), 0, 1)
    known = np.where(np.isnan(examples), 1, examples).astype(int)
    sampled = np.random.default_rng(_SEED + 1).binomial(known, mean) / known
    return np.asarray(np.where(np.isnan(examples), mean, sampled))


def wins(scores: Array) -> Array:
    """Return in which share of the draws (lines) each cell (column) has the largest score; ties are won by all."""
    return np.asarray((scores == scores.max(axis=1, keepdims=True)).mean(axis=0))


def front_share(costs: Array) -> Array:
    """Return in which share of the draws no other cell is at least as good in all costs: draws × cells × costs."""
    return np.asarray(np.mean([on_front(each) for each in costs], axis=0))


def on_front(costs: Array) -> npt.NDArray[np.bool_]:
    """Tell which cells no other cell beats: none costs at most as much in everything and less in something."""
    at_most = (costs[:, None, :] <= costs[None, :, :]).all(axis=2)
    less = (costs[:, None, :] < costs[None, :, :]).any(axis=2)
    return np.asarray(~(at_most & less).any(axis=0))


def beaten_by(costs: Array) -> npt.NDArray[np.int_]:
    """Count for each cell the cells that beat it, one after the other: a table of all pairs would not fit."""
    return np.array([((costs <= own).all(axis=1) & (costs < own).any(axis=1)).sum() for own in costs], dtype=int)


def floored_percent(share: float) -> str:
    """Say in how many resamples something was so; none of a thousand is not never."""
    return f"{math.floor(share * 100)} %"
