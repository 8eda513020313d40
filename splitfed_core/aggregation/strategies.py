"""The strategies by name: their settings, how many clients they need, and what they do to a model's parts."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import compress, count
from typing import NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from splitfed_core.aggregation import rules
from splitfed_core.aggregation.rules import Results, Weights, cast, fedavg
from splitfed_core.config.choice import Named
from splitfed_core.config.choice_settings import read_settings
from splitfed_core.errors import ConfigError

Rule: TypeAlias = Callable[[Results, Weights], Weights]


class ClientWeights(NamedTuple):
    """One client's model after a round, and the number of examples it was trained on."""

    client_id: int
    weights: Weights
    examples: int


class Strategy:
    """A rule for the trained weights, the weighted average for all others. A rule may remember earlier rounds."""

    def __init__(self, rule: Rule, trainable: Sequence[bool] | None = None) -> None:
        """Aggregate with `rule`.

        Args:
            rule: Makes the new weights from the models' weights and those the round started from.
            trainable: Which arrays of a model are trained; all of them by default.
        """
        self._rule = rule
        self._trainable = trainable

    def aggregate(self, models: Sequence[tuple[int, Weights, int]], previous: Weights) -> Weights:
        """Return the model that the clients go on with, the same to the bit in whatever order theirs came.

        Args:
            models: Client id, weights and number of examples of each client.
            previous: The model they all started the round from.

        Raises:
            CellError: No models, or no examples behind them.
        """
        ordered = sorted((ClientWeights(*model) for model in models), key=lambda model: model.client_id)
        trains = self._trainable or [True] * len(previous)
        rests = [not train for train in trains]
        mean = iter(fedavg(_select(ordered, rests)))  # comes first because it refuses models of no examples
        new = iter(self._rule(_select(ordered, trains), list(compress(previous, trains))))
        merged = [next(new) if train else next(mean) for train in trains]
        return [cast(array, old.dtype) for array, old in zip(merged, previous, strict=True)]


def _select(models: Sequence[ClientWeights], mask: Sequence[bool]) -> Results:
    return [(list(compress(model.weights, mask)), model.examples) for model in models]


class StrategyChoice(BaseModel, ABC):
    """The settings of a strategy; a subclass says what they make."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def rule(self) -> Rule:
        """Return the rule, new and without memory."""

    def min_clients(self) -> int:
        """Return how many clients the strategy needs to mean anything."""
        return 1


class FedAvg(StrategyChoice):
    """Weighted average."""

    def rule(self) -> Rule:
        """Return the weighted average."""
        return lambda models, _: fedavg(models)


class FedAvgM(StrategyChoice):
    """Momentum on the server: η and β of Hsu et al."""

    learning_rate: float = Field(1.0, gt=0, allow_inf_nan=False)
    momentum: float = Field(0.9, ge=0, lt=1)

    def rule(self) -> Rule:
        """Return a step with momentum."""
        return rules.Momentum(self.learning_rate, self.momentum)


class FedAdam(StrategyChoice):
    """Adam on the server: η, β₁, β₂ and τ of Reddi et al."""

    learning_rate: float = Field(0.01, gt=0, allow_inf_nan=False)
    beta_1: float = Field(0.9, ge=0, lt=1)
    beta_2: float = Field(0.99, ge=0, lt=1)
    tau: float = Field(1e-3, gt=0, allow_inf_nan=False)

    def rule(self) -> Rule:
        """Return an adaptive step."""
        return rules.Adaptive(rules.adam, self.learning_rate, self.beta_1, self.beta_2, self.tau)


class FedYogi(FedAdam):
    """Yogi on the server: η, β₁, β₂ and τ of Reddi et al."""

    def rule(self) -> Rule:
        """Return an adaptive step."""
        return rules.Adaptive(rules.yogi, self.learning_rate, self.beta_1, self.beta_2, self.tau)


class Median(StrategyChoice):
    """Median of every coordinate."""

    def rule(self) -> Rule:
        """Return the median."""
        return lambda models, _: rules.median(models)


class TrimmedMean(StrategyChoice):
    """Mean of every coordinate without the share `trim` of values at either end."""

    trim: float = Field(0.2, gt=0, lt=0.5)

    def rule(self) -> Rule:
        """Return the trimmed mean."""
        return lambda models, _: rules.trimmed_mean(models, self.trim)

    def min_clients(self) -> int:
        """Return how many clients it takes for one value to be cut off at either end."""
        return next(clients for clients in count(1) if int(self.trim * clients))


class Krum(StrategyChoice):
    """The `keep` models closest to their neighbours, when up to `malicious` of them may be made up."""

    malicious: int = Field(0, ge=0)
    keep: int = Field(1, ge=1)

    def rule(self) -> Rule:
        """Return krum, or multi-krum if it keeps more than one."""
        return lambda models, _: rules.krum(models, self.malicious, self.keep)

    def min_clients(self) -> int:
        """Return 2f + 3, the bound of its proof, or as many as it keeps."""
        return max(2 * self.malicious + 3, self.keep)


STRATEGIES: dict[str, type[StrategyChoice]] = {
    "fedavg": FedAvg,
    "fedavgm": FedAvgM,
    "fedadam": FedAdam,
    "fedyogi": FedYogi,
    "median": Median,
    "trimmed_mean": TrimmedMean,
    "krum": Krum,
}
"""The strategies by name."""


def make_strategy(choice: Named, trainable: Sequence[bool] | None = None) -> Strategy:
    """Build a strategy for models whose `trainable` arrays are trained.

    Raises:
        ConfigError: An unknown strategy or setting.
    """
    return Strategy(_read(choice).rule(), trainable)


def check_strategy(choice: Named, clients: int) -> None:
    """Refuse a strategy that means nothing for the models of so few clients.

    Raises:
        ConfigError: That, or an unknown strategy or setting.
    """
    needed = _read(choice).min_clients()
    if clients < needed:
        raise ConfigError(
            f"strategy {choice.plain()!r} needs at least {needed} clients in a round; there are {clients}", "strategy"
        )


def _read(choice: Named) -> StrategyChoice:
    if choice.name not in STRATEGIES:
        raise ConfigError(f"strategy {choice.name!r} is unknown; choose one of {', '.join(STRATEGIES)}", "strategy")
    return read_settings(choice, STRATEGIES[choice.name], "strategy")
