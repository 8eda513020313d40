"""Randomised top-k (arXiv 2305.18469): now and then another element is sent in place of one of the largest."""

from typing import ClassVar

import numpy as np

from splitfed_core.arrays import Array
from splitfed_core.wire.codecs.settings import Settings, share
from splitfed_core.wire.codecs.topk import TopK, largest


class RandTopK(TopK):
    """As top-k, but the k elements are drawn one after the other: with `alpha` from all that are not the k largest.

    Each draw takes one of the k largest with probability 1 - alpha in all, one of the others with alpha in all, equally
    likely within each, and without putting back. Without a generator, as at an evaluation, it is top-k.
    """

    name = "randtopk"
    settings: ClassVar[Settings] = {
        "share": share(0.01, always_written=True),
        "alpha": share(0.1, below_one=True, always_written=True),
    }
    random = True

    def __init__(self, share: float = 0.01, alpha: float = 0.1) -> None:
        """Keep that share of each example, drawn with that probability of something else than the largest."""
        super().__init__(share)
        self._alpha = alpha

    def error(self, array: Array) -> Array:
        """Return the elements themselves: any can be left out."""
        return np.abs(array)

    def choose_columns(self, rows: Array, k: int, rng: np.random.Generator | None) -> Array:
        """Draw k columns of each row."""
        columns = largest(rows, k)
        elements = rows.shape[1]
        if rng is None or k == elements:
            return columns
        others = self._others(len(rows), k, elements, rng)
        for row, count in zip(columns, others, strict=True):
            if count:
                outside = _outside(row, elements, int(count), rng)
                row[rng.choice(k, int(count), replace=False)] = outside
                row.sort()
        return columns

    def _others(self, rows: int, k: int, elements: int, rng: np.random.Generator) -> Array:
        """Return how many of the k elements that are drawn in each row are not among the largest.

        Drawing by weight without putting back is a race: each element arrives after an exponential time, a heavier one
        sooner, and the first k are taken. Of either kind the arrivals are made in their order; the j-th of the others,
        counted from 0, is in time if it comes before the (k - j)-th of the largest.
        """
        outside = elements - k
        largest_arrive = _arrivals(rows, k, k, (1 - self._alpha) / k, rng)
        others_arrive = _arrivals(rows, min(k, outside), outside, self._alpha / outside, rng)
        in_time = others_arrive < largest_arrive[:, ::-1][:, : others_arrive.shape[1]]
        return np.asarray(np.count_nonzero(in_time, axis=1))


def _arrivals(rows: int, first: int, runners: int, rate: float, rng: np.random.Generator) -> Array:
    """Return when the first of some runners arrive, who all have the same rate."""
    waits = rng.standard_exponential((rows, first)) / (rate * (runners - np.arange(first)))
    return np.cumsum(waits, axis=1)


def _outside(row: Array, elements: int, count: int, rng: np.random.Generator) -> Array:
    """Draw different columns that are not in a row of ascending ones."""
    ranks = rng.choice(elements - len(row), count, replace=False)  # among those that are not in it
    return ranks + np.searchsorted(row - np.arange(len(row)), ranks, side="right")
