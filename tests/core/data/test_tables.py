from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from splitfed_core.config.choice import Named
from splitfed_core.data import load_dataset, partition
from splitfed_core.errors import ConfigError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def write_parquet(path: Path, examples: int) -> str:
    images = np.random.default_rng(0).integers(0, 256, (examples, 4, 4))
    labels = np.array(["cat", "dog", "eel"])[np.arange(examples) % 3]
    writers = np.arange(examples) % 2
    pd.DataFrame({"image": images.tolist(), "label": labels, "writer": writers}).to_parquet(path)
    return str(path)


def test_parquet_of_nested_lists(tmp_path: Path) -> None:
    files = {
        "train": write_parquet(tmp_path / "a.parquet", 12),
        "test": write_parquet(tmp_path / "b.parquet", 6),
    }
    dataset = load_dataset(Named(name="parquet", data_files=files, features="image", label="label"))
    assert (dataset.x_train.shape, dataset.x_test.shape) == ((12, 4, 4, 1), (6, 4, 4, 1))
    assert (dataset.label_names, dataset.y_train[:4].tolist()) == (("cat", "dog", "eel"), [0, 1, 2, 0])
    assert dataset.x_train.dtype == np.float32
    assert (dataset.x_train.min(), dataset.x_train.max()) == (0, 1)
    assert dataset.columns["writer"].tolist() == [0, 1] * 6


def test_without_a_test_split_a_fifth_is_held_out(tmp_path: Path) -> None:
    choice = Named(name="parquet", data_files=write_parquet(tmp_path / "a.parquet", 30), features="image")
    one, two = load_dataset(choice), load_dataset(choice)
    assert (len(one.y_train), len(one.y_test)) == (24, 6)
    np.testing.assert_array_equal(one.x_test, two.x_test)


# datasets leaves the files it reads to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_csv_columns_are_scaled_one_by_one(tmp_path: Path) -> None:
    pd.DataFrame({"a": [0, 5, 10], "b": [-1.0, 0.0, 1.0], "label": [7, 9, 7]}).to_csv(tmp_path / "t.csv", index=False)
    pd.DataFrame({"a": [20], "b": [0.5], "label": [9]}).to_csv(tmp_path / "u.csv", index=False)
    dataset = load_dataset(
        Named(name="csv", data_files={"train": str(tmp_path / "t.csv"), "test": str(tmp_path / "u.csv")})
    )
    assert dataset.x_train.tolist() == [[0, 0], [0.5, 0.5], [1, 1]]
    assert dataset.x_test.tolist() == [[1, 0.75]]
    assert (dataset.label_names, dataset.y_train.tolist(), dataset.y_test.tolist()) == (
        ("7", "9"),
        [0, 1, 0],
        [1],
    )


def test_parquet_of_images_and_named_labels_as_the_hub_has_them(tmp_path: Path) -> None:
    import datasets

    images = [Image.fromarray(np.full((4, 4, 3), value, np.uint8)) for value in (0, 51, 255)]
    columns = datasets.Features({"img": datasets.Image(), "fine": datasets.ClassLabel(names=["cat", "dog"])})
    for name, labels in (("train", [1, 0, 1]), ("test", [0, 0, 1])):
        table = datasets.Dataset.from_dict({"img": images, "fine": labels}, features=columns)
        table.to_parquet(tmp_path / f"{name}.parquet")
    files = {name: str(tmp_path / f"{name}.parquet") for name in ("train", "test")}
    dataset = load_dataset(Named(name="parquet", data_files=files))
    assert (dataset.x_train.shape, dataset.label_names) == ((3, 4, 4, 3), ("cat", "dog"))
    assert dataset.x_train[:, 0, 0, 0].tolist() == [0, np.float32(0.2), 1]
    assert (dataset.y_train.tolist(), dataset.y_test.tolist()) == ([1, 0, 1], [0, 0, 1])


