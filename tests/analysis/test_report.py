"""The report as files: what is written, what it never loads, what it says."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.report import report
from splitfed_core.errors import NotARunError, UsageError

MakeRun = Callable[..., Path]


def test_a_report_never_loads_tensorflow_grpc_or_ray(grid_run: Path, tmp_path: Path) -> None:
    script = (
        "import sys, json; from pathlib import Path; from analysis.report import report;"
        f"report([Path({str(grid_run)!r})], Path({str(tmp_path / 'out')!r}));"
        "print(json.dumps([name for name in ('tensorflow', 'keras', 'grpc', 'ray') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert json.loads(done.stdout) == []


@pytest.fixture(scope="module")
def written(grid_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report([grid_run], tmp_path_factory.mktemp("report")).parent


def test_every_figure_is_there_as_png_and_svg_and_on_the_page(written: Path) -> None:
    page = (written / "index.html").read_text()
    drawn = {path.stem for path in (written / "figures").glob("*.png")}
    assert {"loss", "network", "network_over_rounds", "speed", "throughput", "labels"} <= drawn
    assert {path.stem for path in (written / "figures").glob("*.svg")} == drawn
    assert set(re.findall(r'<figure id="figure-(\w+)">', page)) == drawn


def test_the_page_needs_no_network(written: Path) -> None:
    page = (written / "index.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!#|tables/)[^"]*"', page)
    assert "@import" not in page


def test_ids_are_unique_on_the_page(written: Path) -> None:
    ids = re.findall(r'\bid="([^"]+)"', (written / "index.html").read_text())
    assert len(ids) == len(set(ids))


def test_the_same_data_give_the_same_bytes(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("quick", repeats=1)
    first, second = (report([run], tmp_path / name).parent for name in ("a", "b"))
    files = sorted(path.relative_to(first) for path in first.rglob("*.*"))
    assert len(files) > 8
    assert [file for file in files if (first / file).read_bytes() != (second / file).read_bytes()] == []


def test_text_from_a_run_directory_cannot_be_html(make_run: MakeRun, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    run = make_run("quick", {"model": [evil, "b"]}, failed=lambda _, repeat: evil if repeat else None)
    page = report([run], tmp_path / "out").read_text()
    assert evil not in page
    assert "&lt;script&gt;alert(1)" in page
    assert evil not in (tmp_path / "out" / "summary.md").read_text()


def test_default_run_and_output(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run("mine", repeats=1)
    monkeypatch.chdir(tmp_path)
    assert report([]) == Path("reports/mine/index.html")
    monkeypatch.chdir(tmp_path / "reports")
    with pytest.raises(NotARunError, match="no run directory below runs/"):
        report([])


def test_one_figure_alone(grid_run: Path, tmp_path: Path) -> None:
    made = report([grid_run], tmp_path / "out", only="speed", formats=("svg",))
    assert made == tmp_path / "out" / "figures" / "speed.svg"
    assert [path.name for path in (tmp_path / "out").rglob("*.*")] == ["speed.svg"]
    with pytest.raises(UsageError, match="figure 'sped' does not exist; choose one of speed"):
        report([grid_run], tmp_path / "out", only="sped")
