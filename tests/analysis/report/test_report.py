"""The report as files: what is grid_report, what it never loads, what it says."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from analysis.figures.roles import Choice
from analysis.report.report import report
from splitfed_core.errors import NotARunError, UsageError
from splitfed_core.records.rows import PHASES
from tests.analysis.emulated_run import OF_ANY_RUN

MakeRun = Callable[..., Path]


def test_a_report_never_loads_tensorflow_grpc_or_ray(grid_report: Path) -> None:
    loaded = set(json.loads((grid_report / "modules.json").read_text()))
    assert {"pandas", "matplotlib"} <= loaded
    assert loaded.isdisjoint({"tensorflow", "keras", "grpc", "ray", "flwr_datasets", "datasets"})


@pytest.mark.parametrize("name", ["effects", "pareto", "labels"])
def test_another_process_draws_the_same_bytes(grid_run: Path, grid_report: Path, tmp_path: Path, name: str) -> None:
    report([grid_run], tmp_path, only=name)
    for kind in ("png", "svg"):
        file = f"figures/{name}.{kind}"
        assert (grid_report / file).read_bytes() == (tmp_path / file).read_bytes()


def test_every_figure_is_there_as_png_and_svg_and_on_the_page(grid_report: Path) -> None:
    page = (grid_report / "index.html").read_text()
    assert {path.name for path in (grid_report / "figures").iterdir()} == {
        f"{name}.{kind}" for name in OF_ANY_RUN for kind in ("png", "svg")
    }
    assert re.findall(r'<figure id="figure-(\w+)">', page) == OF_ANY_RUN
    assert page.count("sfbench report") >= len(OF_ANY_RUN)
    assert "Which codec on which link: no codec varies" in page


def test_figures_carry_their_provenance(grid_report: Path) -> None:
    for kind in ("png", "svg"):
        content = (grid_report / "figures" / f"speed.{kind}").read_bytes().decode("latin-1")
        assert "0123456789abcdef0123456789abcdef01234567" in content
        assert "data_sha256" in content


def test_the_page_needs_no_network(grid_report: Path) -> None:
    page = (grid_report / "index.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!#|tables/)[^"]*"', page)
    assert "@import" not in page
    assert "url(http" not in page


def test_ids_are_unique_on_the_page(grid_report: Path) -> None:
    ids = re.findall(r'\bid="([^"]+)"', (grid_report / "index.html").read_text())
    assert len(ids) == len(set(ids))


def test_tables_hold_one_line_per_cell(grid_report: Path) -> None:
    assert len((grid_report / "tables" / "cells.csv").read_text().splitlines()) == 1 + 8
    phases = pd.read_csv(grid_report / "tables" / "phases.csv")
    assert len(phases) == 8 * len(PHASES)
    by_cell = phases.groupby("cell_id")["typical_s"].sum()
    assert (by_cell > 0).all()
    assert set(phases) >= {"clients", "cut_layer", "aggregation", "phase", "median_s", "mean_s"}
    latex = (grid_report / "tables" / "cells.tex").read_text()
    assert latex.startswith("\\begin{tabular}{llllrrrrr}\n\\toprule\n")
    assert latex.count("\\\\\n") == 1 + 8


def test_text_from_a_run_directory_cannot_be_html(make_run: MakeRun, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    run = make_run("quick", {"model": [evil, "b"]}, failed=lambda _, repeat: evil if repeat else None)
    page = report([run], tmp_path / "out").read_text()
    assert evil not in page
    assert "&lt;script&gt;alert(1)" in page
    assert evil not in (tmp_path / "out" / "summary.md").read_text()


def test_a_grid_of_one_cell_names_what_it_cannot_show(make_run: MakeRun, tmp_path: Path) -> None:
    page = report([make_run("one", {}, repeats=1)], tmp_path / "out").read_text()
    assert "Scaling with the number of clients: the grid has one number of clients." in page
    assert {"phases", "latency", "loss", "learning", "network"} <= set(re.findall(r'<figure id="figure-(\w+)">', page))


def test_default_run_and_output(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run("mine", repeats=1)
    monkeypatch.chdir(tmp_path)
    assert report([], only="speed") == Path("reports/mine/figures/speed.png")
    monkeypatch.chdir(tmp_path / "reports")
    with pytest.raises(NotARunError, match="no run directory below runs/"):
        report([])


def test_one_figure_alone(grid_run: Path, tmp_path: Path) -> None:
    choice = Choice(metric="train_s", x="cut_layer", facet="clients")
    made = report([grid_run], tmp_path / "out", only="metric", formats=("svg",), choice=choice)
    assert list((tmp_path / "out").rglob("*.*")) == [made]
    drawn = set(re.findall(r"<!-- (.*?) -->", made.read_text()))
    assert {"2 clients", "4 clients in 2 workers", "cut layer", "training time in all", "(ms)"} <= drawn


@pytest.mark.skipif(sys.platform != "linux", reason="xdg-open opens files")
def test_open_hands_what_was_made_to_the_desktop(make_run: MakeRun, tmp_path: Path) -> None:
    desktop, opened, out = tmp_path / "bin", tmp_path / "opened", tmp_path / "a b"
    desktop.mkdir()
    words = ["report", make_run("mine", repeats=1), "--out", out, "--figure", "speed", "--format", "svg", "--open"]
    command = [sys.executable, "-c", "from analysis.cli import main; main()", *map(str, words)]
    run = partial(subprocess.run, command, env={"PATH": str(desktop)}, capture_output=True, check=True, text=True)
    assert run().stderr == "this system has no program to open the report with\n"
    (desktop / "xdg-open").write_text(f'#!/bin/sh\necho "$1" > {opened}.part; /bin/mv {opened}.part {opened}\n')
    (desktop / "xdg-open").chmod(0o755)
    assert run().stderr == ""
    while not opened.exists():  # the desktop is not waited for
        time.sleep(0.02)
    assert opened.read_text() == f"{out}/figures/speed.svg\n"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"only": "sped"}, "figure 'sped' does not exist; choose one of codec_map, link_map,"),
        ({"formats": ["bmp"]}, "format 'bmp' is not known; choose one of png, svg, pdf"),
        ({"choice": Choice(metric="speed")}, "metric 'speed' does not exist; choose one of step_p50_s,"),
        ({"choice": Choice(x="codec")}, "axis 'codec' does not vary in these runs; choose one of: clients, cut_layer,"),
        ({"choice": Choice(x="clients", hue="clients")}, "give each part an axis of its own"),
        ({"only": "metric"}, "needs to know which: add --metric"),
    ],
)
def test_wrong_options_are_refused_and_nothing_is_written(
    grid_run: Path, tmp_path: Path, wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        report([grid_run], tmp_path / "out", **wrong)  # type: ignore[arg-type]  # one of several arguments
    assert not (tmp_path / "out").exists()
