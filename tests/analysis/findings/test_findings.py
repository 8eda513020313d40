"""Findings and warnings that stand above all: data sets apart, crowded workers, few test examples."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.figures import FIGURES, facets
from analysis.figures.roles import Choice
from analysis.findings import findings
from analysis.report.tables import table
from analysis.report.warnings import find_warnings
from analysis.results.load import Results, load
from analysis.stats.intervals import interval, sampling, widened

MakeRun = Callable[..., Path]
Made = Callable[..., Results]

NAN = float("nan")


def test_data_sets_are_never_compared_with_one_another(made: Made) -> None:
    """Three rows of a CSV are trained in no time; that makes no cell of digits slower."""
    rates = {"digits": {1: 100.0, 2: 150.0}, "csv(rows.csv)": {1: 9000.0, 2: 8000.0}}
    results = made(
        {"dataset": ("digits", "csv(rows.csv)"), "clients": (1, 2)},
        samples_per_s=lambda c: rates[c["dataset"]][c["clients"]],
    )
    headlines = [found.headline for found in findings(results) if "astest" in found.headline]
    assert headlines == [
        "On digits: Fastest: 2 clients with 150 samples/s, 1.5× the slowest cell.",
        "On csv(rows.csv): Fastest: 1 client with 9,000 samples/s, 1.12× the slowest cell.",
    ]


def test_more_clients_than_workers_is_a_caution_and_stands_above_times(make_run: MakeRun) -> None:
    """The synthetic runs have two workers."""
    results = load(make_run("quick", {"clients": [2, 4]}, repeats=1))
    texts = {warning.title: warning.text for warning in find_warnings(results)}
    assert texts["More clients than workers."].startswith("Clients took turns in fewer processes (4 in 2): latency")
    for name in ("effects", "phases", "latency", "speed", "stragglers"):
        title = FIGURES[name].draw(results, Choice()).get_suptitle()
        assert "clients in fewer workers (4 in 2): latency, queue and stragglers are those of the host" in title
    alone = results.where(~results.cells["crowded"])
    assert "More clients than workers." not in {warning.title for warning in find_warnings(alone)}
    assert "host" not in FIGURES["latency"].draw(alone, Choice()).get_suptitle()
    assert [cell.values["workers_used"] for cell in table(results).cells] == [2, 2]


def test_batches_that_no_client_can_fill_are_a_warning(made: Made) -> None:
    share = {32: 0.8, 64: 0.6}
    results = made(
        {"batch_size": (32, 64)}, largest_batch=lambda _: 40.0, common_batch_share=lambda c: share[c["batch_size"]]
    )
    results = replace(results, cells=results.cells.assign(env="e", reference_task_s=NAN))
    (warning,) = [warning for warning in find_warnings(results) if warning.title == "Batches larger than every shard."]
    assert [(d.where, d.what) for d in warning.details] == [("batch 64", "64, but the largest had 40")]
    texts = {warning.title: warning.text for warning in find_warnings(results)}
    assert texts["Batches of different sizes."].endswith("in at least one cell that is 60 % of the steps.")
    mostly = results.where(results.cells["batch_size"] == 32)
    assert "Batches of different sizes." not in {warning.title for warning in find_warnings(mostly)}


def test_accuracy_of_few_test_examples_is_unsure_however_many_repeats_agree() -> None:
    assert float(widened(0.0, sampling(0.9, 100))) == pytest.approx(1.959964 * 0.03)
    assert float(widened(0.04, sampling(0.9, math.nan))) == pytest.approx(0.04)
    assert float(widened(0.03, 2 * sampling(0.5, 10_000))) == pytest.approx(math.hypot(0.03, 1.959964 * 0.005 * 2**0.5))


def test_the_band_of_an_accuracy_holds_what_other_test_examples_would_change(grid_run: Path) -> None:
    loaded = load(grid_run)
    results = replace(loaded, cells=loaded.cells.assign(test_examples=10.0))
    figure = FIGURES["learning"].draw(results, Choice())
    assert "accuracy on 10 test examples" in figure.get_suptitle()
    where = {"clients": 2, "cut_layer": "conv1", "aggregation": "on", "done": 1}
    mean, reach = interval(facets.only(results.rounds, where)["eval_accuracy"].to_numpy(dtype=float))
    low = mean - math.hypot(reach, 1.959964 * math.sqrt(mean * (1 - mean) / 10))
    drawn = np.asarray(figure.axes[0].collections[0].get_paths()[0].vertices, dtype=float)
    assert drawn[drawn[:, 0] == 1, 1].min() == pytest.approx(100 * low)
