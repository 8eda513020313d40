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
        for row, others in zip(columns, self._draw(len(rows), k, elements, rng), strict=True):
            if others:
                outside = _outside(row, elements, int(others), rng)
                row[rng.choice(k, int(others), replace=False)] = outside
                row.sort()
        return columns

    def _draw(self, rows: int, k: int, elements: int, rng: np.random.Generator) -> Array:
        """Return how many of the k draws of each row take an element that is not among the largest."""
        others = np.zeros(rows, np.int64)
        outside = elements - k
        for drawn, chances in enumerate(rng.random((k, rows))):
            largest_left = (1 - self._alpha) * (k - drawn + others) / k
            others_left = self._alpha * (outside - others) / outside
            others += chances * (largest_left + others_left) < others_left
        return others


def _outside(row: Array, elements: int, count: int, rng: np.random.Generator) -> Array:
    """Draw different columns that are not in a row of ascending ones."""
    ranks = rng.choice(elements - len(row), count, replace=False)  # among those that are not in it
    return ranks + np.searchsorted(row - np.arange(len(row)), ranks, side="right")
