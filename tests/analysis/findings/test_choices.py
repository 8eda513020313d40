"""What each choice of an axis brings, by numbers worked out by hand."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from analysis.findings import choices
from analysis.results.load import Results
from analysis.text.parameters import Names
from tests.analysis.findings.sentences import message

Made = Callable[..., Results]


def test_the_cut_that_sends_least_against_the_one_that_sends_most(made: Made) -> None:
    sent, step = {"a": 4000.0, "b": 1000.0, "c": 2000.0}, {"a": 0.02, "b": 0.01, "c": 0.5}
    results = made(
        {"cut_layer": ("a", "b", "c"), "clients": (1, 2)},
        uplink_bytes_per_step=lambda c: sent[c["cut_layer"]],
        step_p50_s=lambda c: step[c["cut_layer"]] * c["clients"],
    )
    headline, sure = message(choices.cut(results))
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
    headline, sure = message(choices.aggregation(results))
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
    assert message(choices.aggregation(more))[0].startswith(
        "Aggregation changes the final test accuracy by +3.0 points"
    )


def test_throughput_of_many_clients_names_its_swap_share(made: Made) -> None:
    results = made(
        {"clients": (2, 4)},
        samples_per_s=lambda c: {2: 100.0, 4: 150.0}[c["clients"]],
        swap_share=lambda c: 0.25 if c["clients"] == 4 else 0.0,
    )
    shared = replace(results, names=Names(shared={4: 2}))
    headline, sure = message(choices.clients(shared))
    assert headline == "4 clients in 2 workers train 1.5× the samples per second of 2 clients; linear would be 2×."
    assert sure.endswith("from 1 pair of cells and 3 repeats. Switching clients took 25 % of their training time.")


def test_a_batch_larger_than_every_shard_is_not_compared(made: Made) -> None:
    results = made(
        {"batch_size": (16, 64, 128)},
        samples_per_s=lambda c: 10.0 * c["batch_size"],
        step_p50_s=lambda c: 0.001 * c["batch_size"] ** 0.5,
        largest_batch=lambda c: float(min(c["batch_size"], 64)),
    )
    headline, _ = message(choices.batch(results))
    assert headline == "Batch 64 trains 4× the samples per second of batch 16, with steps 2× as long."
