import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from splitfed_core.federation.rounds import train_rounds
from splitfed_core.records.rows import ClientRow, StepRow
from splitfed_core.roles.fed_server import FedServer
from splitfed_core.timing.stopwatch import Stopwatch, union_s


def ticking(*stamps: float) -> Stopwatch:
    clock: Iterator[float] = iter(stamps)
    return Stopwatch(lambda: next(clock))


def test_every_lap_begins_where_the_last_one_ended() -> None:
    watch = ticking(0, 1, 3, 7, 15)
    watch.begin_round()
    assert watch.lap(0, "local") == 3
    watch.lap(1, "swap")
    watch.lap(0, "local")
    shares = (watch.spent_s(0, "local"), watch.spent_s(1, "swap"), watch.spent_s(1, "local"))
    assert shares == (2 + 8, 4, None)
    assert watch.began + 2 + 8 + 4 == 15


def test_waiting_is_taken_out_of_the_lap_it_was_in_and_is_never_longer_than_that() -> None:
    watch = ticking(0, 0, 5, 6)
    watch.begin_round()
    watch.lap(0, "pull", waited_s=3)
    watch.lap(0, "pull", waited_s=30)
    assert (watch.spent_s(0, "pull"), watch.spent_s(0, "wait")) == (2, 3 + 1)


def test_training_lasts_over_swaps_and_ends_with_an_exchange() -> None:
    watch = ticking(*range(10))
    watch.begin_round()  # 1
    for client, share in ((0, "pull"), (0, "swap"), (0, "local"), (1, "swap"), (1, "local"), (1, "push"), (2, "local")):
        watch.lap(client, share)  # type: ignore[arg-type]  # as the worker gives it
    assert watch.training == ((3, 6), (7, 8))


def test_between_is_since_the_last_step_of_the_worker_or_the_begin_of_its_round() -> None:
    watch = ticking(0, 10)
    watch.begin_round()
    assert [watch.between_s(12, 13), watch.between_s(13.5, 20), watch.between_s(20, 21)] == [2, 0.5, 0]


def test_a_union_counts_what_overlaps_once() -> None:
    assert union_s([(5, 6), (0, 2), (1, 3), (1.5, 1.75)]) == 4
    assert union_s([]) == 0


def explained_s(row: ClientRow) -> float:
    return row.local_s + (row.swap_s or 0) + (row.aggregation_wait_s or 0) + (row.end_round_s or 0)


@pytest.mark.parametrize("algorithm", ["sflv1", "sflv2", "sl", "ushape", "fl", "central"])
def test_a_workers_round_is_the_sum_of_its_clients_times(federations: Any, algorithm: str) -> None:
    cuts: dict[str, Any] = {"ushape": {"cut_layer": ["dense1", "dense2"]}, "fl": {"cut_layer": None}}
    config = federations.config(clients=3, algorithm=algorithm, **cuts.get(algorithm, {}))
    with federations.build(config, federations.shards(20, 13, 7)) as federation:
        for round in range(2):
            (group,) = federation.train_round(round)
            assert sum(map(explained_s, group.clients)) == pytest.approx(group.ended - group.began, abs=1e-9)


@pytest.mark.parametrize("algorithm", ["sflv2", "sl", "fl"])
def test_steps_and_the_times_between_them_follow_each_other_without_a_gap(federations: Any, algorithm: str) -> None:
    config = federations.config(clients=3, algorithm=algorithm)
    with federations.build(config, federations.shards(20, 13, 7)) as federation:
        (group,) = federation.train_round(0)
    at = group.began
    for row in sorted(group.steps, key=lambda row: row.started_s):
        assert row.started_s == pytest.approx(at + row.between_s, abs=1e-9)
        at = row.started_s + row.step_s
    assert at < group.ended


def test_clients_that_have_a_process_each_are_never_swapped(federations: Any) -> None:
    alone = federations.train(20).rounds[1].clients
    together = federations.train(20, 13).rounds[1].clients
    assert [row.swap_s for row in alone] == [0.0]
    assert all(row.swap_s > 0 for row in together)


def test_a_client_is_as_slow_as_its_own_steps_are(federations: Any) -> None:
    for result in federations.train(20, 20, 20).rounds[1:]:
        for row in result.clients:
            steps = [step for step in result.steps if step.client_id == row.client_id]
            own_s = sum(step.step_s for step in steps)
            assert own_s <= row.local_s <= own_s + sum(step.between_s for step in steps)
            assert row.local_s < row.span_s < result.row.round_s


def test_a_round_without_an_exchange_of_models_has_none_of_its_times(federations: Any) -> None:
    (row,) = federations.train(20, aggregation=False).rounds[0].clients
    assert (row.push_s, row.pull_s, row.wait_s, row.aggregation_wait_s) == (None, None, None, None)


def test_hand_overs_of_sequential_learning_are_in_the_round_and_not_in_its_training(federations: Any) -> None:
    result = federations.train(20, 13, 7, algorithm="sl").rounds[1]
    handed_s = math.fsum((row.push_s or 0) + (row.pull_s or 0) + (row.end_round_s or 0) for row in result.clients)
    assert result.row.aggregation_s == pytest.approx(result.row.round_s - result.row.training_s, abs=1e-12)
    assert 0 < handed_s <= (result.row.aggregation_s or 0) + 1e-9


def test_the_first_model_of_a_client_that_sat_out_is_in_the_round(federations: Any) -> None:
    config = federations.config(clients=3, participation=1, rounds=4)
    with federations.build(config, federations.shards(20, 13, 7)) as federation:
        results = list(train_rounds(federations.key, config, federation))
    late = [after for before, after in pairwise(results) if before.clients[0].client_id != after.clients[0].client_id]
    for result in late:
        (row,) = result.clients
        first: StepRow = result.steps[0]
        assert first.started_s > result.row.started_s
        assert (result.row.aggregation_s or 0) >= (row.push_s or 0) + (row.pull_s or 0) - 1e-9
    assert late


def test_waiting_for_the_models_of_others_is_not_pulling(federations: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = FedServer.handle
    monkeypatch.setattr(FedServer, "handle", lambda *args: replace(handle(*args), waited_s=1e9))
    with federations.build(federations.config(clients=1), federations.shards(20)) as federation:
        row = federation.train_round(0)[0].clients[0]
    assert 0 < row.wait_s < 1e9  # no more than the call took; taking the weights over is still pulling
    assert row.pull_s > 0
    assert row.aggregation_wait_s == pytest.approx(row.push_s + row.pull_s + row.wait_s, rel=1e-12)


def test_each_lap_of_a_round_is_what_was_done_in_it(federations: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    laps: list[tuple[int, str]] = []
    lap = Stopwatch.lap

    def noted(self: Stopwatch, client_id: int, share: Any, **waited: float) -> float:
        laps.append((client_id, share))
        return lap(self, client_id, share, **waited)

    monkeypatch.setattr(Stopwatch, "lap", noted)
    with federations.build(federations.config(clients=2), federations.shards(8, 8)) as federation:
        federation.train_round(0)
    step = ["local", "swap", "local", "local", "local"]  # batch, change of client, ledger, step, row
    trained = [(client, share) for client in (0, 1) for share in step]
    ended = [(0, "end_round"), (1, "end_round"), (0, "swap"), (0, "push"), (1, "swap"), (1, "push")]
    pulled = [(0, "pull"), (0, "swap"), (0, "pull"), (1, "pull"), (1, "swap"), (1, "pull")]
    assert laps == [*trained, *ended, *pulled]
