import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analysis.cli.app import app
from analysis.cli.quiet import suppress_stderr
from splitfed_core.errors import ConfigError, UsageError

OWN = """
import keras

def small(shape, classes):
    x = keras.Input(shape)
    first = keras.layers.Dense(4, name="first")(x)
    inside = keras.layers.Dense(4, name="inside")(first)
    return keras.Model(x, keras.layers.Dense(classes, name="last")(inside + first))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model_of_mine.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")


def test_cuts_of_an_own_model_in_the_working_folder() -> None:
    result = CliRunner().invoke(app, ["cuts", "model_of_mine:small", "--input-shape", "6", "--classes", "2"])
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "inside 2 tensors cross there, not one: first, inside" in lines
    assert "first 4 16 B 28 30 52 58" in lines  # FLOP: 2 · 6 · 4 + 4 | 2 · 4 · 4 + 4, the sum 4, 2 · 4 · 2 + 2
    assert "last 2 8 B 58 0 110 0" in lines
    assert "3 of 4 places can be a cut_layer" in result.stdout


def test_cuts_of_data_too_small_for_the_network() -> None:
    result = CliRunner().invoke(app, ["cuts", "lenet5", "--input-shape", "8x8x1"])
    assert isinstance(result.exception, ConfigError)
    assert "at least 12×12" in str(result.exception)


@pytest.mark.parametrize("shape", ["8,a,1", "", "0,8,1", "8,-8"])
def test_a_shape_that_is_none_is_refused(shape: str) -> None:
    result = CliRunner().invoke(app, ["cuts", "mlp", "--input-shape", shape])
    assert isinstance(result.exception, UsageError)
    assert result.exception.exit_code == 2


def test_what_is_hushed_shows_only_when_it_fails(capfd: pytest.CaptureFixture[str]) -> None:
    with suppress_stderr():
        os.write(2, b"chatter\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(ZeroDivisionError), suppress_stderr():
        os.write(2, b"the reason\n") / 0
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "the reason\nafterwards\n"
