"""How split federated learning is measured: grids, plans, sweeps, and the processes that run them."""

from benchmarks.baselines import notebook  # registers its algorithm: a grid may name it

__all__ = ["notebook"]
