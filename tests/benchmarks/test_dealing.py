import pytest

from benchmarks.dealing import worker_count
from splitfed_core.config import CellConfig


@pytest.mark.parametrize(
    ("clients", "cores", "workers"),
    [(1, 4, 1), (3, 4, 3), (4, 4, 4), (3, 2, 3), (5, 4, 5), (5, 2, 2), (7, 4, 4), (8, 2, 2), (9, 4, 5), (1000, 4, 4)],
)
def test_clients_are_shared_evenly_by_as_many_processes_as_there_are_cores(
    clients: int, cores: int, workers: int
) -> None:
    assert worker_count(CellConfig.parse({"clients": clients}), cores) == workers


@pytest.mark.parametrize(
    ("parameters", "workers"),
    [
        ({"clients": 8, "workers": 3}, 3),
        ({"clients": 2, "workers": 3}, 2),
        ({"clients": 8, "transport": "inproc"}, 1),
        ({"algorithm": "central"}, 1),
        ({"clients": 8, "algorithm": "notebook"}, 8),
    ],
)
def test_a_number_is_taken_as_it_is_and_one_process_is_one(parameters: dict[str, object], workers: int) -> None:
    assert worker_count(CellConfig.parse(parameters), 4) == workers
