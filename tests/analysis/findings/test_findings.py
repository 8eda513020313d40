"""Each finding's sentence, from few cells with numbers that are worked out by hand."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.figures import FIGURES, facets
from analysis.figures.roles import Choice
from analysis.findings import choices, findings, time, winners
from analysis.findings.finding import Finding
from analysis.report.tables import table
from analysis.report.warnings import find_warnings
from analysis.results.attempt_summary import FRAMES
from analysis.results.axes import Axes
from analysis.results.link_prediction import LINKS
from analysis.results.load import Results, load
from analysis.results.pareto_front import front_of
from analysis.stats.intervals import interval, sampling, widened
from analysis.text.parameters import Names
from splitfed_core.records.metrics import METRICS
from splitfed_core.records.rows import PHASES

MakeRun = Callable[..., Path]
Made = Callable[..., Results]

NAN = float("nan")
UNKNOWN = dict.fromkeys([*METRICS, "swap_share", "straggler_ratio", "test_examples", "largest_batch"], NAN)
KNOWN = {"participants": 3, "workers_used": 3.0, "crowded": False, "dataset": "digits", "algorithm": "sflv2"}


@pytest.fixture
def made(make_run: MakeRun) -> Made:
    """Make results of all combinations of axes with three repeats: `made({"clients": (1, 2)}, steps=lambda c: …)`."""
    loaded = load(make_run("quick", {}, repeats=1))

    def make(axes: Axes, repeats: int = 3, **columns: Callable[[dict[str, Any]], Any]) -> Results:
        cells = []
        for values in itertools.product(*axes.values(), range(repeats)):
            cell: dict[str, Any] = {**UNKNOWN, **KNOWN, **dict(zip((*axes, "repeat"), values, strict=True))}
            cell |= {"run": "r", "cell_id": "-".join(map(str, values[:-1])), "usable": True}
            cells.append(cell | {name: column(cell) for name, column in columns.items()})
        changed: dict[str, Any] = {name: pd.DataFrame(columns=["run", "cell_id", "repeat"]) for name in FRAMES}
        changed |= {"cells": pd.DataFrame(cells), "axes": axes, "palette": axes, "names": Names()}
        return replace(loaded, **changed)

    return make


def told(finding: Finding | None) -> tuple[str, str]:
    assert finding is not None
    return finding.headline, finding.sure


def test_the_fastest_cell_is_named_where_most_resamples_agree(made: Made) -> None:
    results = made({"clients": (1, 2)}, samples_per_s=lambda c: 100 * c["clients"] + c["repeat"])
    headline, sure = told(winners.fastest(results))
    assert headline == "Fastest: 2 clients with 201 samples/s, 1.99× the slowest cell."
    assert sure == (
        "First in 100 % of the resamples of repeats. Slowest: 1 client with 101 samples/s. Means of 3 repeats a cell."
    )


def test_nobody_is_the_fastest_by_chance(made: Made) -> None:
    """Each of four cells is fastest in one repeat; the last has the best mean by a hair, and wins 91 of 256 draws."""
    results = made(
        {"clients": (1, 2, 3, 4)},
        repeats=4,
        samples_per_s=lambda c: 100.0 + (12 + 0.1 * c["clients"]) * (c["clients"] == c["repeat"] + 1),
    )
    headline, sure = told(winners.fastest(results))
    assert headline == "No cell is clearly the fastest; by its mean it is 4 clients with 103 samples/s."
    share = float(sure.removeprefix("First in ").partition(" %")[0])
    assert share == pytest.approx(100 * 91 / 256, abs=3 * 1.6)


def test_first_to_a_target_needs_it_in_every_repeat(made: Made) -> None:
    results = made({"clients": (1, 2, 3)})
    lines = [
        {"run": "r", "cell_id": str(n), "repeat": k, "round": i, "eval_accuracy": share, "elapsed_s": i * n,
         "total_bytes": 1000 * i * n}
        for n in (1, 2, 3) for k in range(3) for i, share in ((1, 0.5), (2, 0.3 if n == 1 and k == 0 else 0.96))
    ]  # fmt: skip
    results = replace(results, rounds=pd.DataFrame(lines))
    headline, sure = told(winners.first_to_target(results))
    assert headline == "First to 95 % test accuracy: 2 clients, after 4 s of training and 4 kB."
    assert sure == (
        "First in 100 % of the resamples of repeats. 1 of 3 cells did not get there in every repeat. "
        "Means of 3 repeats a cell."
    )


def test_nobody_is_first_to_a_target_that_no_cell_reaches_in_every_repeat(made: Made) -> None:
    results = made({"clients": (1, 2)}, repeats=2)
    lines = [
        {"run": "r", "cell_id": str(n), "repeat": k, "round": 1, "eval_accuracy": 0.96 if k else 0.2, "elapsed_s": 1.0,
         "total_bytes": 1000}
        for n in (1, 2) for k in (0, 1)
    ]  # fmt: skip
    assert winners.first_to_target(replace(results, rounds=pd.DataFrame(lines))) is None


def test_the_front_names_who_is_there_in_most_resamples(made: Made) -> None:
    """Cell 2 is more accurate than cell 1 by one of 100 test examples and costs more; cell 3 is beaten by all."""
    results = made(
        {"clients": (1, 2, 3)},
        final_eval_accuracy=lambda c: {1: 0.90, 2: 0.91, 3: 0.5}[c["clients"]],
        total_bytes=lambda c: 1000 * c["clients"],
        train_s=lambda c: float(c["clients"]),
        test_examples=lambda _: 100.0,
    )
    headline, sure = told(winners.front(results))
    assert headline.startswith(
        "Beaten by no other cell in accuracy, bytes and time together, in most resamples: 1 client (100 %)"
    )
    assert sure.startswith("Resamples of repeats and of the 100 test examples.")
    shares = dict(zip((1, 2, 3), front_of(results)["front_share"], strict=True))
    assert 0.45 < shares[2] < 0.65, "0.91 on 100 examples is more than 0.90 on 100 more in 55 of 100 tests"
    assert shares[3] == 0


def test_the_cut_that_sends_least_against_the_one_that_sends_most(made: Made) -> None:
    sent, step = {"a": 4000.0, "b": 1000.0, "c": 2000.0}, {"a": 0.02, "b": 0.01, "c": 0.5}
    results = made(
        {"cut_layer": ("a", "b", "c"), "clients": (1, 2)},
        uplink_bytes_per_step=lambda c: sent[c["cut_layer"]],
        step_p50_s=lambda c: step[c["cut_layer"]] * c["clients"],
    )
    headline, sure = told(choices.cut(results))
    assert headline == "Cut b sends 4× fewer bytes up per step than cut a and is 2× faster per step."
    assert sure.startswith("Step latency of a ÷ b: 2×, 95 % interval 2–2×, from 2 pairs of cells and 3 repeats.")


def accuracy(cell: dict[str, Any]) -> float:
    """Aggregation brings 2 points with two clients, 4 with three, a tenth more or less in two of three repeats."""
    gains = {1: 0.5, 2: 0.02, 3: 0.04}
    gain = gains[cell["clients"]] + 0.001 * (cell["repeat"] - 1)
    return 0.9 + gain if cell["aggregation"] == "on" else 0.9


def test_aggregation_leaves_out_who_is_alone_and_says_the_range_and_the_test_examples(made: Made) -> None:
    results = made(
        {"clients": (1, 2, 3), "aggregation": ("on", "off")},
        participants=lambda c: c["clients"],
        final_eval_accuracy=accuracy,
        bytes_per_round=lambda c: 300.0 if c["aggregation"] == "on" else 200.0,
        round_p50_s=lambda c: 1.25 if c["aggregation"] == "on" else 1.0,
        test_examples=lambda _: 400.0,
    )
    headline, sure = told(choices.aggregation(results))
    assert headline == (
        "Aggregation makes no clear difference to the final test accuracy: +3.0 points "
        "(+2.0 to +4.0 from cell to cell), for 1.5× the bytes and 1.25× the time per round."
    )
    # t(2) · 0.001 / √3 over repeats, 1.96 · √((0.93 · 0.07 + 0.9 · 0.1) / 400) over test examples: 3.87 points together
    assert sure == (
        "On against off, 95 % interval −0.9 to +6.9 over repeats and 400 test examples, "
        "from 2 pairs of cells and 3 repeats; cells with one participant are left out."
    )
    more = replace(results, cells=results.cells.assign(test_examples=4000.0))
    assert told(choices.aggregation(more))[0].startswith("Aggregation changes the final test accuracy by +3.0 points")


def test_throughput_of_many_clients_names_its_swap_share(made: Made) -> None:
    results = made(
        {"clients": (2, 4)},
        samples_per_s=lambda c: {2: 100.0, 4: 150.0}[c["clients"]],
        swap_share=lambda c: 0.25 if c["clients"] == 4 else 0.0,
    )
    shared = replace(results, names=Names(shared={4: 2}))
    headline, sure = told(choices.clients(shared))
    assert headline == "4 clients in 2 workers train 1.5× the samples per second of 2 clients; linear would be 2×."
    assert sure.endswith("from 1 pair of cells and 3 repeats. Changes of client took 25 % of their training time.")


def test_a_batch_larger_than_every_shard_is_not_compared(made: Made) -> None:
    results = made(
        {"batch_size": (16, 64, 128)},
        samples_per_s=lambda c: 10.0 * c["batch_size"],
        step_p50_s=lambda c: 0.001 * c["batch_size"] ** 0.5,
        largest_batch=lambda c: float(min(c["batch_size"], 64)),
    )
    headline, _ = told(choices.batch(results))
    assert headline == "Batch 64 trains 4× the samples per second of batch 16, with steps 2× as long."


def phases_of(results: Results, shares: dict[str, float], step_s: float = 0.01) -> Results:
    """Give every attempt a step with these shares of the named phases, nothing of the others."""
    kinds = ("median_s", "mean_s", "typical_s", "least_s")
    lines = [
        {**key, "phase": name, **dict.fromkeys(kinds, shares.get(name, 0) * step_s)}
        for key in results.cells[["run", "cell_id", "repeat"]].to_dict("records")
        for name in PHASES
    ]
    return replace(results, phases=pd.DataFrame(lines))


SHARES = {"client_forward_s": 0.2, "client_backward_s": 0.25, "server_compute_s": 0.1, "server_queue_s": 0.3,
          "uplink_s": 0.1, "downlink_s": 0.02, "encode_s": 0.03}  # fmt: skip


def test_the_largest_share_of_a_step_is_named_first(made: Made) -> None:
    results = phases_of(made({"clients": (1, 2)}), SHARES)
    headline, sure = told(time.time_goes(results))
    assert headline == "Most of a step goes into computing on the clients: 45 %."
    assert sure == (
        "Then 30 % waiting for the main server, 12 % transfer, 10 % computing on the main server, "
        "3 % encoding and decoding. Mean over all cells; which phases they are: see the ledger."
    )


def test_waits_of_cells_whose_clients_share_workers_are_left_out(made: Made) -> None:
    results = made({"clients": (2, 8)}, crowded=lambda c: c["clients"] == 8)
    mixed = phases_of(results, SHARES)
    crowded = mixed.phases["cell_id"] == "8"
    mixed.phases.loc[crowded, "typical_s"] = (mixed.phases["phase"] == "server_queue_s").astype(float)
    headline, sure = told(time.time_goes(mixed))
    assert headline == "Most of a step goes into computing on the clients: 45 %."
    assert "Mean over all cells but those whose clients share workers" in sure


def test_a_slow_link_is_predicted_for_the_round(made: Made) -> None:
    """10 steps of 8 ms beside the way; 10 Mbit/s: 1 ms per 1250 B of a step, and the models of two clients."""
    up = {"a": 12_500.0, "b": 1_250.0}
    results = made(
        {"cut_layer": ("a", "b")},
        steps=lambda _: 60,
        rounds_done=lambda _: 3.0,
        participants=lambda _: 2,
        uplink_bytes_per_step=lambda c: up[c["cut_layer"]],
        downlink_bytes_per_step=lambda _: 1_250.0,
        model_bytes_per_round=lambda c: 250_000.0 if c["cut_layer"] == "b" else 0.0,
    )
    shares = {"client_forward_s": 0.8, "uplink_s": 0.1, "downlink_s": 0.1}
    headline, sure = told(time.slow_link(phases_of(results, shares)))
    # a: 10 · (8 + 10 + 1) ms; b: 10 · (8 + 1 + 1) ms + 125 kB · 8 / 10 Mbit/s
    assert headline == (
        f"Predicted, not measured: over {LINKS[-1].name} a round takes 190 ms with cut a and 200 ms with cut b."
    )
    assert sure.startswith("Steps and models there and back")


def test_stragglers_are_of_cells_where_nobody_waits_for_a_worker(made: Made) -> None:
    ratio = {1: 1.2, 2: 1.5, 3: 9.0}
    results = made(
        {"clients": (1, 2, 3)},
        straggler_ratio=lambda c: ratio[c["clients"]],
        crowded=lambda c: c["clients"] == 3,
    )
    headline, sure = told(time.slowest_client(results))
    assert headline == "In a typical round the slowest client takes 1.35× as long as the median one."
    assert sure == "Median over all cells but those whose clients share workers; the worst cell has 1.5×."
    assert time.slowest_client(results.where(results.cells["crowded"])) is None


def test_more_clients_than_workers_is_a_finding(made: Made) -> None:
    results = made(
        {"clients": (2, 4, 8)},
        workers_used=lambda _: 2.0,
        crowded=lambda c: c["clients"] > 2,
        swap_share=lambda c: 0.1 * c["clients"] / 4,
    )
    headline, sure = told(time.many_clients(results))
    assert headline == (
        "With more clients than workers (4 in 2, 8 in 2), latency, queue and stragglers are those of the host."
    )
    assert sure.startswith(
        "2 cells: no more steps are ever at the main server than there are workers. "
        "Changes of client took 15 % of their training time."
    )
    assert time.many_clients(results.where(~results.cells["crowded"])) is None


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
    told = {warning.title: warning.text for warning in find_warnings(results)}
    assert told["More clients than workers."].startswith("Clients took turns in fewer processes (4 in 2): latency")
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
    told = {warning.title: warning.text for warning in find_warnings(results)}
    assert told["Batches of different sizes."].endswith("in at least one cell that is 60 % of the steps.")
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


def test_bytes_that_no_table_tells_apart_put_nobody_on_the_front(made: Made) -> None:
    sent = {1: 741_214, 2: 741_206, 3: 738_000}
    columns = {"final_eval_accuracy": lambda c: 1 - c["clients"] / 100, "train_s": lambda c: float(c["clients"])}
    cells = front_of(made({"clients": (1, 2, 3)}, total_bytes=lambda c: sent[c["clients"]], **columns))
    assert cells["on_front"].tolist() == [True, False, True]
    assert cells["front_share"].tolist() == [1.0, 0.0, 1.0]


def test_of_thousands_of_cells_only_those_near_the_front_are_resampled(made: Made) -> None:
    results = made(
        {"clients": tuple(range(1, 3001))},
        repeats=1,
        final_eval_accuracy=lambda _: 0.9,
        total_bytes=lambda c: float(c["clients"]),
        train_s=lambda c: float(c["clients"]),
    )
    cells = front_of(results)
    assert cells["clients"][cells["on_front"]].tolist() == [1]
    assert cells["front_share"].tolist() == [1.0] + [0.0] * 2999
