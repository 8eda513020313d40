import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.synthetic_run import write_run

RunWriter = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> RunWriter:
    """Write a synthetic run below the test's folder: `make_run("name", {"clients": [2, 3]}, repeats=3)`."""

    def make(name: str = "quick", *args: Any, **options: Any) -> Path:
        return write_run(tmp_path / "runs" / name, *args, **options)

    return make


@pytest.fixture(scope="session")
def grid_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run over clients × cut × aggregation with three repeats; read it, never change it."""
    axes: dict[str, list[Any]] = {"clients": [2, 4], "cut_layer": ["conv1", "dense1"], "aggregation": [True, False]}
    return write_run(tmp_path_factory.mktemp("runs") / "grid", axes, repeats=3)


REPORT = """
import json, sys
from pathlib import Path
from analysis.report.report import report
out = Path(sys.argv[2])
report([Path(sys.argv[1])], out)
(out / "modules.json").write_text(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="session")
def grid_report(grid_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of `grid_run`, made by a process of its own; `modules.json` lists what that process had loaded."""
    out = tmp_path_factory.mktemp("report")
    subprocess.run([sys.executable, "-W", "error", "-c", REPORT, str(grid_run), str(out)], check=True)
    return out
