"""The rules: from the clients' models and the one they started from, the next.

Where Flower has a pure function it is used. Its adaptive strategies live inside its server loop, so those follow the
papers here.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from splitfed_core.arrays import Array, DType
from splitfed_core.errors import CellError

Weights: TypeAlias = list[Array]
Results: TypeAlias = list[tuple[Weights, int]]
SecondMoment: TypeAlias = Callable[[Array, Array, float], Array]


def fedavg(models: Results) -> Weights:
    """Average models, each weighted by its number of examples (McMahan et al., AISTATS 2017).

    The order of the models decides the last bit of the sums: give them by client id.

    Raises:
        CellError: No models, or no examples behind them.
    """
    if sum(examples for _, examples in models) <= 0:
        raise CellError(f"{len(models)} models trained on no examples have no average; check the clients' data")
    from flwr.server.strategy.aggregate import aggregate

    mean = aggregate([(list(weights), examples) for weights, examples in models])
    return [cast(new, old.dtype) for new, old in zip(mean, models[0][0], strict=True)]


def median(models: Results) -> Weights:
    """Take the median of every coordinate (Yin et al., ICML 2018)."""
    from flwr.server.strategy.aggregate import aggregate_median

    return list(aggregate_median(models))


def trimmed_mean(models: Results, trim: float) -> Weights:
    """Average every coordinate without its lowest and highest `trim` (a share) of values (Yin et al., ICML 2018)."""
    from flwr.server.strategy.aggregate import aggregate_trimmed_avg

    return list(aggregate_trimmed_avg(models, trim))


def krum(models: Results, malicious: int, keep: int) -> Weights:
    """Average the `keep` models that lie closest to their neighbours (Blanchard et al., NeurIPS 2017)."""
    from flwr.server.strategy.aggregate import aggregate_krum

    return list(aggregate_krum(models, malicious, keep))


class Momentum:
    """Momentum on the server (Hsu et al., 2019): v ← βv + Δ, w ← w + ηv, where Δ is the average minus w."""

    def __init__(self, learning_rate: float, momentum: float) -> None:
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._velocity: Weights = []

    def __call__(self, models: Results, previous: Weights) -> Weights:
        """Step along the running sum of updates."""
        update = _update(models, previous)
        velocity = self._velocity or [np.zeros_like(delta) for delta in update]
        self._velocity = [self._momentum * v + delta for v, delta in zip(velocity, update, strict=True)]
        return [w + self._learning_rate * v for w, v in zip(previous, self._velocity, strict=True)]


class Adaptive:
    """Adaptive federated optimization (Reddi et al., ICLR 2021, Algorithm 2); `second_moment` makes it Adam or Yogi."""

    def __init__(
        self, second_moment: SecondMoment, learning_rate: float, beta_1: float, beta_2: float, tau: float
    ) -> None:
        self._second_moment = second_moment
        self._learning_rate = learning_rate
        self._betas = beta_1, beta_2
        self._tau = tau
        self._m: Weights = []
        self._v: Weights = []

    def __call__(self, models: Results, previous: Weights) -> Weights:
        """Step along the first moment, scaled by the root of the second."""
        beta_1, beta_2 = self._betas
        update = _update(models, previous)
        first = self._m or [np.zeros_like(delta) for delta in update]
        second = self._v or [np.full_like(delta, self._tau**2) for delta in update]
        self._m = [beta_1 * m + (1 - beta_1) * delta for m, delta in zip(first, update, strict=True)]
        self._v = [self._second_moment(v, delta**2, beta_2) for v, delta in zip(second, update, strict=True)]
        moments = zip(previous, self._m, self._v, strict=True)
        return [w + self._learning_rate * m / (np.sqrt(v) + self._tau) for w, m, v in moments]


def adam(v: Array, squared: Array, beta_2: float) -> Array:
    """Return Adam's second moment: an exponential average of squared updates."""
    average: Array = beta_2 * v + (1 - beta_2) * squared
    return average


def yogi(v: Array, squared: Array, beta_2: float) -> Array:
    """Return Yogi's second moment, which moves by at most the squared update."""
    moved: Array = v - (1 - beta_2) * squared * np.sign(v - squared)
    return moved


def _update(models: Results, previous: Weights) -> Weights:
    """Return Δ: how far the average has moved."""
    return [mean - old for mean, old in zip(fedavg(models), previous, strict=True)]


def cast(array: Array, dtype: DType) -> Array:
    """Return the array in the model's own type; an average of counters is rounded, not cut off."""
    return np.asarray(np.rint(array) if dtype.kind in "iu" else array, dtype=dtype)
