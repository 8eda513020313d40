"""How far apart two correct computations of one training may end: where every tolerance comes from.

Two graphs of one network add the same terms in another order (threads, vector width, fused operations), and each
addition rounds. The errors of a sum of n terms add up like a random walk, to λ√n units in the last place of its size; a
sum beyond λ = 10 has a chance of 2·exp(−λ²/2) (Higham and Mary, "A new approach to probabilistic rounding error
analysis", 2019). n is here the length of the chain of additions through the network: each weight array is summed over
its inputs on the way forward, over its outputs on the way back, and over batch and positions for its own gradient.

A step turns the error of a gradient into one of a weight, by the slope of the optimizer's update: of SGD that is the
learning rate. Adam divides by √v + ε: where a gradient is near zero its slope is learning rate ÷ ε, ten million times
that. In single precision, noise of a gradient is then as good as a gradient, and no bound would tell a wrong update
from a right one; so what is held against a tolerance is computed in double precision. There the bound is less than a
thousandth of one step of Adam, and far less than one of SGD.
"""

from math import prod, sqrt

import keras
import numpy as np
from numpy.typing import ArrayLike, DTypeLike

_LAMBDA = 10.0
_ADAM_EPSILON = 1e-7  # Keras' default, which is what we train with


def tolerance(
    network: keras.Model, batch: int, steps: int, optimizer: str, learning_rate: float, dtype: DTypeLike = np.float64
) -> float:
    """Return by how much weights and losses may differ, relative to the largest of their array or to 1 if that is less.

    Args:
        network: The Keras model that is trained, cut or not.
        batch: Examples of a step.
        steps: Steps that a weight took part in.
        optimizer: The parameter of that name.
        learning_rate: Likewise.
        dtype: Of the computation.
    """
    slope = learning_rate / _ADAM_EPSILON if optimizer == "adam" else learning_rate
    return steps * rounding(_additions(network, batch), dtype) * (1 + slope)


def rounding(terms: int, dtype: DTypeLike = np.float64) -> float:
    """Return the error of a sum of so many terms, relative to their size."""
    return _LAMBDA * sqrt(terms) * float(np.finfo(dtype).eps)


def difference(measured: ArrayLike, expected: ArrayLike) -> float:
    """Return the largest difference of two arrays, relative to the largest number expected, or to 1 if that is less."""
    measured, expected = np.asarray(measured, np.float64), np.asarray(expected, np.float64)
    if not expected.size:
        return 0.0
    return float(np.abs(measured - expected).max()) / max(1.0, float(np.abs(expected).max()))


def _additions(network: keras.Model, batch: int) -> int:
    kernels = [tuple(weight.shape) for weight in network.weights if len(weight.shape) > 1]
    fans: int = sum(prod(shape) // shape[-1] + prod(shape) // shape[-2] for shape in kernels)
    positions = batch * prod(int(size or 1) for size in network.input_shape[1:])
    return fans + len(network.weights) * positions
