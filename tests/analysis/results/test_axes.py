"""No two cells are ever shown as one: axes tell them apart, and what moves together is named together."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.figures import FIGURES
from analysis.figures.roles import Choice, assign
from analysis.report.tables import table
from analysis.report.warnings import find_warnings
from analysis.results.load import load
from analysis.results.ratios import paired_ratio
from splitfed_core.records.summary import DEFINITIONS

MakeRun = Callable[..., Path]


def test_nothing_is_a_value_of_an_axis_where_it_means_something(make_run: MakeRun) -> None:
    results = load(make_run("quick", {"examples_per_client": [64, None]}, repeats=1))
    assert results.axes == {"examples_per_client": (64, "–")}
    words = [results.names.words(line, results.axes) for line in results.ok.to_dict("records")]
    assert sorted(words) == ["64 examples per client", "all examples"]


def test_one_client_is_not_all_clients(make_run: MakeRun) -> None:
    results = load(make_run("quick", {"participation": [1, 0.5, 1.0]}, repeats=1))
    assert results.axes == {"participation": (0.5, 1.0, "1 client")}
    assert sorted(map(str, results.ok["participation"])) == ["0.5", "1 client", "1.0"]


def test_what_only_some_algorithms_have_is_not_named_with_them(make_run: MakeRun) -> None:
    def override(config: Any) -> dict[str, Any]:
        return {"order": None, "transport": None} if config["algorithm"] == "fl" else {"order": "fixed"}

    results = load(make_run("quick", {"algorithm": ["fl", "sflv2"]}, repeats=1, override=override))
    assert results.names.title("algorithm") == "algorithm"
    assert results.axes == {"algorithm": ("fl", "sflv2")}


def test_zipped_parameters_are_named_together(make_run: MakeRun) -> None:
    rates = {32: 0.001, 64: 0.002}
    run = make_run(
        "quick", {"batch_size": [32, 64]}, repeats=1, override=lambda c: {"learning_rate": rates[c["batch_size"]]}
    )
    results = load(run)
    assert results.axes == {"batch_size": (32, 64)}
    assert results.names.title("batch_size") == "batch size/learning rate"
    assert results.names.word("batch_size", 64) == "batch 64, learning rate 0.002"
    assert results.names.tick("batch_size", 32) == "32/0.001"
    assert assign(results, {"x": ("*",)}, Choice(x="learning_rate")).x == "batch_size"
    assert table(results).axes == ("batch_size", "learning_rate", "workers_used")
    labels = FIGURES["effects"].draw(results, Choice()).axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["batch 64, learning rate 0.002 vs 32/0.001"]


def test_what_an_override_changes_is_named_with_the_axis_it_follows(make_run: MakeRun) -> None:
    run = make_run(
        "quick",
        {"clients": [2, 3, 4], "aggregation": [True, False]},
        repeats=1,
        override=lambda c: {"batch_size": 8 if c["clients"] == 4 else 32},
    )
    names = load(run).names
    assert names.word("clients", 4) == "4 clients in 2 workers, batch 8"
    assert names.tick("clients", 3) == "3 in 2/32"
    assert names.title("aggregation") == "aggregation"


def test_an_override_of_some_cells_is_an_axis_that_nothing_is_compared_across(make_run: MakeRun) -> None:
    def override(config: Any) -> dict[str, Any]:
        return {"batch_size": 8} if config["clients"] == 4 and config["aggregation"] else {}

    results = load(make_run("quick", {"clients": [2, 4], "aggregation": [True, False]}, repeats=1, override=override))
    assert set(results.axes) == {"clients", "aggregation", "batch_size"}
    ratio = paired_ratio(results, "clients", 4, 2, "bytes_per_round")
    assert ratio is not None
    assert ratio.cells == 1, "with aggregation batch sizes differ, so only the cells without it are alike"


def test_equal_parameters_in_two_directories_are_told_apart_by_their_names(make_run: MakeRun) -> None:
    run = make_run("quick", {}, repeats=1)
    (cell,) = run.glob("cells/*")
    shutil.copytree(cell, cell.with_name("copied"))
    manifest = cell.with_name("copied") / "r0" / "manifest.json"
    manifest.write_text(manifest.read_text().replace(cell.name, "copied"))
    assert load(run).axes == {"cell_id": ("copied", cell.name)}


def test_runs_of_one_name_stay_two(make_run: MakeRun) -> None:
    runs = [make_run(f"{host}/quick", repeats=2) for host in ("a", "b")]
    results = load(*runs, runs[0])
    assert results.axes["run"] == ("a/quick", "b/quick")
    assert set(results.ok.groupby(["run", "cell_id"]).size()) == {2}
    assert results.name == "a-quick+b-quick"


@pytest.mark.parametrize("split", ["cells", "repeats"])
def test_shards_of_one_plan_are_one_run(make_run: MakeRun, tmp_path: Path, split: str) -> None:
    whole = make_run("quick", repeats=2)
    shards = [Path(shutil.copytree(whole, tmp_path / f"shard{i}")) for i in (1, 2)]
    attempts = sorted(whole.glob("cells/*/r*"), key=lambda path: path.name if split == "repeats" else path.parent.name)
    for shard, gone in zip(shards, (attempts[2:], attempts[:2]), strict=True):
        for attempt in gone:
            shutil.rmtree(shard / attempt.relative_to(whole))
    joined, alone = load(*shards), load(whole)
    assert "run" not in joined.axes
    assert joined.problems == ()
    assert [p.what for p in load(shards[0]).problems] == ["2 of 4 planned repeats of cells have no result yet"]
    columns = ["cell_id", "repeat", "step_p50_s"]
    one, other = (r.ok[columns].sort_values(columns, ignore_index=True) for r in (joined, alone))
    pd.testing.assert_frame_equal(one, other)
    assert len(joined.steps("step")) == len(alone.steps("step"))


def test_what_else_differs_between_runs_is_a_warning(make_run: MakeRun) -> None:
    results = load(make_run("base", {}, base={"batch_size": 32}), make_run("head", {}, base={"batch_size": 64}))
    assert results.axes == {"run": ("base", "head")}
    warning = {warning.title: warning for warning in find_warnings(results)}["The runs differ in their parameters too."]
    assert [(d.where, d.what) for d in warning.details] == [("batch size", "base 32, head 64")]


def test_what_two_versions_mean_by_a_metric_is_not_compared(make_run: MakeRun) -> None:
    old, new = make_run("old"), make_run("new")
    for path in new.glob("cells/*/r*/manifest.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "definitions": DEFINITIONS | {"step_p50_s": 3}}))
    results = load(old, new)
    assert paired_ratio(results, "run", "new", "old", "step_p50_s") is None
    assert paired_ratio(results, "run", "new", "old", "bytes_per_round") is not None
    assert paired_ratio(results, "aggregation", "on", "off", "step_p50_s") is not None
    texts = {warning.title: warning.text for warning in find_warnings(results)}
    assert "define them differently: Step latency, median. See" in texts["Metrics with more than one meaning."]


def test_one_note_of_many_attempts_is_said_once(make_run: MakeRun) -> None:
    run = make_run("quick", repeats=2)
    for path in run.glob("cells/*/r*/steps.csv"):
        path.write_bytes(path.read_bytes()[:-60])
    (warning,) = [c for c in find_warnings(load(run)) if c.title == "Some data are missing or odd."]
    assert [detail.what for detail in warning.details] == [
        "steps.csv has 1 broken line(s), left out",
        "steps.csv differs from the hash in its manifest: truncated or changed since",
    ]
    assert warning.details[0].where.endswith(" and 3 more")


def test_emulated_cells_that_the_host_was_too_slow_for_are_named_with_how_many_clients_it_holds(
    make_run: MakeRun,
) -> None:
    results = load(make_run("quick", {"clients": [2, 3, 4]}, repeats=1))
    assert "late_share" in results.cells
    shares = results.cells["clients"].map({2: 0.05, 3: 0.25, 4: 0.125})
    held = results.cells["clients"].map({2: 9.0, 3: 1.0, 4: 4.0})
    late = replace(results, cells=results.cells.assign(late_share=shares, late=shares > 0.05, clients_held=held))
    warnings = {warning.title: warning for warning in find_warnings(late)}
    details = warnings["Emulated faster than this host could keep up with."].details
    assert [(d.where, d.what) for d in details] == [
        ("3 clients in 2 workers", "25 % of its steps; this host can hold some 1 of its 3 clients at a time"),
        (
            "4 clients in 2 workers",
            "12 % of its steps; this host should hold its 4 clients, so something else kept it busy",
        ),
    ]
    assert "Emulated faster than this host could keep up with." not in {w.title for w in find_warnings(results)}
