from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.estimate.probe import Observed, estimate, kind, probe_of
from benchmarks.runner import CellRun
from splitfed_core.config.cell_config import CellConfig

CORES = 2


def observed(rows: SimpleNamespace, config: CellConfig, *, per_batch_s: float) -> Observed:
    """A probe of three rounds: one full and one half batch of one client; the first round takes 2 s more.

    A step sends 100 bytes and 10 for each example; an evaluation takes 0.5 s, the first 1.5 s.
    """
    run, size = CellRun(config, 0, 0), config.batch_size
    steps, rounds, now = [], [], 0.0
    for number in range(3):
        began, slow = now, 2.0 if number == 0 else 0.0
        for examples, share in ((size, 1.0), (size // 2, 0.5)):
            took = per_batch_s * share + slow * share
            sent = {"uplink_bytes": 60 + 6 * examples, "downlink_bytes": 40 + 4 * examples}
            steps.append(rows.step(run, 0, 0, round=number, examples=examples, started_s=now, step_s=took, **sent))
            now += took
        rounds.append(
            rows.round(run, number, started_s=began, round_s=now - began + 0.01, aggregation_s=0.01, clients_ok=1)
        )
        now += 0.01 + (1.5 if number == 0 else 0.5)
    facts: dict[str, Any] = {"dataset": {"train": 100}, "setup_s": 4.0}
    return Observed(config, steps, [rows.client(run, 0, 0)], rounds, facts)


def cell(**changes: Any) -> CellConfig:
    return CellConfig.parse({"clients": 2, "batch_size": 8, "rounds": 10, "eval_every": 4} | changes)


def test_time_is_setup_compilation_rounds_and_evaluations(rows: SimpleNamespace) -> None:
    probe = observed(rows, cell(clients=1), per_batch_s=0.1)
    assert (probe.step_wall_s, probe.evaluation_s) == pytest.approx((0.1, 0.5))
    assert probe.compile_s == pytest.approx(2.0 * 1.5 + 1.0)
    rounds = 10 * (2 * 50 / 8 * 0.1 + 0.01 * 2)
    assert estimate(cell(), [probe], CORES).wall_s == pytest.approx(4.0 + 4.0 + rounds + 3 * 0.5)


def test_bytes_are_those_of_full_batches_the_rest_and_the_models(rows: SimpleNamespace) -> None:
    probe = observed(rows, cell(clients=1), per_batch_s=0.1)
    steps = 6 * (100 + 80) + (100 + 20)  # 50 examples of each client: six batches of 8, and 2
    assert estimate(cell(), [probe], CORES).bytes_per_round == pytest.approx(2 * (steps + 4000))
    twice = estimate(cell(local_epochs=2), [probe], CORES).bytes_per_round
    assert twice == pytest.approx(2 * (2 * steps + 4000))
    few = estimate(cell(examples_per_client=8, participation=1), [probe], CORES).bytes_per_round
    assert few == pytest.approx(180 + 4000)


def test_batches_between_two_probes_lie_on_their_line(rows: SimpleNamespace) -> None:
    small, large = (
        observed(rows, cell(clients=1, batch_size=size), per_batch_s=s) for size, s in ((8, 0.1), (32, 0.2))
    )
    wanted = cell(batch_size=16, rounds=1)
    rounds = 2 * 50 / 16 * (0.1 + 0.1 / 3) + 0.02
    assert estimate(wanted, [small, large], CORES).wall_s == pytest.approx(4 + 4 + rounds + 0.5)


def test_memory_is_that_of_all_processes(rows: SimpleNamespace) -> None:
    probe = observed(rows, cell(clients=1), per_batch_s=0.1)
    memory = [estimate(cell(clients=c), [probe], CORES).memory_bytes for c in (1, 2, 9)]
    assert memory == [2_000_000, 3_000_000, 3_000_000]


def test_cells_of_one_kind_differ_in_amounts_only() -> None:
    alike = (cell(), cell(batch_size=64, rounds=1, learning_rate=0.1, partitioner="dirichlet"), cell(clients=9))
    assert len({kind(config, CORES) for config in alike}) == 1
    others = (cell(), cell(cut_layer="conv1"), cell(model="mlp"), cell(aggregation=False), cell(clients=1))
    assert len({kind(config, CORES) for config in others}) == 5


def test_a_probe_is_short_and_of_the_same_kind() -> None:
    config = cell(clients=50, batch_size=100, rounds=500, participation=0.1, strategy={"name": "krum", "malicious": 1})
    probe = probe_of(config, CORES)
    assert kind(probe, CORES) == kind(config, CORES)
    assert (probe.clients, probe.rounds, probe.examples_per_client, probe.participation) == (4, 4, 650, 1.0)
    assert probe_of(cell(algorithm="central"), CORES).clients is None


@pytest.mark.parametrize(
    "given",
    [
        {"device": {"name": "per_client", "of": ["host", *[{"slowdown": 4}] * 8]}},
        {"link": {"name": "per_client", "of": ["lte"] * 9}},
        {"link": {"uplink_mbit": 10, "shared_by": 9}},
        {"server_slowdown": 4},
    ],
)
def test_a_probe_of_an_emulated_cell_has_all_of_its_clients(given: dict[str, object]) -> None:
    config = CellConfig.parse({"clients": 9} | given)
    assert probe_of(config, cores=2).clients == 9
    assert kind(config, 2) != kind(CellConfig.parse({"clients": 9}), 2)


LINK = {"uplink_mbit": 0.008, "downlink_mbit": 0.008, "overhead": 1}  # 1 kB/s


def test_a_probe_of_any_link_runs_over_one_that_costs_nothing() -> None:
    slow, slower = cell(link="dsl"), cell(link={"name": "custom", "uplink_mbit": 0.001}, server_link="lan_1gbit")
    assert kind(slow, CORES) == kind(slower, CORES) != kind(cell(), CORES)
    probe = probe_of(slower, CORES)
    assert (probe.plain()["link"], probe.server_link) == ("loopback", None)
    assert kind(probe, CORES) == kind(slower, CORES)


def test_a_round_takes_as_long_as_its_slowest_link(rows: SimpleNamespace) -> None:
    """Each client has 50 examples: 6.25 steps of 180 bytes, and its model, 4,000 bytes; a step takes 0.2 s alone."""
    probe = observed(rows, cell(clients=1, link="loopback"), per_batch_s=0.1)
    fleet = {"name": "per_client", "of": [LINK, "loopback"]}
    round_s = 6 * (2 * 0.1 + 0.18) * 6.25 / 6 + 4.0
    expected = 4.0 + 4.0 + 10 * round_s + 3 * 0.5
    assert estimate(cell(link=fleet), [probe], CORES).wall_s == pytest.approx(expected)
    assert estimate(cell(link="loopback"), [probe], CORES).wall_s == pytest.approx(
        4.0 + 4.0 + 10 * (2 * 50 / 8 * 0.1 + 0.02) + 1.5
    )


def test_clients_that_share_a_link_have_a_part_of_it_each(rows: SimpleNamespace) -> None:
    probe = observed(rows, cell(clients=1, link="loopback"), per_batch_s=0.1)
    round_s = 6.25 * (2 * 0.1 + 2 * 0.18) + 2 * 4.0
    for sharing in ({"link": LINK | {"shared_by": 2}}, {"link": "loopback", "server_link": _server()}):
        wall_s = estimate(cell(**sharing), [probe], CORES).wall_s
        assert wall_s == pytest.approx(4.0 + 4.0 + 10 * round_s + 1.5, rel=0.05)  # the frames of `server_link`


def _server() -> dict[str, object]:
    return {"uplink_mbit": 0.008, "downlink_mbit": 0.008}


def test_clients_in_a_line_take_what_all_of_their_links_do(rows: SimpleNamespace) -> None:
    relay = cell(algorithm="sl", link=LINK)
    probe = observed(rows, cell(algorithm="sl", clients=1, link="loopback"), per_batch_s=0.1)
    round_s = 2 * (6.25 * (0.1 + 0.18) + 4.0)
    assert estimate(relay, [probe], CORES).wall_s == pytest.approx(4.0 + 4.0 + 10 * round_s + 1.5)
