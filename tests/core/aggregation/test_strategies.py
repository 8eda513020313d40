import math
from itertools import permutations

import numpy as np
import pytest

from splitfed_core.aggregation import STRATEGIES, Weights, check_strategy, fedavg, make_strategy
from splitfed_core.aggregation.rules import yogi
from splitfed_core.config.choice import Named
from splitfed_core.errors import CellError, ConfigError
from splitfed_core.verification.rounding import rounding


def one(*values: float) -> Weights:
    return [np.array(values, np.float32)]


def test_fedavg_weighs_by_examples() -> None:
    (mean,) = fedavg([(one(1, 2), 1), (one(4, -1), 3)])
    assert mean.tolist() == [3.25, -0.25]


@pytest.mark.parametrize("name", STRATEGIES)
def test_models_of_no_examples_are_refused(name: str) -> None:
    for models in ([], [(0, one(0), 0)]):
        with pytest.raises(CellError, match="no examples"):
            make_strategy(Named(name=name)).aggregate(models, one(0))


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_order_of_arrival_changes_no_bit(name: str) -> None:
    rng = np.random.default_rng(0)
    models = [(i, [rng.normal(size=50).astype(np.float32)], 10 + i) for i in range(5)]
    results = {
        make_strategy(Named(name=name)).aggregate(order, one(*range(50)))[0].tobytes()
        for order in list(permutations(models))[::17]
    }
    assert len(results) == 1


@pytest.mark.parametrize("name", STRATEGIES)
def test_weights_stay_float32_and_counters_integers(name: str) -> None:
    models = [(i, [*one(i), np.array([2, 3 + i % 2])], 7) for i in range(5)]
    weights, counter = make_strategy(Named(name=name), [True, False]).aggregate(models, [*one(0), np.array([1, 1])])
    assert weights.dtype == np.float32
    assert counter.dtype == np.int64
    assert counter.tolist() == [2, 3]  # the average is 2, 3.4


def test_momentum_by_hand() -> None:
    strategy = make_strategy(Named(name="fedavgm", learning_rate=0.5, momentum=0.5))
    first = strategy.aggregate([(0, one(2.0), 1), (1, one(6.0), 1)], one(0.0))
    assert first[0].tolist() == [2.0]  # Δ = 4, v = 4, w = 0 + 0.5 · 4
    second = strategy.aggregate([(0, one(3.0), 1)], first)
    assert second[0].tolist() == [3.5]  # Δ = 1, v = 0.5 · 4 + 1 = 3, w = 2 + 0.5 · 3


def test_momentum_of_zero_is_fedavg() -> None:
    models = [(0, one(1, 2), 1), (1, one(4, -1), 3)]
    plain, still = (
        make_strategy(Named(name=n, **s)).aggregate(models, one(0, 0))
        for n, s in [("fedavg", {}), ("fedavgm", {"momentum": 0})]
    )
    assert plain[0].tolist() == still[0].tolist() == [3.25, -0.25]


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        # m = 0.5 · 0 + 0.5 · 4 = 2; v = 0.75 · 1 + 0.25 · 16 = 4.75; w = 0 + 2 / (√4.75 + 1)
        # Δ = 1: m = 0.5 · 2 + 0.5 · 1 = 1.5; v = 0.75 · 4.75 + 0.25 · 1 = 3.8125
        ("fedadam", 2 / (4.75**0.5 + 1), 1.5 / (3.8125**0.5 + 1)),
        # v = 1 − 0.25 · 16 · sign(1 − 16) = 5; then v = 5 − 0.25 · 1 · sign(5 − 1) = 4.75
        ("fedyogi", 2 / (5**0.5 + 1), 1.5 / (4.75**0.5 + 1)),
    ],
)
def test_adaptive_strategies_by_hand(name: str, first: float, second: float) -> None:
    strategy = make_strategy(Named(name=name, learning_rate=1.0, beta_1=0.5, beta_2=0.75, tau=1.0))
    (after_one,) = strategy.aggregate([(0, [np.array([2.0])], 1), (1, [np.array([6.0])], 1)], [np.array([0.0])])
    assert after_one[0] == pytest.approx(first, rel=rounding(10))
    (after_two,) = strategy.aggregate([(0, [after_one + 1], 1)], [after_one])
    assert after_two[0] - after_one[0] == pytest.approx(second, rel=rounding(10))


def test_the_median_ignores_examples_and_outliers() -> None:
    models = [(0, one(1, 0), 1), (1, one(2, 5), 1), (2, one(1e9, 7), 1000)]
    assert make_strategy(Named(name="median")).aggregate(models, one(0, 0))[0].tolist() == [2, 5]


def test_the_trimmed_mean_drops_one_value_at_either_end() -> None:
    models = [(i, one(value), 1) for i, value in enumerate([-1e9, 1, 2, 6, 1e9])]
    assert make_strategy(Named(name="trimmed_mean", trim=0.2)).aggregate(models, one(0))[0].tolist() == [3]


