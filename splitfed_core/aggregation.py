"""Aggregating the clients' models: lists of arrays in, one list of arrays out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = list[NDArray[Any]]


def fedavg(models: Sequence[tuple[Weights, int]]) -> Weights:
    """Average models, each weighted by its number of examples (McMahan et al., AISTATS 2017).

    The order of the models decides the last bit of the sums: give them by client id.

    Raises:
        ValueError: No models, or no examples behind them.
    """
    if sum(examples for _, examples in models) <= 0:
        raise ValueError(f"{len(models)} models trained on no examples have no average")
    from flwr.server.strategy.aggregate import aggregate

    mean = aggregate([(list(weights), examples) for weights, examples in models])
    return [np.asarray(new, dtype=old.dtype) for new, old in zip(mean, models[0][0], strict=True)]
