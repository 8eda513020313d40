"""Every oracle holds, on several networks and cuts, and an oracle fails when what it speaks of is broken."""

from dataclasses import replace
from typing import Any

import keras
import pytest
import tensorflow as tf

from splitfed_core.aggregation import Strategy
from splitfed_core.algorithms import ALGORITHMS
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import load_dataset
from splitfed_core.roles import main_server as server
from splitfed_core.training.cell_network import CellNetwork
from splitfed_core.training.loss import Objective
from splitfed_core.training.split_step import ServerStep
from splitfed_core.verification import oracles
from splitfed_core.verification.oracles import Verdict, _Bench, verify
from splitfed_core.verification.reference import Trained, unsplit

CELLS = [
    {"cut_layer": "conv1"},
    {"cut_layer": "logits", "loss": "categorical_hinge"},
    {"model": "mlp", "cut_layer": "frac:0.5"},
    {"algorithm": "ushape", "cut_layer": ["conv1", "dense4"]},
    {"algorithm": "fl"},
]


def verdicts(cell: dict[str, object]) -> list[Verdict]:
    config = CellConfig.parse(cell)
    return list(verify(config, load_dataset(config.dataset), seed=5))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(map(str, cell.values())))
def test_every_oracle_holds(cell: dict[str, object]) -> None:
    found = verdicts(cell)
    assert found
    assert [verdict for verdict in found if not verdict.passed] == []


@pytest.fixture(params=["adam", "sgd"])
def bench(request: pytest.FixtureRequest, double: object) -> _Bench:
    config = CellConfig.parse({"optimizer": request.param})
    return _Bench(config, load_dataset(config.dataset), seed=5)


def test_without_averaging_its_copies_sflv1_is_not_fedavg(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.SplitServer, "_merge_copies", lambda self, average, examples: None)
    assert far(bench.equals_its_reference(ALGORITHMS["sflv1"]))


def test_without_aggregation_sflv2_is_not_its_rewrite(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Strategy, "aggregate", lambda self, models, previous: previous)
    assert far(bench.equals_its_reference(ALGORITHMS["sflv2"]))


def test_the_losses_of_a_single_client_are_those_of_their_steps(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def backwards(*arguments: Any) -> Trained:
        trained = unsplit(*arguments)
        return replace(trained, losses=trained.losses[::-1])

    monkeypatch.setattr(oracles, "plain_training", lambda _: backwards)
    assert far(bench.equals_its_reference(ALGORITHMS["sl"]))


def test_a_forgotten_update_of_the_server_is_seen(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(self: server.ServerModel[Any], *arguments: object) -> server.AfterReply:
        self.end_turn()
        return server.AfterReply(0.0, None, None)

    monkeypatch.setattr(server.ServerModel, "_update", end)
    assert far(bench.equals_its_reference(ALGORITHMS["sl"]))


def test_one_update_left_out_is_far_beyond_the_tolerance(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(100))

    def all_but_the_last(network: CellNetwork) -> ServerStep:
        part = make(network)
        update = part.update
        part.update = lambda gradients: update(gradients) if next(calls) != 3 else None
        return part

    make = CellNetwork.server_segment
    monkeypatch.setattr(CellNetwork, "server_segment", all_but_the_last)
    assert far(bench.equals_its_reference(ALGORITHMS["sl"]))


def far(verdict: Verdict) -> bool:
    """Whether a difference is no matter of where exactly the tolerance is."""
    return verdict.difference > 1000 * verdict.tolerance


@pytest.mark.parametrize("loss", ["CategoricalCrossentropy", "kl_divergence"])
def test_a_loss_that_takes_logits_for_probabilities_is_seen(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def sl_is_unsplit() -> Verdict:
        config = CellConfig.parse({"loss": loss})
        return next(verify(config, load_dataset(config.dataset), seed=5))

    assert sl_is_unsplit().passed
    keras_takes = keras.losses.get(loss)  # probabilities
    monkeypatch.setattr(Objective, "loss", lambda self, y, z: tf.reduce_mean(keras_takes(tf.one_hot(y, 10), z)))
    assert far(sl_is_unsplit())
