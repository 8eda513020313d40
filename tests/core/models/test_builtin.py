import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import analysis
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import ConfigError
from splitfed_core.models import build_model, split

OWN = """
import keras

def good(shape, classes):
    layers = [keras.layers.Dropout(0.5), keras.layers.Flatten(), keras.layers.Dense(classes)]
    return keras.Sequential([keras.Input(shape), *layers])

def without_input(shape, classes):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(classes)])

def number(shape, classes):
    return 7

def fails(shape, classes):
    return {}[shape]

def takes_one(shape):
    return None

def softmax(shape, classes):
    return keras.Sequential([keras.Input(shape), keras.layers.Dense(classes, "softmax")])

def one_class(shape, classes):
    return keras.Sequential([keras.Input(shape), keras.layers.Dense(1)])

def own_shape(shape, classes):
    return keras.Sequential([keras.Input((28,)), keras.layers.Dense(classes)])

def two_outputs(shape, classes):
    x = keras.Input(shape)
    return keras.Model(x, [keras.layers.Dense(classes)(x), keras.layers.Dense(classes)(x)])

class Subclassed(keras.Model):
    def call(self, x):
        return x

def subclassed(shape, classes):
    return Subclassed()
"""


@pytest.fixture(autouse=True)
def own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_model.py").write_text(OWN)
    (tmp_path / "needy_model.py").write_text("import a_package_that_is_not_there\n")
    (tmp_path / "broken_model.py").write_text("def (\n")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "shape", "parameters"),
    [
        ("notebook_cnn", (28, 28, 1), 367_882),
        ("mlp", (28, 28, 1), 199_210),  # McMahan et al., section 3
        ("lenet5", (28, 28, 1), 61_706),
        ("keras:MobileNetV2", (32, 32, 3), 2_270_794),
    ],
)
def test_networks_have_the_size_their_papers_say(name: str, shape: tuple[int, ...], parameters: int) -> None:
    model = build_model(name, shape, 10, seed=0)
    assert model.count_params() == parameters
    assert model.output_shape == (None, 10)


def test_resnet20_has_the_size_and_depth_of_the_paper() -> None:
    model = build_model("resnet20", (32, 32, 3), 10, seed=0)
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == 269_722  # 0.27 M in table 6
    assert sum(isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)) for layer in model.layers) == 20


def test_shortcuts_of_resnet20_pass_every_second_pixel_with_zeros_around_its_channels() -> None:
    model = build_model("resnet20", (8, 8, 1), 10, seed=0)
    block = keras.Model(model.get_layer("stage1_block3_relu2").output, model.get_layer("stage2_block1_add").input)
    x = np.random.default_rng(0).random((1, 8, 8, 16), dtype=np.float32)
    shortcut = block(x)[0].numpy()
    np.testing.assert_array_equal(shortcut[..., 8:24], x[:, ::2, ::2])
    assert not shortcut[..., :8].any()
    assert not shortcut[..., 24:].any()


