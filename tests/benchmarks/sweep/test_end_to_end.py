"""The story of a user, told by the installed command itself; the tests are its chapters, in order."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.cluster.ray_cluster import Cluster

SFBENCH = Path(sys.executable).with_name("sfbench")
GRID = """
schema: 1
name: shop
schedule: grid
base: {dataset: digits, model: "mymodel:net", cut_layer: cut, clients: 2, examples_per_client: 24, rounds: 2}
axes:
  batch_size: [8, 12, 32]
"""
MODEL = """
import os
import keras
import tensorflow as tf

class Fragile(keras.layers.Layer):
    def call(self, x, training=False):
        if training:
            tf.debugging.assert_less(tf.shape(x)[0], 16, message="this layer takes small batches only")
        return x

def net(shape, classes):
    print("chatter of Python")
    os.write(2, b"chatter of a library\\n")
    x = keras.Input(shape)
    smashed = keras.layers.Dense(16, "relu", name="cut")(keras.layers.Flatten()(Fragile()(x)))
    return keras.Model(x, keras.layers.Dense(classes)(smashed))
"""
ALGORITHM = """
from dataclasses import replace
from splitfed_core.algorithms import ALGORITHMS

MINE = replace(ALGORITHMS["sflv2"], name="mine", paper="the shop's")
"""
Sfbench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of somebody who calls packages as we do."""
    folder = tmp_path_factory.mktemp("shop")
    for name in ("benchmarks", "analysis"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise ImportError('this is the wrong package')")
    (folder / "analysis" / "nets.py").write_text("from mymodel import net")
    (folder / "mymodel.py").write_text(MODEL)
    (folder / "grid.yaml").write_text(GRID)
    return folder


@pytest.fixture(scope="module")
def sfbench(folder: Path, cluster: Cluster) -> Sfbench:
    """Call the command in the folder; Ray is running already."""
    import ray

    address = ray.get_runtime_context().gcs_address

    def call(*words: str, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *python, str(SFBENCH), *words]
        env = os.environ | {"RAY_ADDRESS": address}
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=240)

    return call


def summary(folder: Path) -> dict[str, dict[str, str]]:
    """Read summary.csv, by batch size."""
    with (folder / "runs/shop/summary.csv").open() as file:
        return {row["batch_size"]: row for row in csv.DictReader(file)}


def imported(done: subprocess.CompletedProcess[str]) -> set[str]:
    """Return the packages that a command has imported."""
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}


def test_a_sweep_runs_what_it_can_and_says_what_it_could_not(sfbench: Sfbench, folder: Path) -> None:
    done = sfbench("sweep", "grid.yaml", python=("-X", "importtime"))
    assert done.returncode == 3, done.stderr
    assert {size: row["status"] for size, row in summary(folder).items()} == {"8": "ok", "12": "ok", "32": "failed"}
    message = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert not [line for line in (*message, done.stdout) if "chatter" in line or "Traceback" in line]
    assert "ray" in imported(done)
    assert not imported(done) & {"tensorflow", "keras"}


def test_the_reason_is_in_the_manifest_and_the_chatter_in_the_log(folder: Path) -> None:
    manifests = {m["config"]["batch_size"]: (path, m) for path in folder.glob("runs/shop/cells/*/r0/manifest.json")
                 for m in [json.loads(path.read_text())]}  # fmt: skip
    assert {size: manifest["status"] for size, (_, manifest) in manifests.items()} == {8: "ok", 12: "ok", 32: "failed"}
    path, manifest = manifests[32]
    assert re.search("InvalidArgumentError: .*this layer takes small batches only", manifest["reason"])
    assert len(manifest["reason"].splitlines()) == 1
    assert 'mymodel.py", line 9, in call' in path.with_name("log.txt").read_text()
    log = "".join(path.with_name("log.txt").read_text() for path, _ in manifests.values())
    assert "chatter of Python" in log
    assert "chatter of a library" in log


