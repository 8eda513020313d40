from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from splitfed_core.config.choice import Named
from splitfed_core.data import Dataset, load_dataset, partition
from splitfed_core.errors import ConfigError

WHOLE: Mapping[str, Mapping[str, Any]] = {
    "iid": {},
    "continuous": {"partition_by": "brightness", "strictness": 0.5},
    "dirichlet": {"alpha": 0.5},
    "distribution": {
        "distribution_array": [[1, 3]] * 10,
        "num_unique_labels_per_partition": 2,
        "preassigned_num_samples_per_label": 5,
    },
    "exponential": {},
    "grouped_natural_id": {"partition_by": "writer", "group_size": 3},
    "id_to_size_fnc": {"partition_id_to_size_fn": "numpy:sqrt"},
    "linear": {},
    "natural_id": {"partition_by": "tenth"},
    "square": {},
}
"""Partitioners and settings that deal every example."""
PARTLY: Mapping[str, Mapping[str, Any]] = {
    "inner_dirichlet": {"partition_sizes": [20, 30] * 5, "alpha": 0.3},
    "pathological": {"num_classes_per_partition": 2},
    "shard": {"num_shards_per_partition": 2, "shard_size": 50},
    "size": {"partition_sizes": [20, 30] * 5},
}
"""Those that leave some out."""
ALL = {**WHOLE, **PARTLY}
CLIENTS = {"exponential": 5}  # with 10 the first would get a share of e⁻⁹


@pytest.fixture(scope="module")
def digits() -> Dataset:
    dataset = load_dataset(Named(name="digits"))
    columns = {
        "writer": np.arange(1438) % 30,
        "tenth": np.arange(1438) % 10,
        "brightness": dataset.x_train.mean((1, 2, 3)),
    }
    return replace(dataset, columns=columns)


def test_every_horizontal_partitioner_is_known(digits: Dataset) -> None:
    with pytest.raises(ConfigError, match="choose one of") as caught:
        partition(digits, Named(name="vertical_even"), 2, seed=0)
    assert str(caught.value).rpartition("one of ")[2].split(", ") == sorted([*WHOLE, *PARTLY])


@pytest.mark.parametrize("name", WHOLE)
def test_every_example_goes_to_exactly_one_client(digits: Dataset, name: str) -> None:
    partitioned = partition(digits, Named(name=name, **WHOLE[name]), CLIENTS.get(name, 10), seed=1)
    assert len(partitioned) == CLIENTS.get(name, 10)
    assert sorted(np.concatenate(partitioned)) == list(range(1438))


@pytest.mark.parametrize("name", PARTLY)
def test_no_example_goes_to_two_clients(digits: Dataset, name: str) -> None:
    partitioned = np.concatenate(partition(digits, Named(name=name, **PARTLY[name]), clients=10, seed=1))
    assert len(partitioned) == len(set(partitioned))