@pytest.mark.parametrize("name", ["notebook_cnn", "lenet5"])
def test_the_smallest_size_is_the_smallest_that_works(name: str) -> None:
    from splitfed_core.models.builtin import NETWORKS

    network = NETWORKS[name]
    assert network.min_size is not None
    network.build((network.min_size, network.min_size, 1), 10)
    with pytest.raises(ValueError, match=r"negative|zero|greater than 0"):
        network.build((network.min_size - 1, network.min_size - 1, 1), 10)


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("lenet9", (8, 8, 1), "choose one of notebook_cnn, mlp, lenet5, resnet20, keras:"),
        ("lenet5", (8, 8, 1), r"at least 12×12; the data has 8×8; scale it: .*resize: \[12, 12\]"),
        ("lenet5", (64,), "takes images .* choose 'mlp'"),
        ("keras:ResNet51", (32, 32, 3), r"choose one of .*ResNet50"),
        ("keras:MobileNetV2", (28, 28, 1), r"at least 32×32; the data has 28×28; scale it: .*resize: \[32, 32\]"),
        ("keras:MobileNetV2", (64,), "takes images"),
        ("no_such_module:f", (8,), "start sfbench in the folder that holds 'no_such_module'"),
        ("needy_model:f", (8,), "No module named 'a_package_that_is_not_there'; python -c 'import needy_model'"),
        ("broken_model:f", (8,), "SyntaxError"),
        ("own_model:great", (8,), "no function 'great'; it has good, without_input"),
        ("own_model:number", (8,), "returned a int; return a keras.Model"),
        ("own_model:fails", (8,), r"raised KeyError: \(8,\) \(.*own_model.py, line 15\)"),
        ("own_model:takes_one", (8,), "raised TypeError: .*before its first line"),
        ("own_model:softmax", (8,), "ends in softmax"),
        ("own_model:one_class", (8,), "one logit for each of the 10 classes"),
        ("own_model:own_shape", (8,), r"takes inputs of shape \(28,\), the data has \(8,\)"),
        ("own_model:two_outputs", (8,), "1 inputs and 2 outputs"),
        ("own_model:subclassed", (8,), "return a functional or sequential"),
    ],
)
def test_networks_that_cannot_work_are_refused(name: str, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        build_model(name, shape, 10, seed=0)
    assert caught.value.parameter == "model"


def test_a_model_is_named_by_its_file_whatever_the_file_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "analysis").mkdir()
    (tmp_path / "analysis" / "__init__.py").write_text("from .nets import good\n")
    (tmp_path / "analysis" / "nets.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    for name in ("./analysis/__init__.py:good", "analysis/nets.py:good", f"{tmp_path}/own_model.py:good"):
        model = build_model(name, (4,), 3, seed=0)
        assert model.count_params() == build_model("own_model:good", (4,), 3, seed=0).count_params()
    assert sys.modules["analysis"] is analysis


def test_paths_start_in_the_user_s_folder_and_not_in_that_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    monkeypatch.setenv("SFBENCH_APP_FOLDER", str(tmp_path))
    assert build_model("./own_model.py:without_input", (4, 5), 3, seed=0).count_params() == 63


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("analysis:build", r"'analysis' is a package of sfbench itself.* name the file: ./analysis/__init__.py:build"),
        ("analysis.nets:build", r"name the file: ./analysis/nets.py:build"),
        ("./gone.py:build", r"there is no Python file .*/gone.py; paths start where sfbench does"),
        ("./analysis:build", r"there is no Python file .*/analysis; name it: ./analysis/__init__.py"),
        ("./needy.py:build", r"No module named 'analysis.layers'; that is a package of sfbench; .* `from .module"),
        ("./broken_model.py:build", r"SyntaxError: .*; python ./broken_model.py shows the same"),
        ("./own_model.py:great", r"'./own_model.py' has no function 'great'; it has good, without_input"),
        ("./own_model.py:fails", r"raised KeyError: \(8,\) \(.*own_model.py, line 15\)"),
    ],
)
def test_a_file_that_holds_no_model_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    (tmp_path / "analysis").mkdir()
    (tmp_path / "analysis" / "__init__.py").write_text("")
    (tmp_path / "needy.py").write_text("import analysis.layers\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=words) as caught:
        build_model(name, (8,), 10, seed=0)
    assert caught.value.parameter == "model"


def test_one_file_is_one_cell_however_its_path_is_spelled() -> None:
    cells = [
        CellConfig.parse({"model": m}).cell_id for m in ("a.py:f", "./a.py:f", "./b/../a.py:f", "a:f", "../a.py:f")
    ]
    assert len(set(cells[:3])) == 1
    assert len(set(cells)) == 3
    assert CellConfig.parse({"model": "keras:MobileNetV2"}).model == "keras:MobileNetV2"


def test_a_sequential_model_without_input_is_built_for_the_data() -> None:
    assert build_model("own_model:without_input", (4, 5), 3, seed=0).count_params() == 63


def test_dropout_masks_and_layer_names_repeat_with_the_seed() -> None:
    first, again = (build_model("own_model:good", (50,), 2, seed=3) for _ in range(2))
    x = np.ones((2, 50), np.float32)
    np.testing.assert_array_equal(first(x, training=True), again(x, training=True))
    assert [layer.name for layer in first.layers] == [layer.name for layer in again.layers]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["ConvNeXtTiny", "DenseNet121", "EfficientNetV2B0", "InceptionV3", "MobileNetV3Small", "NASNetMobile", "Xception"],
)
def test_each_family_of_keras_applications_returns_logits_and_can_be_cut(name: str) -> None:
    model = build_model(f"keras:{name}", (96, 96, 3), 10, seed=0)
    halves = split(model, "frac:0.5")
    x = np.random.default_rng(0).random((2, 96, 96, 3), dtype=np.float32)
    np.testing.assert_array_equal(halves.server_side(halves.client_side(x)), model(x))
