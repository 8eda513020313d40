"""An algorithm of the user's own is named by its file or module, loaded once, and known by that name alone."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from splitfed_core.algorithms import ALGORITHMS
from splitfed_core.config.algorithm_name import find_algorithm, own_algorithms
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import ConfigError

MINE = """
from dataclasses import replace
from splitfed_core.algorithms import ALGORITHMS, Algorithm

MINE = replace(ALGORITHMS["sl"], name="mine", paper="mine", reference=None)
CLASH = replace(MINE, name="sflv2")
NUMBER = 3
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "algorithms").mkdir()
    (tmp_path / "algorithms/mine.py").write_text(MINE)
    return tmp_path


def parse(algorithm: str) -> CellConfig:
    return CellConfig.parse({"algorithm": algorithm})


@pytest.mark.parametrize(
    "name", ["algorithms/mine.py:MINE", "./algorithms/mine.py:MINE", "other/../algorithms//mine.py:MINE"]
)
def test_a_file_is_hashed_in_one_spelling(name: str) -> None:
    config = parse(name)
    assert config.algorithm == "./algorithms/mine.py:MINE"
    assert config.cell_id == parse("./algorithms/mine.py:MINE").cell_id
    assert config.cell_id.startswith("MINE-c3-b128-dense1-")


def test_its_value_is_that_of_the_file_under_its_own_name() -> None:
    config = parse("./algorithms/mine.py:MINE")
    sl = ALGORITHMS["sl"]
    assert config.method == replace(sl, name="./algorithms/mine.py:MINE", paper="mine", reference=None)
    assert (config.aggregation, config.strategy, config.method.in_line) == (None, None, True)  # as its `ignored` says
    assert config.method is find_algorithm("algorithms/mine.py:MINE")
    assert config.method in own_algorithms()
    assert "mine" not in ALGORITHMS


def test_a_module_of_the_folder_is_found_and_the_path_is_left_alone(folder: Path) -> None:
    before = sys.path[:]
    (folder / "my_own_algorithm.py").write_text(MINE)
    assert parse("my_own_algorithm:MINE").method.paper == "mine"
    assert sys.path == before
    del sys.modules["my_own_algorithm"]


def test_old_cells_keep_their_names() -> None:
    assert CellConfig().cell_id == "sflv2-c3-b128-dense1-aggon-f43abb3290"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("./none.py:MINE", "there is no Python file .*/none.py; paths start where sfbench does"),
        ("./algorithms/mine.py:YOURS", "has nothing of this name, not an Algorithm; it has MINE, CLASH"),
        ("./algorithms/mine.py:NUMBER", "has a int of this name, not an Algorithm; it has MINE, CLASH"),
        ("./algorithms/mine.py:CLASH", "its name 'sflv2' is that of another; give yours a name of its own"),
        ("./broken.py:MINE", "cannot be imported: ZeroDivisionError: .*; python ./broken.py shows the same"),
        ("splitfed_core.algorithms.sl:SL", "'splitfed_core' is a package of sfbench itself"),
        ("nowhere_to_be_found:MINE", "start sfbench in the folder that holds 'nowhere_to_be_found', or install"),
        ("mine", "should be 'sflv1', .* or your own, ./file.py:NAME or module:NAME"),
    ],
)
def test_one_that_cannot_be_had_is_refused(folder: Path, name: str, problem: str) -> None:
    (folder / "broken.py").write_text("1 / 0")
    with pytest.raises(ConfigError, match=problem) as refused:
        parse(name)
    assert refused.value.parameter == "algorithm"
    assert str(refused.value).startswith("algorithm ")
