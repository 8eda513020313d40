"""Whole federations whose messages pass emulated links, over real gRPC."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import CellError
from splitfed_core.federation.build_links import build_links
from splitfed_core.federation.rounds import RoundResult, train_rounds
from splitfed_core.records.results import CellKey
from splitfed_core.records.rows import PHASES, StepRow

SIZES = (20, 13, 7)
ALGORITHMS: dict[str, dict[str, Any]] = {
    "sflv2": {},
    "sflv1": {"algorithm": "sflv1"},
    "ushape": {"algorithm": "ushape", "cut_layer": ["dense1", "dense2"]},
    "sl": {"algorithm": "sl"},
    "fl": {"algorithm": "fl"},
}
LINK = {"uplink_mbit": 400, "downlink_mbit": 800, "delay_ms": 0.5}
SATELLITES = {"name": "mix", "of": {"satellite": 0.5, "lossy_edge": 0.5}}


@dataclass
class Clock:
    """Stands still but for the waiting: a federation over it takes no time, and the times of its messages repeat."""

    time: float = 0.0
    waits: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def wait_until(self, due: float) -> None:
        self.waits.append(due)
        self.time = max(self.time, due)


def train(federations: Any, clock: Clock | None = None, **parameters: Any) -> list[RoundResult]:
    config = federations.config(**{"clients": len(SIZES), "transport": "grpc"} | parameters)
    with federations.build(config, federations.shards(*SIZES), link_clock=clock) as federation:
        return list(train_rounds(federation.key, config, federation))


def learned(rounds: list[RoundResult]) -> list[Any]:
    rows = [row for result in rounds for row in result.steps]
    return [
        *((row.client_id, row.step, row.loss, row.correct) for row in rows),
        *((result.row.train_loss, result.row.eval_loss, result.row.rpcs) for result in rounds),
    ]


@pytest.mark.parametrize(
    ("algorithm", "transport", "order"),
    [(name, "grpc", "fixed") for name in ALGORITHMS]
    + [("sflv2", "grpc-stream", "fixed"), ("sflv2", "grpc", "arrival")],
)
def test_a_link_changes_times_and_nothing_else_and_those_are_the_same_each_time(
    algorithm: str, transport: str, order: str, federations: Any
) -> None:
    cell = ALGORITHMS[algorithm] | {"transport": transport, "order": order}
    once, again = Clock(), Clock()
    rounds = train(federations, once, **cell, link=SATELLITES)
    assert learned(rounds) == learned(federations.train(*SIZES, **cell).rounds)
    train(federations, again, **cell, link=SATELLITES)
    steps, of_a_step = sum(len(result.steps) for result in rounds), {"ushape": 2, "fl": 0}.get(algorithm, 1)
    models = 2 * len(SIZES) * len(rounds)
    assert len(once.waits) == 2 * (of_a_step * steps + models)
    assert once.waits == again.waits
    assert once.waits == sorted(once.waits), "one after the other, in one process"


def first_messages(link: Any, seed: int, clients: Sequence[int] = range(6)) -> dict[int, float]:
    """When the first message of each of these clients is delivered, of six."""
    config = CellConfig.parse({"clients": 6, "link": link})
    links = build_links(CellKey("cell", 0, seed), config, clients, Clock(2.0))
    return {c: way.uplink.passage(2.0, 1000, "step", 0, 0).delivered_s for c, way in links.items()}


def test_who_has_which_link_and_what_it_draws_depends_on_the_seed_alone() -> None:
    everybody = first_messages(SATELLITES, 7)
    assert first_messages(SATELLITES, 7, (2, 3)) == {client: everybody[client] for client in (2, 3)}
    assert sorted(delivered > 2.25 for delivered in everybody.values()) == [False] * 3 + [True] * 3
    alike = first_messages("lossy_edge", 7)
    assert len(set(alike.values())) == 6
    assert not set(alike.values()) & set(first_messages("lossy_edge", 8).values())


def test_a_shared_link_without_an_arbiter_is_refused() -> None:
    for shared in ({"link": {"uplink_mbit": 1, "shared_by": 2}}, {"server_link": {"uplink_mbit": 1}}):
        with pytest.raises(CellError, match="the link of client 1 is shared: it takes an arbiter"):
            build_links(CellKey("cell", 0, 7), CellConfig.parse({"clients": 2, **shared}), [1], Clock())


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_clients_that_take_turns_have_a_shared_link_to_themselves(algorithm: str, federations: Any) -> None:
    alone, shared = Clock(), Clock()
    link = {"uplink_mbit": 3, "downlink_mbit": 7, "jitter_ms": 5, "delay_ms": 10, "loss": 0.02}
    rounds = train(federations, alone, **ALGORITHMS[algorithm], order="fixed", link=link)
    same = train(federations, shared, **ALGORITHMS[algorithm], order="fixed", link=link | {"shared_by": 3})
    assert learned(same) == learned(rounds)
    assert shared.waits[-1] == pytest.approx(alone.waits[-1], rel=1e-12)


def test_the_servers_link_is_a_part_of_the_way(federations: Any) -> None:
    alone, both_links = Clock(), Clock()
    train(federations, alone, order="fixed", link={"uplink_mbit": 3, "delay_ms": 10})
    train(
        federations, both_links, order="fixed", link={"uplink_mbit": 8}, server_link={"uplink_mbit": 3, "delay_ms": 10}
    )
    assert both_links.waits[-1] == pytest.approx(alone.waits[-1], rel=1e-12)


def both(row: StepRow, share: str) -> tuple[float, float]:
    return getattr(row, f"link_{share}_s"), getattr(row, f"{share}_s")


@pytest.mark.parametrize("algorithm", ["sflv2", "ushape"])
def test_what_a_link_takes_is_a_part_of_its_phase_and_the_phases_still_add_up(algorithm: str, federations: Any) -> None:
    messages = 2 if algorithm == "ushape" else 1
    for result in train(federations, **ALGORITHMS[algorithm], link=LINK):
        for row in result.steps:
            for share, sent, rate in (
                ("uplink", row.uplink_bytes, 400e6),
                ("downlink", row.downlink_bytes, 800e6),
            ):
                link_s, phase_s = both(row, share)
                expected = 8 * (sent or 0) * 1514 / 1448 / rate + messages * 0.5e-3
                assert link_s == pytest.approx(expected, abs=1e-9)  # stamps of a clock that counts some 1e5 s
                assert link_s <= phase_s
            assert sum(getattr(row, name) for name in PHASES) == row.step_s
            assert row.late_s is not None
            assert row.late_s >= 0.0


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_the_times_of_models_are_split_into_their_way_and_waiting_for_others(algorithm: str, federations: Any) -> None:
    for result in train(federations, **ALGORITHMS[algorithm], link=LINK):
        for row in result.clients:
            assert row.link_push_s is not None
            assert row.link_pull_s is not None
            assert 2 * 0.5e-3 <= row.link_push_s <= (row.push_s or 0.0)
            assert 2 * 0.5e-3 <= row.link_pull_s <= (row.pull_s or 0.0)
        ways = [(row.push_s or 0.0) + (row.pull_s or 0.0) for row in result.clients]
        assert result.row.transfer_s == pytest.approx(sum(ways) / len(ways))
        assert 4 * 0.5e-3 <= (result.row.link_transfer_s or 0.0) <= (result.row.transfer_s or 0.0)
        if algorithm == "fl":  # its steps send nothing
            assert {row.link_uplink_s for row in result.steps} == {None}


def test_who_sat_out_fetches_two_models_over_its_link(federations: Any) -> None:
    rounds = train(federations, Clock(), link={"delay_ms": 125, "overhead": 1}, participation=1, rounds=3)
    (first, *later) = (row.link_pull_s for result in rounds for row in result.clients)
    changed = [a.clients[0].client_id != b.clients[0].client_id for a, b in pairwise(rounds)]
    assert True in changed
    assert [first, *later] == [0.25, *(0.5 if other else 0.25 for other in changed)]


@pytest.mark.parametrize(("transport", "link"), [("grpc", None), ("inproc", LINK)])
def test_without_a_link_its_columns_are_empty(transport: str, link: dict[str, Any] | None, federations: Any) -> None:
    (result, *_) = train(federations, transport=transport, link=link, rounds=1)
    assert {(row.link_uplink_s, row.link_downlink_s, row.late_s) for row in result.steps} == {(None, None, None)}
    assert {(row.link_push_s, row.link_pull_s) for row in result.clients} == {(None, None)}
    assert result.row.link_transfer_s is None
    assert (result.row.transfer_s or 0.0) > 0.0
