"""Every example runs as it stands, and says what it promises."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from benchmarks.grid.load import load_grid
from benchmarks.grid.plan import make_plan
from splitfed_core.algorithms import unregister
from splitfed_core.wire.codecs import CODECS

EXAMPLES = Path(__file__).parents[2] / "examples"


def output(name: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out.splitlines()


def numbers(line: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", line)]


def test_a_model_of_ones_own_sends_what_its_cut_lets_through(capsys: pytest.CaptureFixture[str]) -> None:
    early, late = output("own_model.py", capsys)
    (early_bytes, _), (late_bytes, accuracy) = numbers(early), numbers(late)
    assert early_bytes - late_bytes == pytest.approx(32 * 4 * (6 * 6 * 4 - 32), abs=8)
    assert 0 < accuracy <= 1


# pandas, by way of datasets, leaves the file that it read to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_data_of_ones_own_is_learned(capsys: pytest.CaptureFixture[str]) -> None:
    first, even, uneven = output("own_data.py", capsys)
    assert first == "240 beans to train on, 60 to test, of borlotti, cannellini, kidney"
    assert numbers(even)[-1] > 0.9
    assert uneven.startswith("{'name': 'dirichlet', 'alpha': 0.1}: accuracy ")


def test_a_codec_of_ones_own_sends_a_quarter(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raw, byte, same = output("own_codec.py", capsys)
    finally:
        CODECS.pop("byte", None)
    (raw_bytes, off), (byte_bytes, byte_off) = numbers(raw), numbers(byte)
    assert (byte_bytes - 8, off) == (raw_bytes / 4, 0.0)
    assert 0 < byte_off < 0.01
    assert numbers(same)[0] > 90


def test_an_algorithm_of_ones_own_sends_half_of_the_models(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        always, every_second = output("own_algorithm.py", capsys)
    finally:
        unregister("every-second")
    sent, half = (numbers(line.partition(": ")[2])[0] for line in (always, every_second))
    assert (half > 0, 2 * half) == (True, sent)


def test_a_grid_names_an_algorithm_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)
    mine, theirs = sorted(cell.config.algorithm for cell in make_plan(load_grid(Path("own_algorithm.yml"))).cells)
    assert (mine, theirs) == ("./own_algorithm.py:EVERY_SECOND", "sflv2")


def test_the_workflow_reads_only_and_calls_what_there_is() -> None:
    workflow = YAML(typ="safe").load((EXAMPLES / "ci_gate.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    (script,) = (step["run"] for step in workflow["jobs"]["gate"]["steps"] if "sfbench ab" in step.get("run", ""))
    (command,) = re.findall(r"sfbench (ab) HEAD\^1 bench.yaml (--\w+)", script)
    done = subprocess.run([sys.executable, "-m", "sfbench", "ab", "--help"], capture_output=True, text=True, check=True)
    assert command[1] in done.stdout


def test_the_readme_lists_every_example() -> None:
    listed = re.findall(r"\]\((\S+)\)", (EXAMPLES / "README.md").read_text())
    assert sorted(listed) == sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".yml"))
