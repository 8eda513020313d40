from dataclasses import replace
from typing import Any

import pytest

from benchmarks.estimate.memory import (
    PROCESS_BYTES,
    check_memory,
    check_processes,
    needed_bytes,
    overcommitted,
    remembered_bytes,
    sharing,
)
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import CellError, ConfigError
from splitfed_core.records.results import ModelFacts

FACTS = ModelFacts(10, 5, 1000, 100, smashed_bytes_per_example=4, largest_bytes_per_example=4)


@pytest.mark.parametrize(
    ("parameters", "needed"),
    [
        ({"clients": 7}, 7 * 3000 + 300 + 7 * 1000),
        ({"clients": 7, "optimizer": "sgd"}, 7 * 1000 + 100 + 7 * 1000),
        ({"clients": 7, "aggregation": False}, 7 * 3000 + 300),
        ({"clients": 7, "algorithm": "sflv1"}, 7 * 3000 + 7 * 300 + 7 * 1000),
        ({"clients": 8, "participation": 2}, 8 * 3000 + 300 + 2 * 1000),
    ],
)
def test_memory_is_that_of_all_states(parameters: dict[str, Any], needed: int) -> None:
    assert needed_bytes(CellConfig.parse(parameters), FACTS) == needed


def test_clients_that_cannot_fit_are_refused_with_the_estimate() -> None:
    config = CellConfig.parse({"clients": 1_000_000})
    check_memory(config, FACTS, needed_bytes(config, FACTS), 1000)
    with pytest.raises(CellError, match=r"1000000 clients need 4\.0 GB .* but 3\.9 GB are free: fewer clients"):
        check_memory(config, FACTS, 3_900_000_000, 1000)


@pytest.mark.parametrize(
    ("parameters", "remembered"),
    [
        ({"codec": "int8"}, 0),
        ({"codec": "delta"}, 2 * 1000 * 4),
        ({"codec": "delta", "examples_per_client": 100}, 2 * 300 * 4),
        ({"codec": "delta", "examples_per_client": 900}, 2 * 1000 * 4),
        ({"codec": "delta", "algorithm": "ushape", "cut_layer": ["a", "b"]}, 2 * 1000 * (4 + 12)),
        ({"codec": "delta", "transport": "inproc"}, 0),
    ],
)
def test_delta_remembers_each_example_at_each_cut_on_both_sides(parameters: dict[str, Any], remembered: int) -> None:
    facts = replace(FACTS, output_bytes_per_example=12 if "algorithm" in parameters else None)
    assert remembered_bytes(CellConfig.parse(parameters), facts, 1000) == remembered


def test_a_memory_of_examples_that_cannot_fit_is_refused_with_the_estimate() -> None:
    config = CellConfig.parse({"codec": "delta"})
    needed = needed_bytes(config, FACTS)
    check_memory(config, FACTS, needed + 8 * 10**9, 10**9)
    with pytest.raises(CellError, match=r"codec 'delta' needs 8\.0 GB to remember .* another codec, a later cut"):
        check_memory(config, FACTS, needed + 8 * 10**9 - 1, 10**9)


def test_error_feedback_remembers_a_model_of_each_client() -> None:
    plain, feeding = (
        CellConfig.parse({"clients": 7, "model_codec": c}) for c in ("int4", {"name": "int4", "feedback": True})
    )
    assert needed_bytes(feeding, FACTS) - needed_bytes(plain, FACTS) == 7 * 1000


@pytest.mark.parametrize(("algorithm", "servers"), [("sflv2", 1), ("sl", 1), ("fl", 0)])
def test_a_link_takes_a_process_for_each_client_and_as_many_as_fit(algorithm: str, servers: int) -> None:
    config = CellConfig.parse({"clients": 6, "participation": 0.5, "link": "lte", "algorithm": algorithm})
    check_processes(config, (6 + servers) * PROCESS_BYTES)
    with pytest.raises(ConfigError, match=r"clients 6: .* which hold 5 beside the servers; use fewer") as refused:
        check_processes(config, (6 + servers) * PROCESS_BYTES - 1)
    assert refused.value.parameter == "clients"
    check_processes(CellConfig.parse({"clients": 6}), 0)  # those share processes


def test_more_than_there_are_cores_is_told_once_for_each_value() -> None:
    configs = [CellConfig.parse({"workers": w, "threads": t}) for w in (2, 4, 9) for t in (1, 4, 5)]
    message = list(overcommitted([*configs, CellConfig()], cores=4))
    assert [text.split(":")[0] for text in message] == ["workers 9", "threads 5"]
    assert all("4 cores" in text for text in message)
    assert not any("auto" in text for text in message), "fewer processes hide the queue: that is no remedy"


def test_cells_whose_clients_share_processes_are_told_in_one_line_with_the_remedy() -> None:
    clients = [CellConfig.parse({"clients": n, **more}) for n in (1, 4, 8, 16) for more in ({}, {"workers": n})]
    alone = [CellConfig.parse({"clients": 8, **more}) for more in ({"algorithm": "sl"}, {"transport": "inproc"})]
    few = CellConfig.parse({"clients": 9, "participation": 2})
    (message,) = sharing([*clients, *alone, few], cores=4)
    assert message.startswith("clients share processes (8 in 4, 16 in 4): ")
    assert message.endswith("workers: 16")
    assert not list(sharing([*alone, few], cores=4))