def test_images_of_several_sizes_need_resize(tmp_path: Path) -> None:
    for name, size in (("cat", 4), ("dog", 6)):
        (tmp_path / "train" / name).mkdir(parents=True)
        for i in range(5):
            Image.new("RGBA", (size, size), "red").save(tmp_path / "train" / name / f"{i}.png")
    with pytest.raises(ConfigError, match=r"differ in size \(\(4, 4\), \(6, 6\), …\); scale them with resize"):
        load_dataset(Named(name="imagefolder", data_dir=str(tmp_path)))
    dataset = load_dataset(Named(name="imagefolder", data_dir=str(tmp_path), resize=[5, 5]))
    assert (dataset.x_train.shape, dataset.x_test.shape) == ((8, 5, 5, 3), (2, 5, 5, 3))
    assert dataset.x_train[0, 0, 0].tolist() == [1, 0, 0]


def test_two_label_columns_are_a_question(tmp_path: Path) -> None:
    import datasets

    columns = datasets.Features(
        {"x": datasets.Value("float32")} | {name: datasets.ClassLabel(names=["a", "b"]) for name in ("fine", "coarse")}
    )
    table = datasets.Dataset.from_dict({"x": [0.0] * 9, "fine": [0] * 9, "coarse": [1] * 9}, features=columns)
    table.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ConfigError, match="setting 'label' is needed; choose one of the columns x, fine, coarse"):
        load_dataset(Named(name="parquet", data_files=str(tmp_path / "t.parquet")))


def test_missing_values_are_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": [0.0, None, 1.0] * 3, "label": [0, 1, 0] * 3}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(
        ConfigError, match=r"column 'a' in .*t.parquet, row 1 \(counted from 0\): a missing value \(nan\)"
    ):
        load_dataset(Named(name="parquet", data_files=str(tmp_path / "t.parquet")))


def test_image_folders_take_labels_from_folder_names(tmp_path: Path) -> None:
    for split, value in (("train", 255), ("test", 51)):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            Image.fromarray(np.full((6, 4), value, np.uint8)).save(tmp_path / split / name / "1.png")
    dataset = load_dataset(Named(name="imagefolder", data_dir=str(tmp_path)))
    assert (dataset.x_train.shape, dataset.label_names) == ((2, 6, 4, 1), ("cat", "dog"))
    assert (dataset.x_train.min(), dataset.x_test.max()) == (1, np.float32(0.2))
    assert load_dataset(Named(name="imagefolder", data_dir=str(tmp_path), resize=[3, 5])).x_test.shape == (
        2,
        3,
        5,
        1,
    )


def test_a_natural_partitioner_goes_by_a_column_of_the_table(tmp_path: Path) -> None:
    dataset = load_dataset(
        Named(name="parquet", data_files=write_parquet(tmp_path / "a.parquet", 30), features="image")
    )
    shards = partition(dataset, Named(name="natural_id", partition_by="writer"), clients=2, seed=0)
    assert [np.unique(dataset.columns["writer"][rows]).tolist() for rows in shards] == [[0], [1]]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "needs 'data_files' or 'data_dir'"),
        ({"data_files": "nowhere.parquet"}, "cannot be read"),
        (
            {"data_files": "a.parquet", "features": "picture"},
            "'picture' is not in a.parquet; choose from image, label, writer",
        ),
        ({"data_files": "a.parquet"}, "'image' in a.parquet holds lists of shape .4, 4.; name it alone"),
        ({"data_files": "a.parquet", "features": "image", "label": "image"}, "'image' is the label and among the"),
        ({"data_files": "a.parquet", "features": "writer", "label": "image"}, "labels must be classes"),
        ({"data_files": "a.parquet", "features": "image", "shape": [5, 5]}, "an example has 16 numbers"),
        ({"data_files": "a.parquet", "features": "writer", "resize": [5, 5]}, "only images"),
        ({"data_files": "a.parquet", "features": "image", "test_split": "exam"}, "exam"),
        ({"data_files": "a.parquet", "train_split": "all"}, "all"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_parquet(tmp_path / "a.parquet", 12)
    with pytest.raises(ConfigError, match=words) as caught:
        load_dataset(Named(name="parquet", **settings))
    assert caught.value.parameter == "dataset"