def test_what_is_finished_is_not_run_again_and_starts_nothing(sfbench: Sfbench, folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/shop/cells/**/*")}
    done = sfbench("sweep", "grid.yaml", "--only", "batch_size < 32", python=("-X", "importtime"))
    assert done.returncode == 0
    assert not imported(done) & {"ray", "tensorflow", "keras"}
    assert "2 of 2" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in folder.glob("runs/shop/cells/**/*")} == before


def test_a_model_in_a_folder_that_is_called_as_ours_is_named_by_its_file(sfbench: Sfbench, folder: Path) -> None:
    named = GRID.replace("mymodel:net", "./analysis/nets.py:net").replace("[8, 12, 32]", "[8]").replace("shop", "file")
    (folder / "file.yaml").write_text(named)
    done = sfbench("sweep", "file.yaml")
    assert done.returncode == 0, done.stderr
    (folder / "file.yaml").write_text(named.replace("./analysis/nets.py:net", "analysis.nets:net"))
    done = sfbench("sweep", "file.yaml", "--out", "runs/dotted")
    assert done.returncode == 2
    assert "name the file: ./analysis/nets.py:net" in done.stderr


def test_a_model_that_changed_is_other_code(sfbench: Sfbench, folder: Path) -> None:
    manifests = [json.loads(path.read_text()) for path in folder.glob("runs/shop/cells/*/r0/manifest.json")]
    assert {tuple(m["code"]) for m in manifests if m["status"] == "ok"} == {("sfbench", "mymodel.py")}
    (folder / "notes.py").write_text("no process imports this")
    (folder / "mymodel.py").write_text(MODEL.replace("Dense(16", "Dense(17"))
    done = sfbench("sweep", "grid.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "what is finished was measured with other code:\n  mymodel.py\n--accept-code-change" in done.stderr
    done = sfbench("sweep", "grid.yaml", "--accept-code-change")
    assert done.returncode == 3, done.stderr  # one cell fails, as ever
    (record,) = json.loads((folder / "runs/shop/plan.json").read_text())["accepted_code_changes"]
    assert {name: len(states) for name, states in record["code"].items()} == {"mymodel.py": 2}


def test_an_algorithm_of_ones_own_is_trained_and_its_code_recorded(sfbench: Sfbench, folder: Path) -> None:
    (folder / "strategies").mkdir()
    (folder / "strategies/mine.py").write_text(ALGORITHM)
    both = "algorithm=[sflv2, strategies/mine.py:MINE]"
    words = ("sweep", "grid.yaml", "--out", "runs/own", "--set", "batch_size=8", "--set", both)
    done = sfbench(*words)
    assert done.returncode == 0, done.stderr
    manifests = [json.loads(path.read_text()) for path in folder.glob("runs/own/cells/*/r0/manifest.json")]
    codes = {m["config"]["algorithm"]: set(m["code"]) for m in manifests}
    assert codes["./strategies/mine.py:MINE"] == {"sfbench", "mymodel.py", "strategies/mine.py"}
    (folder / "strategies/mine.py").write_text(ALGORITHM + "# as before\n")
    done = sfbench(*words, "--set", "repeats=2", "--accept-plan-change")
    assert done.returncode == 2
    assert "what is finished was measured with other code:\n  strategies/mine.py\n" in done.stderr


def test_the_report_is_one_page_with_figures_made_without_tensorflow(sfbench: Sfbench, folder: Path) -> None:
    done = sfbench("report", "runs/shop", python=("-X", "importtime"))
    assert done.returncode == 0, done.stderr
    page = folder / done.stdout.splitlines()[-1]
    assert page.name == "index.html"
    assert page.read_text().count("<svg") + page.read_text().count("data:image") > 0
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert not imported & {"tensorflow", "keras", "grpc", "ray"}


def test_more_clients_than_examples_are_refused_and_nothing_is_written(sfbench: Sfbench, folder: Path) -> None:
    (folder / "wrong.yaml").write_text("schema: 1\nname: wrong\naxes:\n  clients: [5000]\n")
    done = sfbench("sweep", "wrong.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("sfbench: wrong.yaml:4:13: clients 5000: 'digits' has 1438 training")
    assert "Traceback" not in done.stderr
    assert not (folder / "runs/wrong").exists()
