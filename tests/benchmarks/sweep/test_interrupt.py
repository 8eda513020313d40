"""An interrupt: what it ends, what it marks, and how one goes on."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runner import CellRun
from tests.benchmarks.sweep.attempts import statuses

Runner = Any


def test_an_interrupt_marks_the_cell_and_says_how_to_go_on(
    sweep: Callable[..., int], run: Path, tiny_runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(cell: CellRun) -> None:
        if cell.config.clients == 4:
            os.kill(os.getpid(), signal.SIGINT)

    assert sweep(tiny_runner(between=interrupt)) == 130
    assert statuses(run) == ["ok", "interrupted"]
    (stopped,) = [p.parent for p in run.glob("cells/*/r0/manifest.json") if "interrupted" in p.read_text()]
    assert len((stopped / "rounds.csv").read_text().splitlines()) == 3  # the round it was in has been finished
    message = capsys.readouterr().err
    assert "stopping at the end of this round; press Ctrl-C again to stop now" in message
    assert "to go on: sfbench sweep grid.yaml" in message
    assert sweep(tiny_runner()) == 0
    assert statuses(run) == ["ok"] * 4


def test_a_second_interrupt_stops_at_once(sweep: Callable[..., int], run: Path, tiny_runner: Runner) -> None:
    def twice(cell: CellRun) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    assert sweep(tiny_runner(between=twice)) == 130
    (stopped,) = run.glob("cells/*/r0/rounds.csv")
    assert len(stopped.read_text().splitlines()) == 2


def test_an_interrupt_before_the_first_round_stops_at_once(sweep: Callable[..., int], tiny_runner: Runner) -> None:
    runner = tiny_runner(before=lambda _: os.kill(os.getpid(), signal.SIGINT))
    assert sweep(runner) == 130
    assert len(runner.ran) == 1


def test_an_interrupt_while_a_later_cell_is_set_up_stops_at_once(
    sweep: Callable[..., int], tiny_runner: Runner
) -> None:
    def interrupt(cell: CellRun) -> None:
        if cell.config.clients == 4:
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("the handler has raised before this")

    assert sweep(tiny_runner(before=interrupt)) == 130


def test_what_fresh_threw_away_is_not_done_after_an_interrupt(sweep: Callable[..., int], tiny_runner: Runner) -> None:
    sweep(tiny_runner())
    stop = tiny_runner(before=lambda cell: os.kill(os.getpid(), signal.SIGINT) if cell.config.clients == 4 else None)
    assert sweep(stop, fresh=True) == 130
    again = tiny_runner()
    assert sweep(again) == 0
    assert len(again.ran) == 3
