"""Who is fastest over which link, what codecs save, and below which bandwidth they pay: worked out by hand."""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.deployment.break_even import break_evens, compression
from analysis.deployment.emulated import clients_by_kind, condition_word, link_rates, mixed_fleets, predicted_steps
from analysis.deployment.race import conditions_of, race, times_of
from analysis.figures import FIGURES
from analysis.figures.deployment import prediction_error
from analysis.figures.roles import Choice
from analysis.findings.deployment import codec_by_link, codec_pays, cut_by_link
from analysis.report.report import report
from analysis.report.tables import break_even_rows, break_even_to_csv
from analysis.report.warnings import find_warnings
from analysis.results.load import Results, load
from tests.analysis.emulated_run import write_emulated_run
from tests.analysis.figures.test_figures import check_layout

LTE = {"link": {"name": "lte"}, "cut_layer": "dense1"}
MIX = {"name": "mix", "of": {"lte": 0.5, "wifi": 0.5}}
Make = Callable[..., Results]


@pytest.fixture
def emulated(tmp_path: Path) -> Make:
    def make(axes: dict[str, list[Any]], **options: Any) -> Results:
        return load(write_emulated_run(tmp_path / "run", axes, **options))

    return make


@pytest.fixture
def by_cut(emulated: Make) -> Results:
    return emulated({"link": ["lan_1gbit", "lte"], "cut_layer": ["conv1", "dense1"]})


@pytest.fixture
def by_codec(emulated: Make) -> Results:
    return emulated({"codec": ["raw", "int8", "memcpy", "zstd"]}, base=LTE)


def runners(times: pd.DataFrame) -> list[tuple[object, str]]:
    return [(one.choice, one.verdict) for one in race(times, "cut_layer", ["conv1", "dense1"], [])]


def test_the_cut_that_sends_less_is_clearly_the_fastest_over_a_slow_link(by_cut: Results) -> None:
    steps = dict(conditions_of(times_of(by_cut, "step_p50_s"), "link", by_cut.axes["link"]))
    late, early = (one.ratio for one in race(steps["lte"], "cut_layer", ["dense1", "conv1"], []))
    assert [late, early] == pytest.approx([1, (0.0128 + 0.07 + 0.84) / (0.0128 + 0.07 + 0.042)])
    assert runners(steps["lte"]) == [("conv1", "slower"), ("dense1", "fastest")]


def test_it_is_not_clear_who_is_fastest_where_the_interval_holds_both(by_cut: Results) -> None:
    times = times_of(by_cut, "step_p50_s")
    times["time_s"] = [{0: 0.9, 1: 1.0, 2: 1.2}[repeat] for repeat in times["repeat"]]
    times.loc[times["cut_layer"] == "dense1", "time_s"] = 1.0
    assert runners(times) == [("conv1", "tied"), ("dense1", "tied")]


def test_a_choice_that_never_gets_there_is_neither_fast_nor_slow(by_cut: Results) -> None:
    times = times_of(by_cut, "step_p50_s")
    times.loc[times["cut_layer"] == "dense1", "time_s"] = math.nan
    assert runners(times) == [("conv1", "tied"), ("dense1", "never")]


def test_a_step_is_predicted_but_for_what_the_link_does_not_explain(by_cut: Results) -> None:
    predicted = predicted_steps(by_cut)
    first = predicted[predicted["repeat"] == 0].set_index(["link", "cut_layer"])
    assert first.loc[("lte", "dense1"), "measured_s"] == pytest.approx(0.0128 + 0.07 + 0.042)
    gap = first["measured_s"] - first["predicted_s"]
    assert gap.tolist() == pytest.approx([4e-4] * 4)  # 0.2 ms each way
    assert prediction_error(predicted) == "rings: predictions, off by 1.1 % in the median, 3.0 % at most"


def test_clients_of_a_mix_are_told_apart_by_their_own_link(emulated: Make) -> None:
    mixed = mixed_fleets(emulated({"link": ["lte", MIX]}, base={"clients": 4, "cut_layer": "conv1"}))
    assert set(mixed.ok["link"]) == {"50 % lte, 50 % wifi"}
    kinds = clients_by_kind(mixed)
    assert kinds.groupby(["repeat", "kind"])["client_id"].nunique().tolist() == [2] * 6
    took = kinds[kinds["repeat"] == 0].groupby("kind")["local_s"].median()
    up_and_down = 8e-6 * 1.05 * 600_000
    assert took.tolist() == pytest.approx(
        [6 * (0.0128 + 0.07 + 2 * up_and_down / 12), 6 * (0.0128 + 0.002 + up_and_down * (1 / 33 + 1 / 40))],
    )
    check_layout(FIGURES["fleets"].draw(mixed, Choice()))