@pytest.mark.parametrize("name", [*WHOLE, *PARTLY])
def test_the_seed_decides_who_gets_what(digits: Dataset, name: str) -> None:
    choice = Named(name=name, **ALL[name])
    first, again, other = (partition(digits, choice, CLIENTS.get(name, 10), seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_iid_shards_of_sorted_data_hold_every_label(digits: Dataset) -> None:
    order = np.argsort(digits.y_train)
    in_order = replace(digits, x_train=digits.x_train[order], y_train=digits.y_train[order], columns={})
    shards = partition(in_order, Named(name="iid"), 3, seed=0)
    assert [len(np.unique(in_order.y_train[rows])) for rows in shards] == [10, 10, 10]


def test_sizes_by_hand(digits: Dataset) -> None:
    def sizes(name: str, **settings: object) -> list[int]:
        return [len(rows) for rows in partition(digits, Named(name=name, **settings), 3, seed=0)]

    assert sizes("iid") == [480, 479, 479]
    assert sizes("linear") == [239, 479, 720]  # 1438 · (1, 2, 3) / 6, the rest to the last
    assert sizes("square") == [102, 410, 926]  # 1438 · (1, 4, 9) / 14
    assert sizes("size", partition_sizes=[7, 8, 9]) == [7, 8, 9]


def test_pathological_clients_hold_as_many_labels_as_told(digits: Dataset) -> None:
    shards = partition(digits, Named(name="pathological", num_classes_per_partition=2), 5, seed=0)
    assert [len(np.unique(digits.y_train[rows])) for rows in shards] == [2] * 5


def test_a_small_alpha_skews_labels_more(digits: Dataset) -> None:
    def largest_share(alpha: float) -> float:
        shards = partition(digits, Named(name="dirichlet", alpha=alpha), 5, seed=0)
        counts = [np.bincount(digits.y_train[rows], minlength=10) for rows in shards]
        return float(np.mean([count.max() / count.sum() for count in counts]))

    assert largest_share(0.1) > 2 * largest_share(100.0)


@pytest.mark.parametrize(("alpha", "clients"), [(0.01, 20), (0.001, 50)])
def test_skew_may_leave_clients_without_examples(digits: Dataset, alpha: float, clients: int) -> None:
    partitioned = partition(digits, Named(name="dirichlet", alpha=alpha), clients, seed=0)
    assert min(map(len, partitioned)) == 0
    assert sorted(np.concatenate(partitioned)) == list(range(1438))
    asked = partition(digits, Named(name="dirichlet", alpha=alpha, min_partition_size=0), clients, seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(partitioned, asked, strict=True))


def test_where_everyone_gets_ten_the_draw_is_that_of_flwr_datasets(digits: Dataset) -> None:
    partitioned = partition(digits, Named(name="dirichlet", alpha=0.3), 5, seed=0)
    asked = partition(digits, Named(name="dirichlet", alpha=0.3, min_partition_size=10), 5, seed=0)
    assert min(map(len, partitioned)) >= 10
    assert all(np.array_equal(a, b) for a, b in zip(partitioned, asked, strict=True))


def test_natural_clients_are_chosen_and_fewer_are_some_of_more(digits: Dataset) -> None:
    def writers(clients: int) -> list[list[int]]:
        shards = partition(digits, Named(name="natural_id", partition_by="writer"), clients, seed=0)
        return [np.unique(digits.columns["writer"][rows]).tolist() for rows in shards]

    assert writers(2) == writers(5)[:2]
    assert [len(ids) for ids in writers(30)] == [1] * 30


def test_examples_per_client_is_an_upper_limit(digits: Dataset) -> None:
    choice = Named(name="size", partition_sizes=[50, 200])
    assert [len(rows) for rows in partition(digits, choice, 2, seed=0, examples_per_client=100)] == [50, 100]


def test_progress_bars_and_warnings_stay_inside(digits: Dataset, capfd: pytest.CaptureFixture[str]) -> None:
    partition(digits, Named(name="natural_id", partition_by="writer"), 2, seed=0)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("choice", "clients", "parameter", "words"),
    [
        (Named(name="iid"), 1439, "clients", "1438 training examples"),
        (Named(name="iid", alpha=1), 2, "partitioner", "no setting 'alpha'; it has none"),
        (Named(name="dirichlet"), 2, "partitioner", "needs the setting 'alpha'"),
        (Named(name="dirichlet", alpha=-1.0), 2, "partitioner", "greater than zero"),
        (Named(name="dirichlet", beta=1), 2, "partitioner", "no setting 'beta'; it has partition_by, alpha"),
        (
            Named(name="dirichlet", alpha=0.01, min_partition_size=9),
            20,
            "partitioner",
            "with 20 clients: no draw of 11",
        ),
        (Named(name="dirichlet", alpha=-1.0, min_partition_size=9), 2, "partitioner", "greater than zero"),
        (Named(name="natural_id"), 2, "partitioner", "needs the setting 'partition_by'"),
        (Named(name="natural_id", partition_by="writer"), 31, "partitioner", "makes 30 shards; set clients to 30"),
        (Named(name="natural_id", partition_by="pen"), 2, "partitioner", "no column 'pen' .* one of writer, tenth"),
        (Named(name="size", partition_sizes=[1, 2]), 3, "partitioner", "makes 2 shards; set clients to 2"),
        (Named(name="continuous", strictness=2), 3, "partitioner", "between 0 and 1"),
        (Named(name="id_to_size_fnc", partition_id_to_size_fn="numpy:no"), 3, "partitioner", "no attribute 'no'"),
        (Named(name="shard", shard_size=5000), 3, "partitioner", "empty partitions"),
    ],
)
def test_bad_partitioners_are_refused(digits: Dataset, choice: Named, clients: int, parameter: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        partition(digits, choice, clients, seed=0)
    assert caught.value.parameter == parameter


def test_as_many_clients_as_examples_get_one_each_and_more_are_refused(digits: Dataset) -> None:
    three = replace(digits, x_train=digits.x_train[:3], y_train=digits.y_train[:3], columns={})
    assert sorted(rows.tolist() for rows in partition(three, Named(name="iid"), 3, seed=1)) == [[0], [1], [2]]
    with pytest.raises(ConfigError, match=r"clients 4: .* has 3 training examples, and every client needs one"):
        partition(three, Named(name="iid"), 4, seed=1)
