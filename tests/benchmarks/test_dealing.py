from dataclasses import replace

import numpy as np
import pytest

from benchmarks.dealing import digest_of, worker_count
from splitfed_core.config import CellConfig
from splitfed_core.data import Dataset


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


def test_the_digest_of_data_is_that_of_their_content() -> None:
    x, y = np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1])
    data = Dataset("one", x, y, x[:2], y[:2], ("a", "b"), {"writer": np.array(["p", "q", "p", "q"])})
    other_x, other_y = x.copy(), y[::-1]
    other_x[3, 1] = 1e-30
    others = [{"x_train": other_x}, {"y_train": other_y}, {"x_test": x[:1]}, {"label_names": ("a", "c")},
              {"columns": {"writer": np.array(["p", "q", "p", "r"])}}, {"x_train": x.reshape(2, 4)}]  # fmt: skip
    assert digest_of(replace(data, name="two", x_train=x.copy())) == digest_of(data)
    assert len({digest_of(data), *(digest_of(replace(data, **change)) for change in others)}) == 7  # type: ignore[arg-type]
