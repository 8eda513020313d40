import subprocess
import sys

import numpy as np
import pytest

from splitfed_core.config.choice import Named
from splitfed_core.data import Dataset, label_rows, load_dataset, make_shards
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
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


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
