"""Slow devices in federations over real gRPC: what waits for what, and that nothing but time changes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from time import perf_counter, sleep
from typing import Any

import pytest

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import ConfigError
from splitfed_core.federation.local import LocalFederation
from splitfed_core.federation.rounds import RoundResult, train_rounds
from splitfed_core.federation.train import train as train_cell
from splitfed_core.records.rows import PHASES, StepRow
from splitfed_core.timing.pace import Place

SIZES = (20, 13)  # a last batch that is smaller
SFLV1 = {"algorithm": "sflv1"}
USHAPE = {"algorithm": "ushape", "cut_layer": ["dense1", "dense2"]}
SLOW = {"device": {"name": "per_client", "of": [{"slowdown": 20}, "host"]}, "server_slowdown": 20}


@dataclass
class Noting:
    """A pace that holds for a moment, and notes when each hold began and ended."""

    holds: dict[Place, list[tuple[float, float]]] = field(default_factory=dict)

    def begin(self, client_id: int) -> None: ...

    def hold(self, place: Place, client_id: int) -> None:
        began = perf_counter()
        sleep(0.002)
        self.holds.setdefault(place, []).append((began, perf_counter()))


def train(federations: Any, **parameters: Any) -> list[RoundResult]:
    """Train clients whose devices are as slow as the cell says: such a cell runs for itself."""
    config = federations.config(clients=len(SIZES), order="fixed", **parameters)
    key = replace(federations.key, slowdowns={0: 20.0, 1: 1.0} if config.device else {})
    shards, test = federations.shards(*SIZES), federations.examples(30, seed=99)
    with LocalFederation(key, config, federations.shape, shards, test) as federation:
        return list(train_rounds(key, config, federation))


def steps_of(results: list[RoundResult]) -> list[StepRow]:
    return [row for result in results for row in result.steps]


def test_a_message_leaves_after_its_hold_and_a_slow_server_keeps_its_turn(federations: Any) -> None:
    config, pace = federations.config(clients=2, order="fixed", transport="grpc", rounds=1), Noting()
    with federations.build(config, federations.shards(*SIZES), pace=pace) as federation:
        (result,) = train_rounds(federation.key, config, federation)
    rows = sorted(result.steps, key=lambda row: row.started_s)  # one at a time, for both clients are in one process
    for i, row in enumerate(rows):
        boundaries = [result.epoch + row.started_s]
        for name in PHASES:
            boundaries.append(boundaries[-1] + getattr(row, name))
        within = dict(zip(PHASES, pairwise(boundaries), strict=True))
        for place, phase in (
            ("client_forward", "client_forward_s"),
            ("client_encode", "encode_s"),
            ("server_compute", "server_compute_s"),
            ("client_decode", "decode_s"),
            ("client_backward", "client_backward_s"),
        ):
            holds = pace.holds[place]  # type: ignore[index]  # each is a Place
            (began, ended) = holds[i]
            assert within[phase][0] - 1e-6 <= began <= ended <= within[phase][1] + 1e-6
        if i:
            computes_from = within["server_compute_s"][0]
            assert pace.holds["server_update"][i - 1][1] <= computes_from + 1e-6  # the next one waited for it


@pytest.mark.parametrize(
    ("algorithm", "transport"),
    [
        ({}, "grpc"),
        ({}, "grpc-stream"),
        (SFLV1, "grpc"),
        (USHAPE, "grpc"),
        ({"algorithm": "sl"}, "grpc"),
    ],
)
def test_slow_devices_change_times_and_nothing_else(
    algorithm: dict[str, Any], transport: str, federations: Any
) -> None:
    parameters = {**algorithm, "transport": transport, "participation": 1.0, "local_epochs": 2}
    fast, slow = (train(federations, **parameters, **more) for more in ({}, SLOW))
    of_time = {name for name in StepRow.__dataclass_fields__ if name.endswith("_s")}
    for before, after in zip(steps_of(fast), steps_of(slow), strict=True):
        for name in StepRow.__dataclass_fields__.keys() - of_time:
            assert getattr(before, name) == getattr(after, name)
        assert (before.device_s, before.server_device_s, before.late_s) == (None, None, None)
    for result, other in zip(fast, slow, strict=True):
        assert (result.row.train_loss, result.row.eval_loss) == (other.row.train_loss, other.row.eval_loss)


@pytest.mark.parametrize("algorithm", [{}, USHAPE])
def test_what_was_held_is_a_part_of_its_phases_which_still_add_up(algorithm: dict[str, Any], federations: Any) -> None:
    rows = steps_of(train(federations, **algorithm, **SLOW, transport="grpc"))
    assert sum(row.device_s or 0.0 for row in rows if not row.warmup) > 0
    assert sum(row.server_device_s or 0.0 for row in rows if not row.warmup) > 0
    for row in rows:
        assert sum(getattr(row, name) for name in PHASES) == pytest.approx(row.step_s, rel=1e-12)
        assert row.device_s is not None
        assert row.server_device_s is not None
        assert row.late_s is not None
        own = (row.client_forward_s, row.encode_s, row.decode_s, row.client_backward_s)
        assert 0 <= row.device_s <= sum(of for of in own if of is not None)
        assert 0 <= row.server_device_s <= (row.server_compute_s or 0.0)
        assert row.device_s == 0 or row.client_id == 0  # the other one is as fast as this host
        assert (row.link_uplink_s, row.link_downlink_s) == (None, None)


def test_the_whole_step_of_federated_learning_is_held_and_its_phases_stay_empty(federations: Any) -> None:
    rows = steps_of(train(federations, algorithm="fl", transport="grpc", **SLOW))
    for row in rows:
        assert (row.client_forward_s, row.server_device_s) == (None, None)
        assert row.late_s is not None
        assert 0 <= (row.device_s or 0.0) <= row.step_s
        assert row.device_s == 0 or row.client_id == 0
    assert sum(row.device_s or 0.0 for row in rows if not row.warmup) > 0


@pytest.mark.parametrize("given", [{"link": "loopback"}, {"server_slowdown": 2}])
def test_lateness_is_noted_wherever_time_is_emulated(given: dict[str, Any], federations: Any) -> None:
    rows = steps_of(train(federations, transport="grpc", **given))
    assert all(row.late_s is not None and row.late_s >= 0 for row in rows)
    assert all(row.device_s is None for row in rows)


@pytest.fixture
def evaluation(federations: Any) -> Callable[[Noting], None]:
    def evaluate(pace: Noting) -> None:
        config = federations.config(clients=2, transport="grpc")
        with federations.build(config, federations.shards(*SIZES), pace=pace) as federation:
            federation.evaluate([0])

    return evaluate


def test_evaluation_is_not_slowed(evaluation: Callable[[Noting], None]) -> None:
    pace = Noting()
    evaluation(pace)
    assert pace.holds == {}


def test_a_script_trains_one_slow_client_and_not_several_that_would_wait_for_each_other() -> None:
    small = {"dataset": {"name": "synthetic", "examples": 32, "test_examples": 8}, "model": "mlp", "rounds": 1}
    slow = {"batch_size": 16, "device": {"slowdown": 20}, "warmup_steps": 0, "clients": 1}
    trained = train_cell(CellConfig.parse(small | slow))
    assert all(row.device_s is not None for row in trained.steps)
    assert sum(row.device_s or 0.0 for row in trained.steps if not row.warmup) > 0
    with pytest.raises(ConfigError, match=r"they take turns in one process here, .* sfbench sweep, which gives each"):
        train_cell(CellConfig.parse(small | slow | {"clients": 2}))


def test_what_was_held_of_models_between_steps_is_no_share_of_the_next_step(federations: Any) -> None:
    config = federations.config(clients=1, transport="grpc", device={"slowdown": 1}, rounds=1)
    with federations.build(config, federations.shards(20)) as federation:
        federation._group._shares.add(0, "device_s", 5.0)  # as a model that is encoded and decoded would
        (group,) = federation.train_round(0)
    assert [row.device_s for row in group.steps] == [0.0, 0.0, 0.0]
