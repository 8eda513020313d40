"""Every exit code of `sfbench sweep`, by the command line; the runner has no processes."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from analysis.cli.app import main
from benchmarks import cluster
from benchmarks.runner import CellRun
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import CellError, CellTimeoutError, ConfigError, StartError

GRID = "name: two\nbase: {rounds: 1}\naxes: {clients: [2, 4]}\n"
Runner = Any


def raising(error: BaseException, clients: Sequence[int] = (2, 4)) -> Callable[[CellRun], None]:
    def act(run: CellRun) -> None:
        if run.config.clients in clients:
            raise error

    return act


def refusing(runner: Runner, clients: Sequence[int]) -> Runner:
    """Let a runner refuse cells, first when asked and then when they are run."""

    def check(configs: Sequence[CellConfig]) -> dict[int, ConfigError]:
        return {i: ConfigError("no", "clients") for i, config in enumerate(configs) if config.clients in clients}

    runner.check = check
    return runner


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Call the command in a folder with a grid and what is asked for; returns its exit code."""
    (tmp_path / "grid.yaml").write_text(GRID)
    (tmp_path / "wrong.yaml").write_text("axes: {colour: [red]}\n")
    monkeypatch.chdir(tmp_path)

    def sweep(words: str, runner: Runner) -> int:
        def open_cluster(**_: Any) -> Runner:
            if isinstance(runner, BaseException):
                raise runner
            return runner

        monkeypatch.setattr(cluster, "open_cluster", open_cluster)
        monkeypatch.setattr(sys, "argv", ["sfbench", "sweep", *words.split()])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return sweep


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        ("", 0, "2 of 2 cells are done"),
        ("grid.yaml", 0, "2 of 2 cells are done"),
        ("--plan", 0, "two: 2 cells"),
        ("grid.yaml --budget 0.0001s", 3, "used up: 2 cells not begun"),
        ("nowhere.yaml", 2, "nowhere.yaml"),
        ("wrong.yaml", 2, "colour"),
        ("grid.yaml --set foo=1", 2, "foo"),
        ("grid.yaml --set algorithm=./mine.py:MINE", 2, "algorithm './mine.py:MINE': there is no Python file"),
        ("grid.yaml --shard 3/2", 2, "--shard '3/2'"),
        ("grid.yaml --budget soon", 2, "--budget 'soon'"),
        ("grid.yaml --only clients>9", 2, "holds for none"),
        ("grid.yaml --colour", 2, "--colour"),
        ("grid.yaml --out grid.yaml", 2, "is not a directory"),
    ],
)
def test_what_the_command_line_says(
    sweep: Callable[..., int],
    tiny_runner: Runner,
    words: str,
    code: int,
    part: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert sweep(words, tiny_runner()) == code
    printed = capsys.readouterr()
    assert part in printed.out + printed.err
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    ("act", "code", "part"),
    [
        (CellError("worker 1 is gone"), 3, "2 are not (2 failed)"),
        (CellTimeoutError("over 600 s"), 3, "2 are not (2 timeout)"),
        (KeyboardInterrupt(), 130, "to go on: sfbench sweep grid.yaml"),
        (RuntimeError("a bug"), 5, "RuntimeError: a bug"),
    ],
)
def test_what_happens_in_a_cell(
    sweep: Callable[..., int],
    tiny_runner: Runner,
    act: BaseException,
    code: int,
    part: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert sweep("grid.yaml", tiny_runner(before=raising(act))) == code
    err = capsys.readouterr().err
    assert part in err
    assert ("Traceback" in err) == (code == 5)


@pytest.mark.parametrize(
    ("runner", "code"), [(StartError("Ray did not start"), 3), (KeyboardInterrupt(), 130), (MemoryError(), 5)]
)
def test_what_happens_before_the_first_cell(sweep: Callable[..., int], runner: BaseException, code: int) -> None:
    assert sweep("grid.yaml", runner) == code
    assert not Path("runs").exists()


def test_what_is_refused(sweep: Callable[..., int], tiny_runner: Runner) -> None:
    assert sweep("grid.yaml", refusing(tiny_runner(), (2, 4))) == 2
    failing = tiny_runner(before=raising(ConfigError("no", "clients"), (2,)))
    assert sweep("grid.yaml", refusing(failing, (2,))) == 3
    assert sweep("grid.yaml --set clients=[2,8]", tiny_runner()) == 2  # another plan
    other = tiny_runner()
    other.code = lambda _: {"sfbench": "of another version"}
    assert sweep("grid.yaml", other) == 2
    assert sweep("grid.yaml --accept-code-change", other) == 0
    assert sweep("grid.yaml", tiny_runner()) == 0  # nothing is left to be run
