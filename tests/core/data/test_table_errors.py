"""What is wrong with a table is said with its file, column and row."""

import gc
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.choice import Named
from splitfed_core.data import Dataset, load_dataset, warnings_of
from splitfed_core.errors import ConfigError

# datasets leaves the files it reads to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
GOOD = {"a": [0.0, 1.0, 2.0, 3.0], "label": ["cat", "dog", "cat", "dog"]}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    yield
    gc.collect()  # the files left over, while their warnings are still expected


def load(train: dict[str, Any], test: dict[str, Any] | None = None, kind: str = "parquet", **settings: Any) -> Dataset:
    files = {}
    for name, columns in (("train", train), ("test", test or GOOD)):
        files[name] = f"{name}.{kind}"
        frame = pd.DataFrame(columns)
        frame.to_parquet(files[name]) if kind == "parquet" else frame.to_csv(files[name], index=False)
    return load_dataset(Named(name=kind, data_files=files, **settings))


def png(value: int, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((4, 4), value, np.uint8)).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize(
    ("train", "test", "settings", "words"),
    [
        ({**GOOD, "a": [0, 1, None, 3]}, GOOD, {}, "column 'a' in train.csv, row 2 (counted from 0): a missing value"),
        (GOOD, {**GOOD, "a": [0, np.inf, 2, 3]}, {}, "column 'a' in test.csv, row 1 (counted from 0): inf; features"),
        (GOOD, {**GOOD, "a": [0, "x", 2, 3]}, {}, "column 'a' in test.csv, row 1 (counted from 0): 'x'; features must"),
        (GOOD, {"label": ["cat", "dog"]}, {}, "column 'a' is not in test.csv; choose from label, or add it there"),
        (GOOD, {"a": [1, 2]}, {}, "column 'label' is not in test.csv; choose from a"),
        (GOOD, GOOD, {"features": ["a", "label"]}, "column 'label' is the label and among the features"),
        ({**GOOD, "label": ["cat", None, "dog", None]}, GOOD, {}, "label 'label' in train.csv, row 1 (counted from 0)"),
        (GOOD, {**GOOD, "label": ["cat", " ", "dog", "dog"]}, {}, "label 'label' in test.csv, row 1 (counted from 0)"),
        ({**GOOD, "label": ["cat"] * 4}, GOOD, {}, "label 'label' in train.csv is 'cat' in all 4 rows: with one class"),
        ({**GOOD, "label": [0, 1, 0.5, 1]}, GOOD, {}, "label 'label' in train.csv, row 2 (counted from 0): 0.5;"),
        (GOOD, {**GOOD, "label": [0, 1, 0, 1]}, {}, "label 'label' is text in train.csv, whole numbers in test.csv"),
        ({"a": [], "label": []}, GOOD, {}, "'train.csv', 'test': 'test.csv'}} cannot be read: it has no rows"),
        ({"label": [0, 1]}, GOOD, {}, "train.csv has no column beside the label 'label'; add features"),
    ],
)  # fmt: skip
def test_it_names_file_column_and_row(
    train: dict[str, Any], test: dict[str, Any], settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        load(train, test, "csv", **settings)
    assert caught.value.parameter == "dataset"


def test_a_row_that_is_held_out_keeps_its_number() -> None:
    for row in (0, 7, 19):  # some of them are held out for the test
        values = np.arange(20.0)
        values[row] = np.nan
        pd.DataFrame({"a": values, "label": [0, 1] * 10}).to_parquet("t.parquet")
        with pytest.raises(ConfigError, match=rf"column 'a' in t.parquet, row {row} "):
            load_dataset(Named(name="parquet", data_files="t.parquet"))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("struct", [True, False])
def test_images_in_parquet_are_bytes_or_bytes_and_path(form: str, struct: bool) -> None:
    def column(*values: int) -> list[Any]:
        return [{"bytes": png(v, form), "path": "1.png"} if struct else png(v, form) for v in values]

    dataset = load(
        {"image": column(0, 51), "label": [0, 1]}, {"image": column(255), "label": [1]}, features="image", label="label"
    )
    assert dataset.input_shape == (4, 4, 1)
    assert dataset.x_train[:, 0, 0, 0].tolist() == [0, np.float32(0.2)]
    assert dataset.x_test.min() == 1


def test_bytes_that_are_no_image_are_named() -> None:
    good = {"image": [png(0), png(1)], "label": [0, 1]}
    with pytest.raises(ConfigError, match=r"'image' in test.parquet, row 1 \(counted from 0\): no image can be read"):
        load(good, {**good, "image": [png(0), b"\x00\x01"]})
    with pytest.raises(ConfigError, match=r"'image' in train.parquet, row 0 \(counted from 0\): no image;"):
        load({**good, "image": [None, png(1)]}, good)


def test_floats_that_are_whole_numbers_are_classes() -> None:
    dataset = load({"a": [0, 1, 2], "label": [2.0, 0.0, 2.0]}, {"a": [0, 1], "label": [0, 2]})
    assert (dataset.label_names, dataset.y_train.tolist(), dataset.y_test.tolist()) == (("0", "2"), [1, 0, 1], [0, 1])


def test_nested_lists_of_other_shapes_name_the_row() -> None:
    good = {"a": [[1.0, 2.0], [3.0, 4.0]], "label": [0, 1]}
    with pytest.raises(ConfigError, match=r"'a' in test.parquet, row 1 .*: shape \(3,\), after \(2,\)"):
        load(good, {**good, "a": [[1.0, 2.0], [1.0, 2.0, 3.0]]})


def test_a_file_that_is_none_is_named_with_its_reason() -> None:
    Path("t.parquet").write_text("no parquet")
    with pytest.raises(ConfigError, match=r"t.parquet.* cannot be read: .*magic bytes"):
        load_dataset(Named(name="parquet", data_files="t.parquet"))


def test_what_makes_an_accuracy_mean_less_is_told() -> None:
    assert load(GOOD, {**GOOD, "label": ["cat", "eel", "cat", "dog"], "a": [3, 1, 2, 0]}).warnings == (
        "accuracy is measured on 4 test examples: one of them is 25 points of it",
        "classes of test examples that are never trained on: eel",
    )
    many = {"a": np.arange(200.0), "b": np.arange(200) % 2 * 7.5, "label": np.arange(200) % 2}
    (message,) = load(many, many).warnings
    assert message == "feature 'b' alone decides the label 'label': is it the label under another name?"


def test_how_a_cell_uses_its_data_is_told() -> None:
    dataset = load(
        {"a": np.arange(9.0), "label": np.arange(9) % 2}, {"a": np.arange(200.0), "label": np.arange(200) % 2}
    )
    config = CellConfig.parse({"batch_size": 16, "clients": 2})
    indices = {0: np.arange(9), 1: np.arange(0)}
    assert warnings_of(dataset, config, indices) == [
        "dataset 'parquet' has 9 training examples, fewer than a mini-batch of 16: no step is a full one, and times "
        "are those of smaller ones",
        "partitioner 'iid' leaves 1 of 2 clients without examples: they never take part (labels.csv says who)",
    ]
    assert warnings_of(dataset, CellConfig.parse({"batch_size": 9}), {0: np.arange(9)}) == []
