import subprocess
import sys

import numpy as np
import pytest

from splitfed_core.config import Named
from splitfed_core.data import Dataset, label_rows, load_dataset, make_shards, partition
from splitfed_core.errors import ConfigError


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset(Named(name="digits"))


def test_digits_are_the_scans_that_scikit_learn_loads(digits: Dataset) -> None:
    from sklearn.datasets import load_digits

    theirs = load_digits()
    ours = np.concatenate([digits.x_train, digits.x_test]).reshape(-1, 64) * 16
    labelled = np.column_stack([ours, np.concatenate([digits.y_train, digits.y_test])])
    expected = np.column_stack([theirs.data, theirs.target])
    assert sorted(map(tuple, labelled)) == sorted(map(tuple, expected))
    assert (len(digits.y_train), len(digits.y_test)) == (1438, 359)


def test_loading_twice_gives_the_same_split(digits: Dataset) -> None:
    np.testing.assert_array_equal(load_dataset(Named(name="digits")).x_test, digits.x_test)


def test_importing_data_loads_nothing_heavy() -> None:
    heavy = {
        "tensorflow",
        "keras",
        "sklearn",
        "pandas",
        "datasets",
        "flwr_datasets",
        "matplotlib",
        "PIL",
        "scipy",
    }
    code = f"import sys, splitfed_core.data; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert result.stdout == "[]\n"


@pytest.mark.parametrize("choice", [Named(name="iid"), Named(name="dirichlet", alpha=0.5)], ids=lambda c: c.name)
def test_every_example_goes_to_exactly_one_client(digits: Dataset, choice: Named) -> None:
    dealt = np.concatenate(partition(digits, choice, clients=7, seed=1))
    assert sorted(dealt) == list(range(1438))


@pytest.mark.parametrize("choice", [Named(name="iid"), Named(name="dirichlet", alpha=0.5)], ids=lambda c: c.name)
def test_the_seed_decides_who_gets_what(digits: Dataset, choice: Named) -> None:
    first, again, other = (np.concatenate(partition(digits, choice, 3, seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_iid_shards_of_sorted_data_hold_every_label(digits: Dataset) -> None:
    order = np.argsort(digits.y_train)
    in_order = Dataset(
        "sorted",
        digits.x_train[order],
        digits.y_train[order],
        digits.x_test,
        digits.y_test,
        digits.label_names,
    )
    shards = partition(in_order, Named(name="iid"), 3, seed=0)
    assert [len(np.unique(in_order.y_train[rows])) for rows in shards] == [10, 10, 10]


def test_label_rows_count_each_label_of_each_client() -> None:
    x, y = np.zeros((4, 1, 1, 1), np.float32), np.array([0, 1, 1, 1])
    toy = Dataset("toy", x, y, x, y, ("cat", "dog"))
    rows = label_rows(toy, make_shards(toy, {0: np.array([0, 1]), 1: np.array([2, 3])}))
    assert [(r.client_id, r.label, r.examples) for r in rows] == [
        (0, "cat", 1),
        (0, "dog", 1),
        (1, "cat", 0),
        (1, "dog", 2),
    ]


def test_examples_per_client_is_an_upper_limit(digits: Dataset) -> None:
    assert [len(rows) for rows in partition(digits, Named(name="iid"), 3, seed=0, examples_per_client=100)] == [
        100,
        100,
        100,
    ]


@pytest.mark.parametrize(
    ("choice", "clients", "parameter", "words"),
    [
        (Named(name="iid"), 1439, "clients", "1438 training examples"),
        (Named(name="nope"), 2, "partitioner", "choose one of"),
        (Named(name="dirichlet"), 2, "partitioner", "needs the setting 'alpha'"),
        (Named(name="dirichlet", alpha=-1.0), 2, "partitioner", "greater than zero"),
        (Named(name="dirichlet", beta=1), 2, "partitioner", "no setting 'beta'"),
        (Named(name="dirichlet", alpha=0.001), 50, "partitioner", "with 50 clients"),
    ],
)
def test_bad_partitioners_are_refused(digits: Dataset, choice: Named, clients: int, parameter: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        partition(digits, choice, clients, seed=0)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Named(name="digits", shape=[8, 8]), "no setting 'shape'"),
        (Named(name="digits", resize=[0, 8]), "greater than or equal to 1"),
        (Named(name="synthetic", classes=1), "classes 1"),
    ],
)
def test_bad_data_set_settings_are_refused(choice: Named, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load_dataset(choice)
    assert caught.value.parameter == "dataset"


def test_synthetic_depends_on_its_settings_alone() -> None:
    choice = Named(name="synthetic", shape=[6, 5, 2], examples=30, test_examples=7, classes=3)
    one, two = load_dataset(choice), load_dataset(choice)
    assert (one.x_train.shape, one.x_test.shape, one.num_classes) == ((30, 6, 5, 2), (7, 6, 5, 2), 3)
    np.testing.assert_array_equal(one.x_train, two.x_train)
    assert one.x_train.dtype == np.float32
    assert 0 <= one.x_train.min() < one.x_train.max() <= 1


def test_resize_scales_images_and_keeps_their_mean() -> None:
    small, large = load_dataset(Named(name="digits")), load_dataset(Named(name="digits", resize=[16, 24]))
    assert large.x_train.shape == (1438, 16, 24, 1)
    assert large.x_train.mean() == pytest.approx(small.x_train.mean(), rel=0.02)


def test_a_hub_name_without_network_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", "http://127.0.0.1:9")  # the discard port: nobody listens
    with pytest.raises(ConfigError, match=r"'mnist' .* cannot be reached .*use 'digits'") as caught:
        load_dataset(Named(name="mnist"))
    assert (caught.value.parameter, caught.value.exit_code) == ("dataset", 2)