def test_a_codec_pays_below_its_saved_bits_over_its_time_always_or_never(by_codec: Results) -> None:
    int8, memcpy, zstd = break_evens(by_codec)
    assert (int8.saved_bytes, int8.pays) == (22_500, "below")
    assert int8.bits_per_s == pytest.approx(8 * 22_500 / 4e-4)  # 2 × (0.3 − 0.1) ms: 450 Mbit/s
    assert int8.low < int8.bits_per_s < int8.high
    assert (memcpy.pays, memcpy.bits_per_s, memcpy.saved_bytes) == ("always", math.inf, 15_000)
    assert (zstd.pays, zstd.bits_per_s, zstd.saved_bytes) == ("never", 0, -300)


def test_compression_is_of_all_bytes_of_a_round(by_codec: Results) -> None:
    rounds = by_codec.rounds
    smaller = compression(by_codec, "codec").groupby("codec")["times"].mean()
    sent = rounds.groupby("codec")["round_bytes"].mean()
    assert smaller["raw"] == 1
    assert sent["raw"] - sent["int8"] == 3 * 6 * 22_500
    assert smaller["int8"] == pytest.approx(sent["raw"] / sent["int8"])


def test_findings_say_who_wins_where_and_what_pays(by_cut: Results) -> None:
    cut = cut_by_link(by_cut)
    assert cut is not None
    assert cut.headline == (
        "By the time of a round, over lte dense1 beats conv1 7.36×; over lan_1gbit dense1 beats conv1 1.68×."
    )
    assert codec_by_link(by_cut) is codec_pays(by_cut) is None


def test_findings_say_which_codec_is_first_and_below_which_bandwidth_it_pays(by_codec: Results) -> None:
    first, pays = codec_by_link(by_codec), codec_pays(by_codec)
    assert first is not None
    assert pays is not None
    assert first.headline == (
        "Over lte int8 reaches 97 % 1.14× sooner than raw and costs no accuracy that could be told from chance."
    )
    assert pays.headline == (
        "On this device, memcpy (uplink) always pays; int8 (uplink) pays below 450 Mbit/s (95 % interval 448 Mbit/s to "
        "452 Mbit/s); zstd (uplink) never pays."
    )


def test_no_finding_averages_over_cells_with_different_winners(emulated: Make) -> None:
    results = emulated({"link": ["lte"], "cut_layer": ["conv1", "dense1"], "algorithm": ["sflv1", "sflv2"]})
    assert cut_by_link(results) is not None
    swapped = results.cells["cut_layer"].map({"conv1": "dense1", "dense1": "conv1"})
    results.cells["cut_layer"] = results.cells["cut_layer"].where(results.cells["algorithm"] == "sflv1", swapped)
    assert cut_by_link(results) is None


def test_break_evens_are_written_as_tables_and_on_the_page(by_codec: Results, tmp_path: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(break_even_to_csv(by_codec))))
    assert [(line["codec"], line["saved_bytes"], line["pays"]) for line in lines] == [
        ("int8", "22500.0", "below"), ("memcpy", "15000.0", "always"), ("zstd", "-300.0", "never")
    ]  # fmt: skip
    assert [row[5:] for row in break_even_rows(by_codec)] == [
        ["450 Mbit/s", "448 Mbit/s to 452 Mbit/s"], ["always", "–"], ["never", "–"]
    ]  # fmt: skip
    report([tmp_path / "run"], tmp_path / "out", formats=["png"])
    assert (tmp_path / "out/tables/break_even.csv").read_text() == break_even_to_csv(by_codec)
    assert r"450 Mbit/s & 448 Mbit/s to 452 Mbit/s \\" in (tmp_path / "out/tables/break_even.tex").read_text()
    assert "450 Mbit/s" in (tmp_path / "out/index.html").read_text()
    assert "450 Mbit/s" in (tmp_path / "out/summary.md").read_text()


@pytest.mark.parametrize("name", ["codec_map", "codecs", "break_even"])
def test_nothing_overlaps_in_figures_of_codecs(by_codec: Results, name: str) -> None:
    check_layout(FIGURES[name].draw(by_codec, Choice()))


@pytest.mark.parametrize("name", ["link_map", "link_times"])
def test_nothing_overlaps_in_figures_of_links(by_cut: Results, name: str) -> None:
    figure = FIGURES[name].draw(by_cut, Choice())
    check_layout(figure)
    assert "lte" in {label.get_text() for axes in figure.axes for label in axes.get_xticklabels()}


def test_rates_of_links_are_in_order_of_speed(by_cut: Results) -> None:
    assert link_rates(by_cut, "uplink") == {"lte": 12e6, "lan_1gbit": 1e9}
    assert condition_word(by_cut, "link", "lte") == "lte"


def test_an_old_run_without_links_codecs_and_lateness_is_read(grid_run: Path) -> None:
    results = load(grid_run)
    gone = ["link", "server_link", "device", "server_slowdown", "codec", "late", "late_share"]
    results = replace(results, cells=results.cells.drop(columns=gone, errors="ignore"))
    assert cut_by_link(results) is codec_by_link(results) is codec_pays(results) is None
    assert break_even_rows(results) == []
    assert all("Emulated" not in str(warning) for warning in find_warnings(results))
