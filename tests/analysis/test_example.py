"""`examples/analysis.py`, cell by cell, on a run as `nox -s bench` makes one."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/analysis.py"


def test_the_analysis_runs_and_draws(
    make_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run("quick", {"clients": [2, 3]}, repeats=3)
    (tmp_path / "runs").mkdir(exist_ok=True)
    if not (tmp_path / "runs/quick").exists():
        (tmp_path / "runs/quick").symlink_to(run)
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(EXAMPLE))
    assert names["rates"].loc[2, "count"] == 3
    assert "clients" in capsys.readouterr().out
    assert all(Path(name).stat().st_size > 0 for name in ("phases.png", "throughput.png", "reports/mine/index.html"))
