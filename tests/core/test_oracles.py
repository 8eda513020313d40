"""Every oracle holds, on several networks and cuts, and an oracle fails when what it speaks of is broken."""

import pytest

from splitfed_core import server
from splitfed_core.aggregation import Strategy
from splitfed_core.config import CellConfig
from splitfed_core.data import load_dataset
from splitfed_core.oracles import Verdict, _Bench, verify

CELLS = [
    {"cut_layer": "conv1"},
    {"cut_layer": "logits", "loss": "categorical_hinge"},
    {"model": "mlp", "cut_layer": "frac:0.5"},
    {"algorithm": "ushape", "cut_layer": ["conv1", "dense4"]},
    {"algorithm": "fl"},
]


def verdicts(cell: dict[str, object], precision: str = "float64") -> list[Verdict]:
    config = CellConfig.parse(cell)
    return list(verify(config, load_dataset(config.dataset), seed=5, precision=precision))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(map(str, cell.values())))
def test_every_oracle_holds(cell: dict[str, object]) -> None:
    found = verdicts(cell)
    assert found
    assert [verdict for verdict in found if not verdict.passed] == []


def test_the_oracles_hold_in_single_precision_too() -> None:
    assert [verdict for verdict in verdicts({}, "float32") if not verdict.passed] == []


@pytest.fixture
def bench() -> _Bench:
    config = CellConfig()
    return _Bench(config, load_dataset(config.dataset), seed=5)


def test_without_averaging_its_copies_sflv1_is_not_fedavg(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server._Server, "_average", lambda self, examples: None)
    assert not bench.sflv1_is_fedavg().passed


def test_without_aggregation_sflv2_is_not_its_rewrite(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Strategy, "aggregate", lambda self, models, previous: previous)
    assert not bench.sflv2_is_its_rewrite().passed


def test_a_forgotten_update_of_the_server_is_seen(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.ServerModel, "_update", lambda self, gradients: self.end_turn() or 0.0)
    assert not bench.sl_is_unsplit().passed
