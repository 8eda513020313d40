import hashlib
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.runner import CellRun
from benchmarks.store.cell_writer import CellSink
from splitfed_core.errors import CellError
from splitfed_core.records.manifest import Facts
from splitfed_core.records.rows import LabelRow, StepRow, columns
from splitfed_core.records.summary import DEFINITIONS


def test_every_round_is_on_the_disk_when_it_has_been_told(
    tmp_path: Path, rows: SimpleNamespace, cell_run: CellRun
) -> None:
    with CellSink(tmp_path / "r0", cell_run) as sink:
        for number in range(2):
            sink.round(*rows.one_round(cell_run, number))
            assert len((tmp_path / "r0/steps.csv").read_text().splitlines()) == 1 + 4 * (number + 1)
            assert len((tmp_path / "r0/rounds.csv").read_text().splitlines()) == 2 + number
    assert not (tmp_path / "r0/manifest.json").exists()


def test_lines_are_exact(tmp_path: Path, rows: SimpleNamespace, cell_run: CellRun) -> None:
    row = rows.step(cell_run, 0, 0, loss=float("nan"), correct=None, uplink_s=0.1 + 0.2, step_s=float("inf"))
    with CellSink(tmp_path / "r0", cell_run) as sink:
        sink.round([row], [], rows.round(cell_run, 0))
        sink.labels([LabelRow(0, 'a "cat", sat', 3)])
    header, line = (tmp_path / "r0/steps.csv").read_bytes().decode().removesuffix("\n").split("\n")
    message = dict(zip(header.split(","), line.split(","), strict=True))
    assert tuple(message) == columns(StepRow)
    assert (message["warmup"], message["loss"], message["correct"], message["uplink_s"], message["step_s"]) == (
        "true", "nan", "", "0.30000000000000004", "inf",
    )  # fmt: skip
    assert (tmp_path / "r0/labels.csv").read_text() == 'client_id,label,examples\n0,"a ""cat"", sat",3\n'


def test_the_manifest_knows_the_files(tmp_path: Path, rows: SimpleNamespace, cell_run: CellRun) -> None:
    with CellSink(tmp_path / "r0", cell_run) as sink:
        sink.round(*rows.one_round(cell_run, 0))
        summary = sink.finish(replace(sink.begun(), status="ok", env="abc", facts=Facts(workers=2)))
    manifest = json.loads((tmp_path / "r0/manifest.json").read_text())
    assert manifest["files"].keys() == {"steps.csv", "rounds.csv", "clients.csv", "labels.csv"}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((tmp_path / "r0" / name).read_bytes()).hexdigest() == digest
    assert manifest["config"] == cell_run.config.plain()
    assert (manifest["status"], manifest["seed"], manifest["env"]) == ("ok", 7, "abc")
    assert manifest["summary"]["steps"] == summary.steps == 4
    assert manifest["summary"]["workers_used"] == 2
    assert manifest["definitions"] == DEFINITIONS
    assert manifest["facts"] == {"workers": 2}


def test_a_new_attempt_clears_the_old_half(tmp_path: Path, rows: SimpleNamespace, cell_run: CellRun) -> None:
    with CellSink(tmp_path / "r0", cell_run) as sink:
        sink.round(*rows.one_round(cell_run, 0))
        sink.log("first")
    with CellSink(tmp_path / "r0", cell_run):
        pass
    assert sorted(p.name for p in (tmp_path / "r0").iterdir()) == [
        "clients.csv", "labels.csv", "rounds.csv", "steps.csv",
    ]  # fmt: skip
    assert len((tmp_path / "r0/steps.csv").read_text().splitlines()) == 1


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more_fails_the_cell(tmp_path: Path, rows: SimpleNamespace, cell_run: CellRun) -> None:
    with CellSink(tmp_path / "r0", cell_run) as sink:
        sink.round(*rows.one_round(cell_run, 0))
        with files_no_larger_than((tmp_path / "r0/steps.csv").stat().st_size + 10):
            with pytest.raises(CellError, match=r"cannot write .*r0.*: File too large; free space"):
                sink.round(*rows.one_round(cell_run, 1))
            with pytest.raises(CellError, match="File too large"):
                sink.finish(replace(sink.begun(), status="failed", reason="the disk is full"))
    assert not (tmp_path / "r0/manifest.json").exists()


def test_a_directory_that_cannot_be_made_fails_the_cell(tmp_path: Path, cell_run: CellRun) -> None:
    (tmp_path / "cells").write_text("a file")
    with pytest.raises(CellError, match=r"cannot write .*cells.*: (Not a directory|File exists); .* permissions"):
        CellSink(tmp_path / "cells" / "r0", cell_run)
