"""The numbers that a cell's processes and its manifest get."""

import json
from pathlib import Path

import pytest

from benchmarks.paired.pairs import host_environment
from benchmarks.store.run_directory import RunDirectory
from benchmarks.workers.emulation import emulation_facts, slowdowns
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import UsageError
from splitfed_core.timing.devices import HostSpeed
from splitfed_core.timing.host_speed import VARIABLE, as_variable, host_speed

HOST = HostSpeed(100.0, 95.0, 105.0)


def test_a_cell_that_emulates_nothing_says_nothing() -> None:
    assert emulation_facts(CellConfig(), 7, slowdowns(CellConfig(), 7, None), None, 2) == {}


def test_the_factors_and_what_they_follow_from_are_facts() -> None:
    mix = {"name": "mix", "of": {"host": 0.5, "raspberry_pi_4": 0.5}}
    config = CellConfig.parse({"clients": 4, "device": mix, "server_slowdown": 2})
    slowed = slowdowns(config, 7, HOST)
    assert sorted(slowed.values()) == [1.0, 1.0, 12.5, 12.5]
    assert emulation_facts(config, 7, slowed, HOST, 2) == {
        "slowdowns": [slowed[client] for client in range(4)],
        "server_slowdown": 2.0,
        "host_gflops": {"gflops": 100.0, "low": 95.0, "high": 105.0},
        "cores": 2,
    }
    assert slowdowns(config, 8, HOST) != slowed  # another repeat deals them in another way


def test_the_numbers_of_links_are_facts_too() -> None:
    config = CellConfig.parse({"clients": 2, "link": {"uplink_mbit": 10, "delay_ms": 5}, "server_link": "lte"})
    facts = json.loads(json.dumps(emulation_facts(config, 7, {}, None, 2)))
    assert [link["uplink_mbit"] for link in facts["links"]] == [10.0, 10.0]
    assert facts["server_link"]["delay_ms"] == 35.0
    assert facts.keys() == {"links", "server_link", "cores"}


def test_a_host_is_measured_only_if_a_device_needs_it_and_the_plan_does_not_know() -> None:
    asked: list[int] = []

    def measure() -> HostSpeed:
        asked.append(1)
        return HOST

    assert slowdowns(CellConfig.parse({"device": {"slowdown": 2}}), 7, None, measure) == {0: 2.0, 1: 2.0, 2: 2.0}
    assert slowdowns(CellConfig.parse({"device": "laptop"}), 7, HOST, measure)[0] == 3.85
    assert asked == []
    assert slowdowns(CellConfig.parse({"device": "laptop"}), 7, None, measure)[2] == 3.85
    assert asked == [1]


def test_the_environment_says_how_fast_the_host_is_to_the_last_digit() -> None:
    speed = HostSpeed(122.70954472761055, 117.1, 127.2)
    assert host_speed(as_variable(speed)) == speed


@pytest.mark.parametrize("text", ["", "100", "100 95 x", "100 95 inf", "95 100 105", "0 0 0", "nan nan nan", "1 1 1 1"])
def test_an_environment_that_says_something_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write three numbers of GFLOP/s, median, low and high"):
        host_speed({VARIABLE: text})


def test_a_run_keeps_the_speed_of_its_host_and_only_of_that(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    assert directory.host_speed("EPYC") is None
    directory.write_host_speed(HOST, "EPYC")
    assert directory.host_speed("EPYC") == HOST
    assert directory.host_speed("another") is None
    (tmp_path / "host_speed.json").write_text("[1]")
    assert directory.host_speed("EPYC") is None


def test_all_sides_of_a_pair_are_told_the_same(grid_of, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]  # a fixture
    monkeypatch.setenv(VARIABLE, "100.0 95.0 105.0")
    assert host_environment(grid_of("base: {device: laptop}")) == as_variable(HOST)
    assert host_environment(grid_of("base: {device: {slowdown: 2}}")) == {}
