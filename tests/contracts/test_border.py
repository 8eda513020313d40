"""What one version writes the next one reads: the records of the border, and a run of before they were typed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pytest

from analysis.compare.compare import compare
from analysis.results.load import load
from analysis.trend.add_run import entries_of
from splitfed_core.errors import ExitCode, NewerSchemaError
from splitfed_core.records.environment import Environment, read_environment
from splitfed_core.records.manifest import Manifest, read_manifest
from splitfed_core.records.plan import PlanDocument, read_plan

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
        told = json.loads((OLD / f"cells/{line.cell_id}/r{line.repeat}/manifest.json").read_text())
        assert line.reference_task_s == fmean(told["conditions"][when]["canary_s"] for when in ("before", "after"))
        assert (line.step_p50_s, line.workers_used) == (told["summary"]["step_p50_s"], 2)


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
    assert after == before | {"schema": after["schema"]}


def test_what_is_not_known_within_a_manifest_is_kept_too(old: Path) -> None:
    path = next(old.glob("cells/*/r0/manifest.json"))
    content = json.loads(path.read_text())
    for part in (content["summary"], content["conditions"]["before"], content["facts"]):
        part["later"] = 1
    path.write_text(json.dumps(content))
    after = read_manifest(path)[0].document()
    assert after["summary"]["later"] == after["conditions"]["before"]["later"] == after["facts"]["later"] == 1  # type: ignore[index]


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
