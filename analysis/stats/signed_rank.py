"""The statistics of a gate: exact signed-rank inference on paired differences, correction for many, intervals.

All functions take samples on the last axis and work over any axes before it, so that a simulation runs the very code of
a verdict. Of n pairs, the Walsh averages are the n(n+1)/2 means of two of them (or of one with itself); how many of
them exceed a value is Wilcoxon's signed-rank statistic for that value (Hollander, Wolfe, Chicken, *Nonparametric
Statistical Methods*, 3.1-3.3). Nothing here assumes a normal distribution, only one that is symmetric about its centre.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_BOOTSTRAP_SEED = 20_240_607
_BOOTSTRAP_VALUES = 10_000_000  # values held at once: fewer draws where there are very many pairs


@dataclass(frozen=True)
class SignedRank:
    """Samples seen through their sorted Walsh averages.

    Args:
        averages: Sorted, on the last axis.
        pairs: How many differences each sample has.
    """

    averages: Array
    pairs: int

    @property
    def estimate(self) -> Array:
        """The Hodges–Lehmann estimate of the centre: the median of the Walsh averages."""
        return np.asarray(np.median(self.averages, axis=-1))

    def bounds(self, alpha: float) -> tuple[Array, Array]:
        """Return exact lower and upper bounds of the centre, each one-sided at `alpha`; infinite if unattainable."""
        reach = int((signed_rank_tail(self.pairs) <= alpha).sum())
        if reach == 0:
            unknown = np.full(self.averages.shape[:-1], np.inf)
            return -unknown, unknown
        return self.averages[..., reach - 1], self.averages[..., -reach]

    def p_above(self, value: npt.ArrayLike) -> Array:
        """Return the exact one-sided p-value of "the centre is at most `value`"; ties speak for it."""
        return self._tail((self.averages > np.asarray(value)[..., None]).sum(axis=-1))

    def p_below(self, value: npt.ArrayLike) -> Array:
        """Return the exact one-sided p-value of "the centre is at least `value`"; ties speak for it."""
        return self._tail((self.averages < np.asarray(value)[..., None]).sum(axis=-1))

    def _tail(self, beyond: npt.NDArray[np.int_]) -> Array:
        return np.asarray(signed_rank_tail(self.pairs)[beyond])


def signed_rank(samples: Array) -> SignedRank:
    """Look at samples of paired differences, which lie on the last axis."""
    pairs = samples.shape[-1]
    first, second = np.triu_indices(pairs)
    return SignedRank(np.sort((samples[..., first] + samples[..., second]) / 2, axis=-1), pairs)


@lru_cache(maxsize=256)
def signed_rank_tail(pairs: int) -> Array:
    """Return P(T ≥ t) of the signed-rank statistic under symmetry about zero, exactly, for t = 0 … n(n+1)/2."""
    mass = np.ones(1)
    for rank in range(1, pairs + 1):
        mass = (np.pad(mass, (0, rank)) + np.pad(mass, (rank, 0))) / 2
    return np.cumsum(mass[::-1])[::-1]


def fewest_pairs(alpha: float, family: int = 1) -> int:
    """Return how many pairs it takes before one of `family` hypotheses can be rejected: 2^-n ≤ α / family."""
    return math.ceil(math.log2(family / alpha))


def adjust(p: Array, cells: npt.NDArray[np.int_], among: Mask | None = None) -> Array:
    """Adjust p-values for their number: Holm (1979) over cells, Hochberg (1988) between the metrics of a cell.

    Holm holds whatever the cells have to do with each other. Hochberg takes numbers that do not pull against each
    other, as the step of a cell and the round that it is in: where both move, they cost no more than one. A cell counts
    until all that is asked of it is rejected, so that no error is made more often than Holm allows.

    Args:
        p: P-values on the last axis, one for each metric of each cell.
        cells: Which cell each of them is of.
        among: Which of them are the family; the others become 1.
    """
    family = np.ones(p.shape, dtype=bool) if among is None else among
    within = np.where(family, p, np.inf)
    members = [np.flatnonzero(cells == cell) for cell in np.unique(cells)]
    for of in members:
        within[..., of] = hochberg(within[..., of])
    known = np.where(family, within, -np.inf)
    largest = np.stack([known[..., of].max(axis=-1) for of in members], axis=-1)
    left = np.maximum((largest[..., None, :] >= within[..., :, None]).sum(axis=-1), 1)
    order = np.argsort(within, axis=-1, kind="stable")
    stepped = np.maximum.accumulate(np.take_along_axis(within * left, order, axis=-1), axis=-1)
    return _put_back(np.minimum(stepped, 1.0), order)


def hochberg(p: Array) -> Array:
    """Adjust p-values for their number along the last axis by Hochberg's step-up; infinite ones are not there."""
    order = np.argsort(p, axis=-1, kind="stable")
    left = np.maximum(np.isfinite(p).sum(axis=-1, keepdims=True) - np.arange(p.shape[-1]), 1)
    stepped = np.minimum.accumulate((np.take_along_axis(p, order, axis=-1) * left)[..., ::-1], axis=-1)
    return _put_back(stepped[..., ::-1], order)


def _put_back(ordered: Array, order: npt.NDArray[np.int_]) -> Array:
    found = np.empty_like(ordered)
    np.put_along_axis(found, order, ordered, axis=-1)
    return found


def bootstrap(sample: Array, level: float = 0.95, draws: int = 2000) -> tuple[float, float]:
    """Return the percentile interval of the Hodges–Lehmann estimate of one sample; for display, never for a verdict."""
    n = len(sample)
    chosen = np.random.default_rng(_BOOTSTRAP_SEED).integers(0, n, size=(resamples(n, draws), n))
    low, high = np.quantile(signed_rank(sample[chosen]).estimate, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def resamples(pairs: int, draws: int) -> int:
    """Return how many resamples are drawn of so many pairs: `draws`, if as many fit into memory, but at least 200."""
    return max(200, min(draws, _BOOTSTRAP_VALUES // (pairs * (pairs + 1) // 2)))


def clopper_pearson(successes: int, trials: int, alpha: float = 0.05) -> tuple[float, float]:
    """Return the exact one-sided lower and upper bounds of a rate, each at level `alpha`."""
    low = float(betaincinv(successes, trials - successes + 1, alpha)) if successes else 0.0
    high = float(betaincinv(successes + 1, trials - successes, 1 - alpha)) if successes < trials else 1.0
    return low, high
