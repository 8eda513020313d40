"""What `compare`, `ab`, `doctor` and `track` return to a script, each code by what leads to it.

`ab` and `doctor` find runs that are there already: what measures them has its own tests, and takes minutes.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.cli.app import main
from benchmarks.paired.ab import AB
from benchmarks.paired.self_comparison import SelfComparison
from splitfed_core.errors import CellError

Words = Callable[..., int]


@pytest.fixture
def runs(make_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs of one cell: `base`, `slow` by 15 %, the same once more with `other` seeds, `few` pairs, a `broken` one."""
    small: dict[str, Any] = {"base": {"rounds": 3}, "steps_per_round": 2}
    make_run("base", {}, repeats=6, **small)
    make_run("few", {}, repeats=3, **small)
    make_run("broken", {}, repeats=6, **small, failed=lambda *_: "out of memory")
    make_run("cold", {}, repeats=6, steps_per_round=2, base={"rounds": 3, "warmup_steps": 99})
    _change(tmp_path / "runs", "base", "slow", slower=1.15)
    _change(tmp_path / "runs", "base", "base-again", seed=1000)
    _change(tmp_path / "runs", "slow", "slow-again", seed=1000)
    _change(tmp_path / "runs", "broken", "broken-again", seed=1000)
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path / "runs")
    return tmp_path / "runs"


def _change(runs: Path, name: str, new: str, *, slower: float = 1.0, seed: int = 0) -> None:
    shutil.copytree(runs / name, runs / new)
    for path in (runs / new).glob("cells/*/r*/manifest.json"):
        message = json.loads(path.read_text())
        for file in ("steps.csv", "rounds.csv"):
            rows = pd.read_csv(path.with_name(file))
            times = [str(column) for column in rows if str(column).endswith("_s")]
            rows[times] *= slower
            if "warmup" in rows:
                rows["warmup"] = rows["warmup"].map({True: "true", False: "false"})
            rows.to_csv(path.with_name(file), index=False)
            message["files"][file] = hashlib.sha256(path.with_name(file).read_bytes()).hexdigest()
        path.write_text(json.dumps(message | {"seed": message["seed"] + seed}))


@pytest.fixture
def sfbench(monkeypatch: pytest.MonkeyPatch) -> Words:
    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["sfbench", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("base base", 0),
        ("slow base", 0),
        ("base slow", 1),
        ("base slow --confirm base-again slow-again", 1),
        ("base slow --confirm base slow-again", 2),
        ("base slow --confirm base-again broken-again", 3),
        ("base nothing", 2),
        ("base", 2),
        ("base slow --metric speed", 2),
        ("base slow --noise few few", 2),
        ("base broken", 3),
        ("base few", 4),
        ("few few", 4),
        ("base slow --confirm base-again base-again", 4),
        ("base slow --noise base slow", 4),
        ("base base --out ../file/below", 5),
    ],
)
def test_codes_of_compare(runs: Path, sfbench: Words, words: str, code: int) -> None:
    assert sfbench("compare", *words.split()) == code


@pytest.mark.parametrize(
    ("first", "again", "words", "code"),
    [
        ("base base", None, "", 0),
        ("slow base", "slow-again base-again", "", 0),
        ("base slow", "base-again slow-again", "", 1),
        ("base slow", None, "--no-confirm", 1),
        ("base slow", "base-again base-again", "", 4),
        ("few few", None, "", 4),
        ("base broken", None, "", 3),
        ("base base", None, "--metric speed", 2),
        ("base base", None, "--pairs 0", 2),
    ],
)
def test_codes_of_ab(
    runs: Path,
    sfbench: Words,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    again: str | None,
    words: str,
    code: int,
) -> None:
    monkeypatch.setattr(AB, "measure", lambda *_: tuple(map(Path, first.split())))
    monkeypatch.setattr(AB, "confirm", lambda *_: tuple(map(Path, str(again).split())))
    assert sfbench("ab", "main", "grid.yaml", "--out", "out", *words.split()) == code
    if code != 2:
        assert json.loads(Path("out/verdict.json").read_text())["exit_code"] == code


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (CellError("no"), 3), (ZeroDivisionError, 5)])
def test_codes_of_ab_that_did_not_come_to_a_verdict(
    runs: Path, sfbench: Words, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def measure(*_: object) -> None:
        raise error

    monkeypatch.setattr(AB, "measure", measure)
    assert sfbench("ab", "main", "grid.yaml", "--out", "out") == code


@pytest.mark.parametrize(
    ("words", "run", "code"),
    [("", "base", 0), ("--pairs 3", "base", 2), ("", "broken", 3), ("", "cold", 3)],
)
def test_codes_of_doctor(
    runs: Path, sfbench: Words, monkeypatch: pytest.MonkeyPatch, words: str, run: str, code: int
) -> None:
    measured = SelfComparison((Path(run), Path(run)), [1.0], 0.0, 0.0)
    monkeypatch.setattr("benchmarks.paired.self_comparison.compare_with_itself", lambda *_, **__: measured)
    assert sfbench("doctor", "--out", ".", *words.split()) == code


def test_an_interrupted_doctor(runs: Path, sfbench: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    def compare_with_itself(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.paired.self_comparison.compare_with_itself", compare_with_itself)
    assert sfbench("doctor", "--out", ".") == 130


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("add base", 0),
        ("add base --history ../file/below", 2),
        ("add nothing", 2),
        ("add ..", 2),
        ("add broken", 3),
        ("report", 2),
        ("report --history ../file", 3),
        ("show", 2),
    ],
)
def test_codes_of_track(runs: Path, sfbench: Words, words: str, code: int) -> None:
    assert sfbench("track", *words.split()) == code
