"""Aggregating the clients' models. docs/adr/0005-aggregated-state.md says what of a model is aggregated how."""

from splitfed_core.aggregation.rules import Weights, cast, fedavg
from splitfed_core.aggregation.strategies import STRATEGIES, ClientWeights, Strategy, check_strategy, make_strategy

__all__ = ["STRATEGIES", "ClientWeights", "Strategy", "Weights", "cast", "check_strategy", "fedavg", "make_strategy"]
