from typing import Any

import pytest

from benchmarks.estimate.memory import (
    PROCESS_BYTES,
    check_memory,
    check_processes,
    needed_bytes,
    overcommitted,
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
    check_memory(config, FACTS, free_bytes=needed_bytes(config, FACTS))
    with pytest.raises(CellError, match=r"1000000 clients need 4\.0 GB .* but 3\.9 GB are free: fewer clients"):
        check_memory(config, FACTS, free_bytes=3_900_000_000)


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
    told = list(overcommitted([*configs, CellConfig()], cores=4))
    assert [text.split(":")[0] for text in told] == ["workers 9", "threads 5"]
    assert all("4 cores" in text for text in told)
    assert not any("auto" in text for text in told), "fewer processes hide the queue: that is no remedy"


def test_cells_whose_clients_share_processes_are_told_in_one_line_with_the_remedy() -> None:
    clients = [CellConfig.parse({"clients": n, **more}) for n in (1, 4, 8, 16) for more in ({}, {"workers": n})]
    alone = [CellConfig.parse({"clients": 8, **more}) for more in ({"algorithm": "sl"}, {"transport": "inproc"})]
    few = CellConfig.parse({"clients": 9, "participation": 2})
    (told,) = sharing([*clients, *alone, few], cores=4)
    assert told.startswith("clients share processes (8 in 4, 16 in 4): ")
    assert told.endswith("workers: 16")
    assert not list(sharing([*alone, few], cores=4))
