from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.grid.load import Grid
from benchmarks.grid.plan import make_plan
from benchmarks.runner import CellObserver, CellRun
from benchmarks.sweep.dry_run import forecast, probes
from benchmarks.sweep.run import Sweep
from benchmarks.sweep.selection import SweepOptions
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import CellError

GridOf = Callable[..., Grid]
Runner = Any

GRID = """
name: four
repeats: 2
base: {rounds: 2}
axes: {clients: [2, 4], aggregation: [on, off]}
exclude: [{match: {clients: 4, aggregation: off}, reason: known}]
"""


@pytest.fixture
def sweep_of(grid_of: GridOf, tmp_path: Path) -> Callable[..., Sweep]:
    def make(text: str = GRID) -> Sweep:
        return Sweep(grid_of(text), tmp_path / "run", SweepOptions(), "sfbench sweep")

    return make


def test_a_dry_run_shows_the_plan_and_writes_nothing(
    sweep_of: Callable[..., Sweep], tiny_runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = tiny_runner()
    assert sweep_of().dry_run(lambda: runner) == 0
    message = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert message[:3] == [
        "four: 3 cells × 2 repeats, order interleaved; 0 of 6 are done",
        "left out: 1 × known",
        "clients aggregation time memory bytes a round",
    ]
    assert [line.split()[:2] for line in message[3:6]] == [["2", "on"], ["2", "off"], ["4", "on"]]
    assert all(line.endswith("estimated") for line in message[3:6])
    assert message[6].startswith("about ")
    assert message[6].endswith("nothing was written")
    assert not (tmp_path / "run").exists()
    assert len(runner.ran) == 4  # aggregation on and off, each twice


def test_what_is_done_is_told_as_measured_without_a_probe(
    sweep_of: Callable[..., Sweep], tiny_runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep_of().run(tiny_runner)
    before = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    runner = tiny_runner()
    assert sweep_of().dry_run(lambda: runner) == 0
    message = capsys.readouterr().out
    assert runner.ran == []
    assert message.count("measured") == 3
    assert "12 kB" in message  # 4 + 4 kB of smashed data, 2 + 2 kB of models
    assert sorted(tmp_path.rglob("*")) == before


def test_the_smallest_and_the_largest_batch_of_each_kind_are_probed(grid_of: GridOf) -> None:
    grid = grid_of("axes: {batch_size: {range: [1, 99]}, cut_layer: [conv1, dense1], learning_rate: [0.1, 0.2]}")
    chosen = probes([cell.config for cell in make_plan(grid).cells], cores=2)
    assert sorted((str(c.cut_layer), c.batch_size) for c in chosen) == [
        ("conv1", 1), ("conv1", 99), ("dense1", 1), ("dense1", 99),
    ]  # fmt: skip


def test_a_long_plan_is_shown_in_part_and_without_endless_probes(
    sweep_of: Callable[..., Sweep], tiny_runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = tiny_runner()
    sweep_of("axes: {threads: {range: [1, 40]}, clients: [2, 3]}").dry_run(lambda: runner)
    message = capsys.readouterr().out
    assert len(runner.ran) == 2 * 16
    assert "… and 20 more" in message
    assert "no estimate" in message
    assert "not counted" in message


def test_a_probe_that_fails_says_so_beside_its_cells(
    sweep_of: Callable[..., Sweep], tiny_runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(run: CellRun) -> None:
        if not run.config.aggregation:
            raise CellError("out of memory")

    assert sweep_of().dry_run(lambda: tiny_runner(before=fail)) == 0
    message = capsys.readouterr().out
    assert message.count("estimated") == 2
    assert message.count("a probe failed: out of memory") == 1


def test_the_first_cell_of_a_kind_is_charged_for_compiling(
    grid_of: GridOf, rows: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Runner:
        """A round takes 0.1 s; the first cell of all takes 3 s to set up and its first round 2 s more."""

        def __init__(self) -> None:
            self.ran: list[CellConfig] = []

        def run_cell(self, run: CellRun, observer: CellObserver) -> dict[str, Any]:
            cold, now = not self.ran, 0.0
            self.ran.append(run.config)
            for number in range(run.config.rounds):
                took = 0.1 + 2.0 * (cold and number == 0)
                step = rows.step(run, 0, 0, round=number, examples=run.config.batch_size, started_s=now, step_s=took)
                row = rows.round(run, number, started_s=now, round_s=took, aggregation_s=0.0, clients_ok=1)
                observer.round([step], [rows.client(run, 0, number)], row)
                now += took
            return {"setup_s": 3.0 if cold else 1.0, "dataset": {"train": 256}}

    grid = grid_of("base: {clients: 1, batch_size: 128, aggregation: off}\naxes: {rounds: [5, 10]}")
    configs = {cell.cell_id: cell.config for cell in make_plan(grid).cells}
    runner: Any = Runner()
    first, second = forecast(configs, {}, runner, cores=2).values()
    assert first.estimate is not None
    assert second.estimate is not None
    assert first.estimate.wall_s == pytest.approx(1 + 5 * 2 * 0.1 + 2 + 2)  # warm; two batches a round; then cold
    assert second.estimate.wall_s == pytest.approx(1 + 10 * 2 * 0.1)
    short, long = runner.ran
    assert short.examples_per_client == 6 * 128 + 64
    assert long.examples_per_client == 10 * 128 + 64  # a second, at 0.1 s a batch


def test_an_interrupted_dry_run_ends_as_one(sweep_of: Callable[..., Sweep], tiny_runner: Runner) -> None:
    def interrupt(_: CellRun) -> None:
        raise KeyboardInterrupt

    assert sweep_of().dry_run(lambda: tiny_runner(before=interrupt)) == 130