def test_krum_picks_the_model_in_the_crowd() -> None:
    models = [(i, one(value), 1) for i, value in enumerate([0, 1, 3, 6, 100])]
    # 5 − 1 − 2 = 2 neighbours each; squared distances: 0: 1 + 9, 1: 1 + 4, 3: 4 + 9, 6: 9 + 25, 100: 94² + 97²
    assert make_strategy(Named(name="krum", malicious=1)).aggregate(models, one(0))[0].tolist() == [1]
    assert make_strategy(Named(name="krum", malicious=1, keep=2)).aggregate(models, one(0))[0].tolist() == [0.5]


@pytest.mark.parametrize("name", ["fedavgm", "fedadam", "fedyogi", "median", "trimmed_mean", "krum"])
def test_statistics_are_averaged_whatever_the_strategy(name: str) -> None:
    models = [
        (i, [*one(i), *one(value)], examples)
        for i, (value, examples) in enumerate([(0, 1), (0, 1), (8, 2), (0, 3), (0, 1)])
    ]
    _, statistics = make_strategy(Named(name=name), [True, False]).aggregate(models, [*one(5), *one(5)])
    assert statistics.tolist() == [2]  # 8 · 2 / 8


@pytest.mark.parametrize(
    ("choice", "clients", "words"),
    [
        (Named(name="mean"), 3, "choose one of fedavg, fedavgm"),
        (Named(name="fedavg", momentum=0.1), 3, "no setting 'momentum'"),
        (Named(name="fedadam", beta_2=1.0), 3, "less than 1"),
        (Named(name="fedadam", learning_rate=math.inf), 3, "finite"),
        (Named(name="fedadam", learning_rate=0.0), 3, "greater than 0"),
        (Named(name="fedadam", tau=math.inf), 3, "finite"),
        (Named(name="fedadam", tau=0.0), 3, "greater than 0"),
        (Named(name="fedadam", beta_1=1.0), 3, "less than 1"),
        (Named(name="fedadam", beta_1=-0.5), 3, "greater than or equal to 0"),
        (Named(name="fedavgm", learning_rate=math.inf), 3, "finite"),
        (Named(name="fedavgm", learning_rate=0.0), 3, "greater than 0"),
        (Named(name="fedavgm", momentum=1.0), 3, "less than 1"),
        (Named(name="fedavgm", momentum=-0.5), 3, "greater than or equal to 0"),
        (Named(name="trimmed_mean", trim=0.0), 9, "greater than 0"),
        (Named(name="krum", malicious=-1), 9, "greater than or equal to 0"),
        (Named(name="krum", keep=0), 9, "greater than or equal to 1"),
        (Named(name="trimmed_mean", trim=0.5), 9, "less than 0.5"),
        (Named(name="trimmed_mean", trim=0.3), 3, "at least 4 clients"),
        (Named(name="krum", malicious=1), 4, "at least 5 clients"),
        (Named(name="krum", keep=4), 3, "at least 4 clients"),
        (Named(name="fedavg"), 0, "at least 1 clients"),
    ],
)
def test_strategies_that_cannot_work_are_refused(choice: Named, clients: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        check_strategy(choice, clients)
    assert caught.value.parameter == "strategy"


def test_strategies_with_just_enough_clients_pass() -> None:
    for choice, clients in ((Named(name="trimmed_mean", trim=0.3), 4), (Named(name="krum", malicious=1), 5)):
        check_strategy(choice, clients)


def test_the_defaults_are_those_of_the_papers() -> None:
    """Reddi et al. give β₁ 0.9, β₂ 0.99 and τ 10⁻³; with one client of a model at 1, Δ is 1 and w starts at 0."""
    (adam,) = make_strategy(Named(name="fedadam")).aggregate([(0, [np.array([1.0])], 1)], [np.array([0.0])])
    second_moment = 0.99 * 1e-3**2 + 0.01
    assert adam[0] == pytest.approx(0.01 * 0.1 / (second_moment**0.5 + 1e-3), rel=rounding(10))
    momentum = make_strategy(Named(name="fedavgm"))
    (one_step,) = momentum.aggregate([(0, [np.array([1.0])], 1)], [np.array([0.0])])
    (two_steps,) = momentum.aggregate([(0, [one_step + 1], 1)], [one_step])
    assert two_steps[0] - one_step[0] == pytest.approx(1.9, rel=rounding(10))


def test_krum_keeps_one_model_by_default() -> None:
    models = [(i, one(value), 1) for i, value in enumerate([0, 1, 3])]
    (kept,) = make_strategy(Named(name="krum")).aggregate(models, one(0))
    assert kept.tolist() == [0]


def test_yogis_second_moment_stays_where_it_is_the_squared_update() -> None:
    v, squared = np.array([0.25, 0.25, 0.25]), np.array([0.25, 1.25, 0.0])
    assert yogi(v, squared, 0.75).tolist() == [0.25, 0.25 + 0.25 * 1.25, 0.25]
