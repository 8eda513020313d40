from dataclasses import replace

import numpy as np
import pytest

from benchmarks.workers.topology import digest_of, without_examples, worker_count
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import Dataset
from splitfed_core.errors import ConfigError


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
        ({"clients": 9, "link": "lte"}, 9),
        ({"clients": 9, "server_link": {"uplink_mbit": 100}, "algorithm": "sl"}, 9),
        ({"clients": 9, "participation": 2, "link": "loopback", "algorithm": "fl"}, 9),  # another two in each round
        ({"clients": 9, "link": "lte", "workers": 12}, 9),
        ({"clients": 9, "link": "lte", "transport": "inproc"}, 1),
        ({"algorithm": "central", "link": "lte"}, 1),
    ],
)
def test_a_number_is_taken_as_it_is_and_one_process_is_one(parameters: dict[str, object], workers: int) -> None:
    assert worker_count(CellConfig.parse(parameters), 4) == workers


@pytest.mark.parametrize("where", [{"link": "lte"}, {"server_link": {"uplink_mbit": 100}}])
def test_clients_with_links_that_would_wait_for_each_other_are_left_out(where: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"workers 8: .* each of the 9 its own: workers auto") as refused:
        CellConfig.parse({"clients": 9, "workers": 8, **where})
    assert refused.value.parameter == "workers"


def test_the_digest_of_data_is_that_of_their_content() -> None:
    x, y = np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1])
    data = Dataset("one", x, y, x[:2], y[:2], ("a", "b"), {"writer": np.array(["p", "q", "p", "q"])})
    other_x, other_y = x.copy(), y[::-1]
    other_x[3, 1] = 1e-30
    others = [{"x_train": other_x}, {"y_train": other_y}, {"x_test": x[:1]}, {"label_names": ("a", "c")},
              {"columns": {"writer": np.array(["p", "q", "p", "r"])}}, {"x_train": x.reshape(2, 4)}]  # fmt: skip
    assert digest_of(replace(data, name="two", x_train=x.copy())) == digest_of(data)
    assert len({digest_of(data), *(digest_of(replace(data, **change)) for change in others)}) == 7  # type: ignore[arg-type]  # fields by name


def test_who_got_nothing_is_known_and_refused_where_everybody_is_needed() -> None:
    indices = {client: np.arange(10 if client < 3 else 0) for client in range(6)}
    config = CellConfig.parse({"clients": 6, "strategy": "krum"})
    assert without_examples(config, indices) == {3, 4, 5}
    with pytest.raises(ConfigError, match="strategy 'trimmed_mean' needs at least 5 clients in a round; there are 3"):
        without_examples(CellConfig.parse({"clients": 6, "strategy": "trimmed_mean"}), indices)
    with pytest.raises(ConfigError, match="'notebook' waits for every client, but 3 of 6 got no examples"):
        without_examples(CellConfig.parse({"clients": 6, "algorithm": "notebook"}), indices)
