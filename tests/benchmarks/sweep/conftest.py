from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.grid.load import Grid
from benchmarks.sweep.run import Sweep
from benchmarks.sweep.selection import SweepOptions
from tests.benchmarks.sweep.attempts import GRID

GridOf = Callable[..., Grid]
Runner = Any


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "four"


@pytest.fixture
def sweep(grid_of: GridOf, run: Path) -> Callable[..., int]:
    """Sweep `GRID`, or another grid, with a runner."""

    def sweep(runner: Runner, text: str = GRID, **options: Any) -> int:
        return Sweep(grid_of(text), run, SweepOptions(**options), "sfbench sweep grid.yaml").run(lambda: runner)

    return sweep
