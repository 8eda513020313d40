import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from analysis.cli import main
from benchmarks.grid.load import Grid
from benchmarks.grid.plan import make_plan
from benchmarks.sweep.plan_view import show_cells, show_plan

GridOf = Callable[..., Grid]

GRID = """
name: few
repeats: 3
axes: {clients: [1, 2], aggregation: [on, off], algorithm: [sflv2, central]}
exclude:
  - match: {clients: 1, algorithm: sflv2, aggregation: on}
    reason: one client has nobody to be averaged with, as all know
"""


def shown(grid: Grid, width: int, *, terminal: bool = True) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    plan = make_plan(grid)
    show_plan(plan, plan.runs(), 0, console)
    show_cells(plan, plan.runs(), console)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]  # a StringIO


def test_a_plan_as_a_table(grid_of: GridOf) -> None:
    assert shown(grid_of(GRID), 80) == [
        "few: 4 cells × 3 repeats, order interleaved; 0 of 12 are done",
        "merged: 3 × the same as another cell: what differs does not apply to it, or was",
        "  overridden",
        "left out: 1 × one client has nobody to be averaged with, as all know",
        "clients  aggregation  algorithm  cell",
        "      –            –    central  central-b128-d5b251ce3c",
        "      1          off      sflv2  sflv2-c1-b128-dense1-aggoff-a496fedea0",
        "      2           on      sflv2  sflv2-c2-b128-dense1-aggon-449bdfae96",
        "      2          off      sflv2  sflv2-c2-b128-dense1-aggoff-ffa0faf00b",
    ]


def test_a_plan_on_sixty_columns(grid_of: GridOf) -> None:
    lines = shown(grid_of(GRID), 60)
    assert max(map(len, lines)) <= 60
    assert lines[5:9] == [
        "  all know",
        "clients –, aggregation –, algorithm central,",
        "  cell central-b128-d5b251ce3c",
        "clients 1, aggregation off, algorithm sflv2,",
    ]


def test_ten_thousand_cells_do_not_flood_a_terminal(grid_of: GridOf) -> None:
    grid = grid_of("axes: {clients: {range: [1, 100]}, batch_size: {range: [1, 100]}}")
    lines = shown(grid, 60)
    assert lines[0] == "grid: 10,000 cells, order interleaved; 0 of 10,000 are done"
    assert len(lines) <= 2 + 20 * 2 + 2
    assert " ".join(lines[-2:]) == "… and 9,980 more; in a pipe all are shown, as in `… --plan | less`"


def test_a_pipe_gets_every_cell(grid_of: GridOf) -> None:
    lines = shown(grid_of("axes: {clients: {range: [1, 1000]}}"), 160, terminal=False)
    assert [line.split()[0] for line in lines[2:]] == [str(clients) for clients in range(1, 1001)]


def test_plan_starts_nothing_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.yaml").write_text(GRID)
    monkeypatch.setattr("benchmarks.sweep.run.Sweep.run", None)
    monkeypatch.setattr("benchmarks.sweep.run.Sweep.dry_run", None)
    monkeypatch.setattr(sys, "argv", ["sfbench", "sweep", "--plan", "--only", "clients == 2", "--verify"])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert not ended.value.code
    assert printed.out.splitlines()[0] == "few: 2 cells × 3 repeats, order interleaved; 0 of 6 are done"
    assert printed.out.splitlines()[-1] == "to run it: sfbench sweep grid.yaml --only 'clients == 2'"
    assert printed.err == "no grid given: using grid.yaml in this folder\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "grid.yaml"]
