import csv
import io
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.results.load import load
from benchmarks.runner import CellRun
from benchmarks.store.cell_writer import CellSink
from benchmarks.store.summary_file import Tally, summary_csv
from splitfed_core.records.manifest import Facts, Manifest
from splitfed_core.records.rows import CellSummary, columns


def tally(rows: SimpleNamespace, run: CellRun, rounds: int = 2) -> Tally:
    tally = Tally()
    for number in range(rounds):
        tally.add(*rows.one_round(run, number))
    return tally


def test_rates_leave_warm_up_and_the_time_between_rounds_out(rows: SimpleNamespace, cell_run: CellRun) -> None:
    summary = tally(rows, cell_run).summary("ok", 1.5)
    wall = (0.018 - 0.010) + (0.038 - 0.020)  # round 0: step 1 alone is measured; round 1: steps 2 and 3
    assert summary.steps == 8
    assert summary.steps_per_s == pytest.approx(6 / wall)
    assert summary.samples_per_s == pytest.approx(24 / wall)
    assert summary.network_kbit_per_s == pytest.approx(6 * 2000 * 8 / 1000 / (6 * 0.002))
    assert (summary.status, summary.wall_s) == ("ok", 1.5)


def test_last_values_and_bytes(rows: SimpleNamespace, cell_run: CellRun) -> None:
    tallied = tally(rows, cell_run)
    tallied.add([], [], rows.round(cell_run, 2, eval_loss=None, eval_accuracy=None))
    summary = tallied.summary("ok", 1.0)
    assert summary.final_train_loss == 1 / 3
    assert (summary.final_eval_loss, summary.final_eval_accuracy) == (0.5, 0.75)
    assert summary.bytes_per_round == 12_000
    assert summary.round_p50_s == 0.03


def test_percentiles_are_those_of_numpy(rows: SimpleNamespace, cell_run: CellRun) -> None:
    tallied = Tally()
    steps = [rows.step(cell_run, 0, i, warmup=False, step_s=i / 1000, uplink_s=None) for i in range(501)]
    tallied.add(steps, [], rows.round(cell_run, 0))
    summary = tallied.summary("ok", 1.0)
    assert (summary.step_p50_s, summary.step_p95_s, summary.step_p99_s) == pytest.approx((0.25, 0.475, 0.495))
    assert (summary.uplink_p50_s, summary.network_kbit_per_s) == (None, None)


@pytest.mark.parametrize(("steps", "known"), [(99, "50"), (100, "50 95"), (499, "50 95"), (500, "50 95 99")])
def test_a_percentile_needs_five_steps_beyond_it(
    rows: SimpleNamespace, cell_run: CellRun, steps: int, known: str
) -> None:
    tallied = Tally()
    tallied.add([rows.step(cell_run, 0, i, warmup=False) for i in range(steps)], [], rows.round(cell_run, 0))
    summary = tallied.summary("ok", 1.0)
    assert " ".join(p for p in ("50", "95", "99") if getattr(summary, f"step_p{p}_s") is not None) == known


def test_memory_is_the_peak_over_all_rounds_and_known_of_fresh_processes_only(
    rows: SimpleNamespace, cell_run: CellRun
) -> None:
    for isolated, peak in ((True, 3_000_000), (False, None)):
        tallied = Tally(isolated=isolated)
        for number, rss in ((0, 2_000_000), (1, 3_000_000), (2, 1_000_000)):
            client = replace(rows.client(cell_run, 0, number), rss_bytes=rss)
            tallied.add([], [client], rows.round(cell_run, number))
        assert tallied.summary("ok", 1.0).peak_rss_bytes == peak


def test_a_cell_without_rows_has_no_numbers() -> None:
    summary = Tally().summary("failed", 0.1)
    assert (summary.steps, summary.status, summary.wall_s) == (0, "failed", 0.1)
    assert all(getattr(summary, n) is None for n in columns(CellSummary) if n not in ("steps", "status", "wall_s"))


def test_only_warm_up_steps_give_no_rate(rows: SimpleNamespace, cell_run: CellRun) -> None:
    tallied = Tally()
    tallied.add([rows.step(cell_run, 0, 0)], [], rows.round(cell_run, 0))
    summary = tallied.summary("ok", 0.1)
    assert (summary.steps, summary.steps_per_s, summary.step_p50_s) == (1, None, None)


def test_summary_csv_has_parameters_then_numbers() -> None:
    config = {"clients": 2, "aggregation": False, "partitioner": {"name": "dirichlet", "alpha": 0.3}, "order": None}
    summary = Tally().summary("ok", 0.1)
    data = summary_csv({("cell", 1): Manifest("cell", 1, "ok", config, summary=summary)}).decode()
    (line,) = csv.DictReader(io.StringIO(data))
    assert data.splitlines()[0].startswith("cell_id,repeat,dataset,")
    assert data.splitlines()[0].endswith("," + ",".join(columns(CellSummary)))
    assert (line["cell_id"], line["repeat"], line["clients"], line["aggregation"]) == ("cell", "1", "2", "false")
    assert line["partitioner"] == '{"alpha": 0.3, "name": "dirichlet"}'
    assert (line["order"], line["wall_s"], line["final_eval_accuracy"]) == ("", "0.1", "")


def test_a_report_has_the_same_numbers(tmp_path: Path, rows: SimpleNamespace, cell_run: CellRun) -> None:
    folder = tmp_path / "run/cells" / cell_run.cell_id / "r0"
    with CellSink(folder, cell_run) as sink:
        for number in range(3):
            steps, clients, row = rows.one_round(cell_run, number)
            uneven = [replace(step, step_s=step.step_s * (1 + i / 7), between_s=0.001) for i, step in enumerate(steps)]
            sink.round(uneven, clients, replace(row, training_s=0.02, workers_s=0.05, unexplained_s=0.001))
        summary = sink.finish(replace(sink.begun(), status="ok", facts=Facts(workers=2)))
    cell = load(tmp_path / "run").cells.iloc[0]
    for name in columns(CellSummary):
        here = getattr(summary, name)
        assert (here is None and math.isnan(cell[name])) or cell[name] == here, name
