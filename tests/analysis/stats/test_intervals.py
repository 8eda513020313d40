"""Intervals and paired ratios against numbers computed by hand."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.findings import findings
from analysis.findings.finding import times_faster
from analysis.report.warnings import find_warnings
from analysis.results.load import Results, load
from analysis.results.ratios import Ratio, paired_ratio
from analysis.results.run_directory import Problem
from analysis.stats.intervals import band, interval, log_band, sampling, widened

MakeRun = Callable[..., Path]


def cells(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"run": "r", "usable": True, **columns})


@pytest.fixture
def results(make_run: MakeRun) -> Results:
    """Two cuts and two batch sizes, three repeats; `a` always takes e times as long, whatever the batch."""
    loaded = load(make_run("quick", {}, repeats=1))
    grid = [(cut, batch, repeat) for cut in "ab" for batch in (1, 2) for repeat in range(3)]
    made = cells(
        cut_layer=[cut for cut, _, _ in grid],
        batch_size=[batch for _, batch, _ in grid],
        repeat=[repeat for _, _, repeat in grid],
        cell_id=[f"{cut}{batch}" for cut, batch, _ in grid],
        step_p50_s=[math.e ** (cut == "a") * batch * (1 + repeat) for cut, batch, repeat in grid],
    )
    return replace(loaded, cells=made, axes={"cut_layer": ("a", "b"), "batch_size": (1, 2)})


def test_a_t_interval_is_that_of_the_textbook() -> None:
    mean, reach = interval(np.array([1.0, 2.0, 3.0]))
    assert mean == 2
    assert reach == pytest.approx(4.302652730 / math.sqrt(3))
    assert math.isnan(interval(np.array([1.0, 2.0]))[1])


def test_a_ratio_compares_cells_that_are_alike_in_all_else(results: Results) -> None:
    ratio = paired_ratio(results, "cut_layer", "a", "b", "step_p50_s")
    assert ratio is not None
    assert [ratio.low, ratio.ratio, ratio.high] == pytest.approx([math.e] * 3)
    assert (ratio.cells, ratio.repeats) == (2, 3)
    assert paired_ratio(results, "batch_size", 2, 1, "step_p50_s").ratio == pytest.approx(2)  # type: ignore[union-attr]  # there is one, or this fails


def test_the_interval_of_a_ratio_is_that_of_the_logs_over_repeats(results: Results) -> None:
    wobble = [0.3, -0.2, 0.1]
    values = [math.exp(0.05 + wobble[repeat]) if cut == "a" else 1.0 for cut, repeat in
              zip(results.cells["cut_layer"], results.cells["repeat"], strict=True)]  # fmt: skip
    noisy = replace(results, cells=results.cells.assign(step_p50_s=values))
    ratio = paired_ratio(noisy, "cut_layer", "a", "b", "step_p50_s")
    assert ratio is not None
    mean, reach = 0.05 + sum(wobble) / 3, 4.302652730 * np.std(wobble, ddof=1) / math.sqrt(3)
    assert [ratio.low, ratio.ratio, ratio.high] == pytest.approx([math.exp(mean + by) for by in (-reach, 0, reach)])
    assert not ratio.clear
    assert not ratio.inverse().clear
    assert times_faster(ratio) == "not clearly faster or slower"
    assert [ratio.inverse().low, ratio.inverse().high] == pytest.approx([1 / ratio.high, 1 / ratio.low])


def test_without_a_pair_there_is_no_ratio(results: Results) -> None:
    frame = results.cells
    lopsided = frame[
        (frame["cut_layer"] == "a") & (frame["batch_size"] == 1)
        | (frame["cut_layer"] == "b") & (frame["batch_size"] == 2)
    ]
    assert paired_ratio(replace(results, cells=lopsided), "cut_layer", "a", "b", "step_p50_s") is None


def test_steps_of_one_repeat_are_no_repeats() -> None:
    frame = pd.DataFrame({"run": "r", "repeat": [0] * 9, "round": [1] * 9, "y": range(9)})
    assert band(frame, "round", "y")["low"].isna().all()


def test_a_band_on_a_logarithmic_axis_stays_positive() -> None:
    frame = pd.DataFrame({"run": "r", "repeat": [0, 1, 2], "round": 1, "y": [0.01, 0.1, 1.0]})
    stats = log_band(frame, "round", "y").iloc[0]
    assert stats["mean"] == pytest.approx(0.1)
    assert stats["low"] > 0
    assert stats["low"] * stats["high"] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("ratio", "low", "high", "words"),
    [
        (2.13, 1.9, 2.4, "2.13× faster"),
        (0.5, 0.4, 0.6, "2× slower"),
        (1.05, 1.02, 1.08, "5 % faster"),
        (1.05, 0.9, 1.2, "not clearly faster or slower"),
        (1.05, math.nan, math.nan, "not clearly faster or slower"),
        (1.5, math.nan, math.nan, "1.5× faster"),
    ],
)
def test_faster_is_said_only_when_it_is_clear(ratio: float, low: float, high: float, words: str) -> None:
    assert times_faster(Ratio(ratio, low, high, cells=4, repeats=3)) == words


def test_findings_are_computed_from_the_data(grid_run: Path) -> None:
    results = load(grid_run)
    lines = " ".join(finding.headline for finding in findings(results))
    uplink = results.ok.groupby("cut_layer")["uplink_bytes_per_step"].mean()
    assert f"Cut dense1 sends {uplink['conv1'] / uplink['dense1']:.1f}× fewer bytes up per step than cut conv1" in lines
    best = results.ok.groupby("cell_id")["samples_per_s"].mean().max()
    assert f"with {best:,.0f} samples/s" in lines
    assert "linear would be 2×" in lines


def test_warnings_name_failures_few_repeats_and_drift(make_run: MakeRun) -> None:
    def failed(config: dict[str, object], repeat: int) -> str | None:
        return "no memory" if repeat and config["aggregation"] else None

    results = load(make_run("quick", base={"clients": 2}, failed=failed))
    drifting = replace(results, cells=results.cells.assign(reference_task_s=[0.010, 0.010, 0.012, 0.010]))
    warnings = {warning.title: warning for warning in find_warnings(drifting)}
    assert list(warnings) == ["1 of 4 attempts have no results.", "The machine was not steady.", "Few repeats."]
    assert warnings["1 of 4 attempts have no results."].details[0].what == "failed: no memory"
    assert "up to 20 % longer" in warnings["The machine was not steady."].text


def test_what_the_sweep_warned_of_in_the_data_is_told_once_with_its_attempts(make_run: MakeRun) -> None:
    run = make_run("run", {"clients": [2]}, repeats=2)
    for path in run.glob("cells/*/*/manifest.json"):
        manifest = json.loads(path.read_text())
        empty = ["2 of 20 clients got no examples"] if path.parent.name == "r1" else []
        path.write_text(json.dumps(manifest | {"data_warnings": ["accuracy is measured on 4 test examples", *empty]}))
    warnings = {warning.title: warning for warning in find_warnings(load(run))}
    details = warnings["The data may make the results mean less than they seem to."].details
    assert [(d.where.rpartition(" ")[2], d.what) for d in details] == [
        ("attempts", "accuracy is measured on 4 test examples"),
        ("r1", "2 of 20 clients got no examples"),
    ]


def test_two_codes_in_a_run_are_a_warning(make_run: MakeRun) -> None:
    run = make_run("two", repeats=2)
    for number, path in enumerate(sorted(run.glob("cells/*/*/manifest.json"))):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"code": {"sfbench": str(number % 2)}}))
    (warning,) = [c for c in find_warnings(load(run)) if c.title == "Measured with more than one version of the code."]
    assert warning.details == (Problem("run two", "2 states of sfbench"),)
    other = make_run("one", repeats=2)  # several runs may well be of several codes: that is what is shown
    assert "Measured with more than one version of the code." not in [c.title for c in find_warnings(load(other))]


T_2, T_3 = 4.302652730, 3.182446305  # 97.5 % quantiles of Student's t with 2 and 3 degrees of freedom


@pytest.mark.parametrize(
    ("values", "mean", "reach"),
    [
        ([], math.nan, math.nan),
        ([7.0], 7, math.nan),
        ([1.0, 3.0], 2, math.nan),
        ([1.0, 2.0, 6.0], 3, T_2 * math.sqrt(7 / 3)),
        ([1.0, 2.0, 3.0, 6.0], 3, T_3 * math.sqrt(14 / 3) / 2),
    ],
)
def test_a_mean_has_an_interval_from_three_values(values: list[float], mean: float, reach: float) -> None:
    assert interval(np.array(values)) == pytest.approx((mean, reach), nan_ok=True)


def test_the_sampling_variance_of_an_accuracy_is_that_of_a_binomial_share() -> None:
    assert sampling([0.5, 0.8, 0.8, 1.0], [100, 10, math.nan, 10]) == pytest.approx([0.0025, 0.016, 0, 0])


def test_an_independent_source_of_variance_adds_in_squares() -> None:
    assert widened([3.0, 3.0, 0.0], [0.0, 4.0, 0.25]) == pytest.approx([3, math.hypot(3, 2 * 1.959964), 1.959964 / 2])


@pytest.mark.parametrize(
    ("values", "reach"),
    [
        ([1.0, 3.0], math.nan),
        ([1.0, 2.0, 6.0], T_2 * math.sqrt(7 / 3)),
        ([1.0, 2.0, 3.0, 6.0], T_3 * math.sqrt(14 / 3) / 2),
    ],
)
def test_a_band_is_the_interval_at_each_point(values: list[float], reach: float) -> None:
    points = [{"run": "r", "repeat": n, "round": 1, "y": y + by} for n, y in enumerate(values) for by in (-0.5, 0.5)]
    at = band(pd.DataFrame(points), "round", "y").iloc[0]
    mean = float(np.mean(values))
    assert [at["mean"], at["low"], at["high"]] == pytest.approx([mean, mean - reach, mean + reach], nan_ok=True)


def test_the_interval_of_a_ratio_of_accuracies_holds_what_test_examples_decide(results: Results) -> None:
    """Relative variances of 0.8 and 0.4 on 100 examples: 0.2 ÷ 80 and 0.6 ÷ 40; the repeats all agree."""
    accuracy = np.where(results.cells["cut_layer"] == "a", 0.8, 0.4)
    examples = np.where(results.cells["batch_size"] == 1, 100, 400)  # the fewest count
    tested = replace(results, cells=results.cells.assign(final_eval_accuracy=accuracy, test_examples=examples))
    ratio = paired_ratio(tested, "cut_layer", "a", "b", "final_eval_accuracy")
    assert ratio is not None
    reach = 1.959964 * math.sqrt(0.2 / 80 + 0.6 / 40)
    assert [ratio.low, ratio.ratio, ratio.high] == pytest.approx([2 * math.exp(by * reach) for by in (-1, 0, 1)])


def test_where_nothing_else_varies_one_pair_of_cells_is_compared(results: Results) -> None:
    alone = replace(results, cells=results.cells[results.cells["batch_size"] == 1], axes={"cut_layer": ("a", "b")})
    ratio = paired_ratio(alone, "cut_layer", "a", "b", "step_p50_s")
    assert ratio is not None
    assert (ratio.cells, ratio.repeats) == (1, 3)


def test_what_is_not_positive_makes_no_ratio_and_is_left_out(results: Results) -> None:
    small = results.cells["step_p50_s"] / 1000
    ratio = paired_ratio(
        replace(results, cells=results.cells.assign(step_p50_s=small)), "cut_layer", "a", "b", "step_p50_s"
    )
    assert ratio is not None
    assert ratio.ratio == pytest.approx(math.e)
    assert ratio.repeats == 3
    for broken in (0.0, -0.5):
        gone = results.cells.assign(step_p50_s=small.where(results.cells["repeat"] != 1, broken))
        ratio = paired_ratio(replace(results, cells=gone), "cut_layer", "a", "b", "step_p50_s")
        assert ratio is not None
        assert ratio.ratio == pytest.approx(math.e)
        assert (ratio.cells, ratio.repeats) == (2, 2)


def test_a_ratio_says_what_it_rests_on() -> None:
    assert (
        Ratio(2, 1.5, 2.5, cells=2, repeats=3).sure() == "95 % interval 1.5–2.5×, from 2 pairs of cells and 3 repeats"
    )
    few = Ratio(2, math.nan, math.nan, cells=1, repeats=1)
    assert few.sure() == "from 1 pair of cells and 1 repeat, too few for an interval"
    assert [Ratio(2, low, high, 1, 3).clear for low, high in ((1, 3), (1.01, 3), (0.5, 1), (0.5, 0.99))] == [
        False,
        True,
    ] * 2
    assert Ratio(2, 1.5, 2.5, 2, 3).inverse() == Ratio(0.5, 0.4, 2 / 3, 2, 3)


def test_runs_are_compared_with_each_other_unless_a_metric_was_redefined(make_run: MakeRun) -> None:
    one, two = make_run("one", {"clients": [2, 3]}, repeats=3), make_run("two", {"clients": [2, 3]}, repeats=3)
    loaded = load(one, two)
    timed = loaded.cells.assign(step_p50_s=np.where(loaded.cells["run"] == "two", 0.75, 0.25))
    ratio = paired_ratio(replace(loaded, cells=timed), "run", "two", "one", "step_p50_s")
    assert ratio is not None
    assert (round(ratio.ratio, 12), ratio.cells, ratio.repeats) == (3, 2, 3)
    for path in two.glob("cells/*/*/manifest.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"definitions": {"step_p50_s": 77}}))
    redefined = replace(load(one, two), cells=timed)
    assert paired_ratio(redefined, "run", "two", "one", "step_p50_s") is None
    assert paired_ratio(redefined, "clients", 3, 2, "step_p50_s") is not None


def test_cells_of_several_runs_are_paired_within_their_run(results: Results) -> None:
    """`a` takes twice as long in one run, and eight times in the other, which is slower altogether."""
    times = {("r", "a"): 2.0, ("r", "b"): 1.0, ("s", "a"): 800.0, ("s", "b"): 100.0}
    runs = pd.concat([results.cells, results.cells.assign(run="s")], ignore_index=True)
    runs["step_p50_s"] = [times[key] for key in zip(runs["run"], runs["cut_layer"], strict=True)]
    both = replace(results, cells=runs, axes={**results.axes, "run": ("r", "s")})
    ratio = paired_ratio(both, "cut_layer", "a", "b", "step_p50_s")
    assert ratio is not None
    assert (round(ratio.ratio, 12), ratio.cells, ratio.repeats) == (4, 2, 6)
