"""What one version writes the next one reads: the records of the border, and a run of before they were typed."""

import json
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from statistics import fmean

import pytest

from analysis.compare.compare import compare
from analysis.report.report import report
from analysis.results.load import load
from analysis.trend.add_run import entries_of
from benchmarks.store.atomic import write_json
from splitfed_core.errors import ExitCode, NewerSchemaError
from splitfed_core.records.environment import Checkout, Environment, read_environment
from splitfed_core.records.manifest import Conditions, Facts, Manifest, read_manifest
from splitfed_core.records.plan import CellEntry, CodeChange, PlanDocument, read_plan
from splitfed_core.records.rows import CellSummary, columns

OLD = Path(__file__).parent / "run_of_schema_1"
"""Written by the version before the records; the reference task was called `canary_s` then."""

Record = Manifest | PlanDocument | Environment
READERS: dict[str, Callable[[Path], tuple[Record, list[str]]]] = {
    "plan.json": read_plan,
    "env/*.json": read_environment,
    "cells/*/r0/manifest.json": read_manifest,
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return shutil.copytree(OLD, tmp_path / "old")


def edit(path: Path, **changes: object) -> Path:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def test_an_older_run_is_loaded_with_its_reference_task() -> None:
    results = load(OLD)
    assert (len(results.ok), results.axes, results.problems) == (4, {"aggregation": ("on", "off")}, ())
    for line in results.ok.itertuples():
        message = json.loads((OLD / f"cells/{line.cell_id}/r{line.repeat}/manifest.json").read_text())
        assert line.reference_task_s == fmean(message["conditions"][when]["canary_s"] for when in ("before", "after"))
        assert (line.step_p50_s, line.workers_used) == (message["summary"]["step_p50_s"], 2)


def test_an_older_run_makes_a_report(tmp_path: Path) -> None:
    report([OLD], tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "AMD EPYC, 2 cores" in page
    assert "52bfaad50bd0ae6527101f01162d90bb4a640f08" in page


def test_an_older_run_is_compared_and_tracked(old: Path) -> None:
    compared = compare(old, OLD)
    assert compared.exit_code == ExitCode.INCONCLUSIVE  # two repeats are fewer than five pairs
    first, second = entries_of(old, allow_dirty=True)
    assert first.commit == second.commit == "52bfaad50bd0ae6527101f01162d90bb4a640f08"
    assert first.machine == second.machine


@pytest.mark.parametrize("file", READERS)
def test_what_is_read_is_what_was_written_and_nothing_is_lost(file: str, old: Path) -> None:
    path = edit(next(old.glob(file)), later={"field": [1]})
    record, wrong = READERS[file](path)
    before = json.loads(path.read_text())
    after = json.loads(json.dumps(record.document()))
    assert (wrong, after["later"]) == ([], {"field": [1]})
    before.pop("load", None)  # of an environment it is written beside it
    for when in before.get("conditions", {}).values():
        when["reference_task_s"] = when.pop("canary_s")
    if "summary" in before:  # a column that is newer is empty
        before["summary"] = dict.fromkeys(columns(CellSummary)) | before["summary"]
    assert after == before | {"schema": after["schema"]}


def test_what_is_not_known_within_a_manifest_is_kept_too(old: Path) -> None:
    path = next(old.glob("cells/*/r0/manifest.json"))
    content = json.loads(path.read_text())
    for part in (content["summary"], content["conditions"]["before"], content["facts"]):
        part["later"] = 1
    path.write_text(json.dumps(content))
    after = read_manifest(path)[0].document()
    assert after["summary"]["later"] == after["conditions"]["before"]["later"] == after["facts"]["later"] == 1  # type: ignore[index]  # of an object of JSON


@pytest.mark.parametrize("file", READERS)
def test_a_newer_schema_is_refused_with_what_to_do(file: str, old: Path) -> None:
    path = edit(next(old.glob(file)), schema=99)
    with pytest.raises(NewerSchemaError) as caught:
        load(old)
    assert str(caught.value) == (
        f"{path} has schema 99, and this version of sfbench reads up to {2 if 'manifest' in file else 1}: upgrade "
        "sfbench, or use the version that wrote it"
    )
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("file", READERS)
def test_a_file_without_a_schema_is_an_older_one(file: str, old: Path) -> None:
    path = next(old.glob(file))
    content = json.loads(path.read_text())
    del content["schema"]
    path.write_text(json.dumps(content))
    assert len(load(old).ok) == 4


def test_a_schema_that_is_not_a_number_makes_a_file_unreadable(old: Path) -> None:
    edit(next(old.glob("cells/*/r0/manifest.json")), schema="two")
    assert "cannot be read: schema 'two' is not a number; left out" in [problem.what for problem in load(old).problems]


WHOLE: dict[str, Record] = {
    "cells/c/r1/manifest.json": Manifest(
        cell_id="c",
        repeat=1,
        status="failed",
        config={"clients": 2, "partitioner": {"name": "dirichlet", "alpha": 0.3}},
        reason="the disk is full",
        seed=7,
        started_at="2030-01-02T03:04:05+00:00",
        wall_s=3.5,
        env="e",
        code={"sfbench": "a", "net.py": "b"},
        before=Conditions(0.001, 0.1, 0.2, 4e9),
        after=Conditions(0.002, 0.3, 0.4, 5e9),
        earlier_attempts=("timeout: too slow",),
        files={"steps.csv": "f"},
        data_warnings=("few examples",),
        facts=Facts(
            1,
            2,
            3,
            4,
            0.5,
            0.6,
            7e8,
            {"test": 8},
            {"main_server": {"rss_bytes": 9}},
            ({"env": "n"},),
            {"cores": 2},
            {"x": 1},
        ),
        summary=replace(CellSummary("failed", *range(1, len(columns(CellSummary)))), late=True),
        definitions={"step_p50_s": 2},
        extra={"later": 1},
    ),
    "env/e.json": Environment(
        cpu="CPU",
        cpu_flags=("avx",),
        cores=4,
        cgroup={"cpu_max": "max 100000", "memory_max": None},
        memory_bytes=8,
        governor="performance",
        platform="Linux",
        kernel="6.1",
        clock_source="tsc",
        checkout=Checkout("a", git_dirty=True, git_diff="b"),
        code="c",
        app=Checkout("d", git_dirty=False),
        versions={"python": "3.11.7"},
        thread_settings={"OMP_NUM_THREADS": "1"},
        extra={"later": 1},
    ),
    "plan.json": PlanDocument(
        name="p",
        seed=1,
        repeats=2,
        schedule="grid",
        settings=("repeats=2",),
        axes={"clients": [2, 4]},
        cells=(CellEntry("c", {"clients": 2}, (7, 8)),),
        excluded=({"reason": "twice"},),
        order=(["c", 0], ["c", 1]),
        accepted_code_changes=(CodeChange("2030-01-02", {"sfbench": ("a", "b")}),),
        extra={"later": 1},
    ),
}


@pytest.mark.parametrize("file", WHOLE)
def test_every_field_comes_back(file: str, tmp_path: Path) -> None:
    record = WHOLE[file]
    unset = [field.name for field in fields(record) if not getattr(record, field.name)]
    assert unset == (["load"] if isinstance(record, Environment) else [])  # which is written beside it
    write_json(tmp_path / file, record.document())
    read = next(read for pattern, read in READERS.items() if Path(file).match(pattern.replace("r0", "*")))
    assert read(tmp_path / file) == (record, [])
