"""What `load` makes of run directories, against numbers computed by hand."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.compare.measured import read_run
from analysis.results.load import load
from analysis.results.run_directory import newest_run
from analysis.trend.add_run import entries_of
from splitfed_core.errors import DataError, NotARunError

MakeRun = Callable[..., Path]

NEEDED = "round, step, warmup, examples, loss, step_s, started_s"
STEPS = """\
cell_id,repeat,client_id,round,local_epoch,step,warmup,examples,loss,correct,uplink_bytes,downlink_bytes,client_forward_s,encode_s,\
uplink_s,server_decode_s,server_queue_s,server_compute_s,server_encode_s,downlink_s,decode_s,client_backward_s,step_s,server_update_s,started_s
c,0,0,1,0,0,true,10,3.0,1,1000,500,9.0,0.0,0.5,0.0,0.0,0.0,0.0,0.5,0.0,0.0,10.0,,0.0
c,0,0,1,0,1,false,10,2.0,1,1000,500,0.1,0.0,0.2,0.0,0.0,0.1,0.0,0.1,0.0,0.5,1.0,,10.0
c,0,1,1,0,1,false,10,1.0,1,1000,500,0.1,0.0,0.4,0.0,0.0,0.3,0.0,0.1,0.0,0.1,1.0,,10.5
c,0,0,2,0,2,false,4,nan,1,400,200,0.1,0.0,0.2,0.0,0.0,0.2,0.0,0.2,0.0,2.3,3.0,,20.0
"""


def one_attempt(run: Path) -> Path:
    return next(run.glob("cells/*/r0"))


def without(path: Path, *names: str) -> None:
    """Take columns out of a file, as an older version wrote it."""
    lines = list(csv.reader(path.read_text().splitlines()))
    kept = [i for i, name in enumerate(lines[0]) if name not in names]
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([line[i] for i in kept] for line in lines)


def test_of_an_older_run_rates_divide_by_the_span_of_its_timed_steps(make_run: MakeRun) -> None:
    run = make_run("quick", {}, repeats=1)
    (one_attempt(run) / "steps.csv").write_text(STEPS)
    without(one_attempt(run) / "rounds.csv", "training_s")
    cell = load(run).cells.iloc[0]
    training_s = (11.5 - 10.0) + (23.0 - 20.0)
    assert cell["steps_per_s"] == 3 / training_s
    assert cell["samples_per_s"] == 24 / training_s
    assert cell["network_kbit_per_s"] == pytest.approx((1500 + 1500 + 600) * 8e-3 / (0.3 + 0.5 + 0.4))
    assert math.isnan(cell["step_p95_s"]), "three steps have no 95th percentile"


def test_a_run_without_the_newer_columns_is_read_and_has_none_of_their_numbers(make_run: MakeRun) -> None:
    run = make_run("quick", {}, repeats=1)
    before = load(run).cells.iloc[0]
    without(one_attempt(run) / "steps.csv", "between_s", "cpu_s")
    rounds = ("training_s", "workers_s", "unexplained_s", "clients_cpu_s", "main_server_cpu_s", "fed_server_cpu_s")
    without(one_attempt(run) / "rounds.csv", *rounds)
    without(one_attempt(run) / "clients.csv", "span_s", "swap_s", "push_s", "pull_s", "wait_s", "end_round_s")
    after = load(run).cells.iloc[0].reindex(before.index)
    gone = [name for name in before.index if after[[name]].isna().all() and before[[name]].notna().all()]
    cpu = ["clients_cpu_s", "fed_server_cpu_s", "main_server_cpu_s"]
    assert sorted(gone) == [*cpu, "swap_share", "typical_between_steps_s", "unexplained_share"]
    assert (after["step_p50_s"], after["straggler_ratio"]) == (before["step_p50_s"], before["straggler_ratio"])
    assert after["workers_used"] == 2


def test_memory_of_a_warm_process_is_that_of_other_cells_and_not_told(make_run: MakeRun) -> None:
    names = ["peak_rss_bytes", "clients_rss_bytes", "main_server_rss_bytes", "fed_server_rss_bytes"]
    fresh = load(make_run("fresh", {}, repeats=1)).cells.iloc[0]
    warm = load(make_run("warm", {}, repeats=1, base={"isolation": "sweep"})).cells.iloc[0]
    assert fresh[names[:2]].tolist() == [404_000_000.0, 404_000_000.0 + 402_000_000.0]
    assert [name for name in names if name in warm and warm[[name]].notna().all()] == []


def test_step_statistics_are_of_the_most_frequent_batch_size(make_run: MakeRun) -> None:
    run = make_run("quick", {}, repeats=1)
    (one_attempt(run) / "steps.csv").write_text(STEPS)
    cell = load(run).cells.iloc[0]
    assert cell["step_p50_s"] == 1.0  # not of 1.0, 1.0 and 3.0
    assert cell["server_compute_p50_s"] == pytest.approx(0.2)  # of 0.1 and 0.3; with the smaller batch 0.2 too
    assert cell["uplink_bytes_per_step"] == 1000
    assert (cell["common_batch"], cell["common_batch_share"], cell["largest_batch"]) == (10, 2 / 3, 10)


def test_loss_curve_is_the_mean_of_clients_and_ends_where_the_loss_diverges(make_run: MakeRun) -> None:
    run = make_run("quick", {}, repeats=1)
    (one_attempt(run) / "steps.csv").write_text(STEPS)
    curve = load(run).curve
    assert list(curve["step"]) == [0, 1]
    assert list(curve["loss"]) == [3.0, 1.5]


def test_axes_are_the_parameters_that_vary_in_a_sensible_order(make_run: MakeRun) -> None:
    run = make_run(
        "quick", {"clients": [3, 2], "cut_layer": ["pool1", "dense1"], "aggregation": [False, True]}, repeats=1
    )
    assert load(run).axes == {"clients": (2, 3), "cut_layer": ("pool1", "dense1"), "aggregation": ("on", "off")}


def test_several_runs_are_an_axis_and_keep_their_own_axes(make_run: MakeRun) -> None:
    both = load(make_run("base", {"clients": [2, 3]}, repeats=1), make_run("head", {"batch_size": [16, 32]}, repeats=1))
    assert both.axes == {"run": ("base", "head"), "clients": (2, 3), "batch_size": (16, 32)}
    assert len(both.ok) == 4


def test_running_totals_count_steps_and_aggregation(make_run: MakeRun) -> None:
    run = make_run("quick", {}, repeats=1)
    rounds = load(run).rounds
    steps = load(run).steps("started_s", "warmup")
    expected = (
        rounds[["uplink_bytes", "downlink_bytes", "aggregation_uplink_bytes", "aggregation_downlink_bytes"]]
        .to_numpy()
        .sum()
    )
    assert rounds["total_bytes"].iloc[-1] == expected
    warm_up_s = steps[~steps["warmup"]]["started_s"].min()
    assert warm_up_s > 0
    assert rounds["elapsed_s"].iloc[-1] == pytest.approx(rounds["round_s"].sum() - warm_up_s)


def test_a_failed_repeat_is_named_and_left_out(make_run: MakeRun) -> None:
    run = make_run("quick", failed=lambda config, repeat: "client 1 died" if repeat and config["aggregation"] else None)
    results = load(run)
    assert len(results.cells) == 4
    assert len(results.ok) == 3
    assert [problem.what for problem in results.problems] == ["failed: client 1 died"]


def test_only_failed_cells_are_an_error_that_gives_the_reason(make_run: MakeRun) -> None:
    run = make_run("quick", failed=lambda *_: "no memory")
    with pytest.raises(DataError, match=r"no cell has usable rows .*failed: no memory") as caught:
        load(run)
    assert caught.value.exit_code == 3


def test_a_path_that_is_no_run_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(NotARunError, match=r"neither plan.json nor cells/") as caught:
        load(tmp_path)
    assert caught.value.exit_code == 2
    with pytest.raises(NotARunError, match="is not a directory"):
        load(tmp_path / "nowhere")


def test_newest_run_is_the_one_changed_last(make_run: MakeRun) -> None:
    old, new = make_run("old", {}, repeats=1), make_run("new", {}, repeats=1)
    assert newest_run(new.parent) == new
    (old / "summary.csv").write_text("")
    assert newest_run(new.parent) == old


def broken(run: Path, name: str, change: Callable[[bytes], bytes]) -> list[str]:
    path = one_attempt(run) / name
    path.write_bytes(change(path.read_bytes()))
    return [problem.what for problem in load(run).problems]


def test_a_truncated_file_is_shown_without_its_broken_line(make_run: MakeRun) -> None:
    message = broken(make_run("quick", repeats=1), "steps.csv", lambda content: content[:-60])
    assert message == [
        "steps.csv has 1 broken line(s), left out",
        "steps.csv differs from the hash in its manifest: truncated or changed since",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", f"steps.csv has no column {NEEDED}; it is not a file of this schema"),
        (b"a,b\n1,2\n", f"steps.csv has no column {NEEDED}; it is not a file of this schema"),
        (
            b"\xff\xfe",
            "steps.csv cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
    ],
)
def test_a_foreign_file_is_named_and_the_rest_is_shown(make_run: MakeRun, content: bytes, message: str) -> None:
    assert message in broken(make_run("quick", repeats=1), "steps.csv", lambda _: content)


def test_text_where_a_number_belongs_is_named(make_run: MakeRun) -> None:
    message = broken(make_run("quick", repeats=1), "steps.csv", lambda content: content.replace(b",false,", b",maybe,"))
    assert "CSV conversion error to bool: invalid value 'maybe'" in message[0]


def test_zero_steps_are_named(make_run: MakeRun) -> None:
    message = broken(make_run("quick", repeats=1), "steps.csv", lambda content: content.splitlines(keepends=True)[0])
    assert "has no steps: step times and rates are missing" in message


def test_an_older_schema_is_read_without_the_newer_columns(make_run: MakeRun) -> None:
    run = make_run("quick", repeats=1)
    path = one_attempt(run) / "rounds.csv"
    path.write_text("round,train_loss,round_s\n1,2.0,0.5\n2,1.0,0.5\n")
    results = load(run)
    assert any("is of an older schema, without eval_loss" in problem.what for problem in results.problems)
    assert results.ok["final_train_loss"].max() == 1.0


def test_a_nan_loss_is_told_as_diverged(make_run: MakeRun) -> None:
    run = make_run("quick", repeats=1)
    path = one_attempt(run) / "rounds.csv"
    header, *lines = path.read_text().splitlines()
    fields = lines[-1].split(",")
    fields[3] = "nan"
    path.write_text("\n".join([header, *lines[:-1], ",".join(fields)]) + "\n")
    assert "the training loss is not a number: the cell diverged" in [problem.what for problem in load(run).problems]


def test_an_unfinished_attempt_and_a_broken_manifest_are_named(make_run: MakeRun) -> None:
    run = make_run("quick", {"clients": [2, 3]}, repeats=1)
    first, second = sorted(run.glob("cells/*/r0"))
    (first / "manifest.json").unlink()
    manifest = json.loads((second / "manifest.json").read_text())
    del manifest["facts"], manifest["files"]
    (second / "manifest.json").write_text(json.dumps(manifest))
    message = [problem.what for problem in load(run).problems]
    assert message == ["not finished: it has no manifest.json", "1 of 2 planned repeats of cells have no result yet"]


@pytest.mark.parametrize(
    ("file", "name", "wrong", "message"),
    [
        ("plan.json", "repeats", "x", "plan.json: 'repeats' is not a whole number; ignored"),
        ("plan.json", "cells", {"a": 1}, "plan.json: 'cells' is not a list; ignored"),
        ("plan.json", "cells", [1, {"cell_id": 2}], ""),
        ("env/*.json", "versions", "x", ".json: 'versions' is not an object; ignored"),
        ("env/*.json", "app", [1], ".json: 'app' is not an object; ignored"),
        ("env/*.json", "cores", None, ""),
        ("cells/*/r0/manifest.json", "files", "x", "manifest.json: 'files' is not an object; ignored"),
        ("cells/*/r0/manifest.json", "conditions", {"before": 1}, ""),
    ],
)
def test_entries_of_another_type_are_named_and_the_rest_is_shown(
    make_run: MakeRun, file: str, name: str, wrong: object, message: str
) -> None:
    run = make_run("mangled", {}, repeats=1)
    path = next(run.glob(file))
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: wrong}))
    results = load(run)
    assert len(results.ok) == 1
    assert message in "; ".join(f"{problem.where.partition(': ')[2]}: {problem.what}" for problem in results.problems)
    assert [cell.cell_id for cell in read_run(run).cells] == [results.ok["cell_id"].iloc[0]]
    assert len(entries_of(run)) == 1
