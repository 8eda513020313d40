"""Axes, their order and parts, and how numbers and values are said."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.figures.roles import Choice, assign
from analysis.report.tables import table
from analysis.results.attempt_summary import shown_values
from analysis.results.axes import find_axes, ordered_values
from analysis.results.load import Results, load
from analysis.text.parameters import Names, Value, brief, codec_words, normalise
from analysis.text.units import digits, human, scale_for, span
from splitfed_core.errors import UsageError
from splitfed_core.records.metrics import METRICS
from splitfed_core.records.plan import PlanDocument
from splitfed_core.records.rows import CellSummary, columns
from splitfed_core.records.summary import DEFINITIONS

MakeRun = Callable[..., Path]


@pytest.mark.parametrize(
    ("value", "unit", "output"),
    [
        (0.0123, "s", "12.3 ms"), (0.0000123, "s", "12.3 µs"), (90, "s", "90 s"), (180, "s", "3 min"),
        (0, "s", "0 ms"), (11_075_584, "B", "11.1 MB"), (999, "B", "999 B"), (1234.5, "kbit/s", "1.23 Mbit/s"),
        (0.953, "share", "95.3 %"),
        (34567.8, "samples/s", "34,568 samples/s"), (0.25, "", "0.25"), (None, "s", "–"),
        (float("nan"), "", "diverged"),
    ],
)  # fmt: skip
def test_numbers_are_said_with_three_digits_and_the_best_unit(value: float | None, unit: str, output: str) -> None:
    assert human(value, unit) == output


def test_scale_follows_the_largest_value() -> None:
    assert scale_for("s", [0.001, 1.5]).unit == "s"
    assert scale_for("s", [0.001, float("inf")]).unit == "ms"


def test_padded_digits_and_spans_keep_their_zeros() -> None:
    assert digits(1.5, padded=True) == "1.50"
    assert span(1.644, 1.7) == "1.64–1.70"


def test_every_metric_of_the_summary_is_registered() -> None:
    facts = {"status", "steps", "workers_used", "swap_share", "unexplained_share"}
    facts |= {"common_batch", "common_batch_share", "largest_batch"}
    facts |= {"link_uplink_p50_s", "link_downlink_p50_s", "transfer_p50_s", "wait_p50_s", "link_transfer_p50_s"}
    facts |= {"late_share", "late", "clients_held"}
    assert set(columns(CellSummary)) - facts <= set(METRICS)
    assert set(DEFINITIONS) - {"straggler_ratio"} <= set(METRICS)


def test_axes_are_in_a_sensible_order() -> None:
    assert ordered_values(["off", "on"], []) == ("on", "off")
    assert ordered_values([128, 16, "–"], []) == (16, 128, "–")
    assert ordered_values(["dense1", "conv1"], ["conv1", "dense1"]) == ("conv1", "dense1")


def test_a_parameter_that_follows_from_another_is_no_axis(make_run: MakeRun) -> None:
    run = load(make_run("quick", {"clients": [2, 3]}, repeats=1)).runs[0]
    cells: list[dict[str, Value]] = [
        {"algorithm": a, "clients": n, "run": "x"} for a, n in (("fl", 1), ("sl", 2), ("sl", 2))
    ]
    attempts = tuple(replace(run.attempts[0], config={"algorithm": "fl", "clients": 1}) for _ in cells)
    bare = replace(run, plan=PlanDocument(), attempts=attempts)
    assert find_axes(cells, [bare]).axes == {"algorithm": ("fl", "sl")}
    assert find_axes([*cells, {"algorithm": "sl", "clients": 1, "run": "x"}], [bare]).axes.keys() == {
        "algorithm",
        "clients",
    }


def with_axes(results: Results, **axes: tuple[Value, ...]) -> Results:
    return replace(results, axes=axes, palette=axes)


@pytest.fixture
def results(make_run: MakeRun) -> Results:
    return load(make_run("quick", {}, repeats=1))


def test_parts_are_given_by_liking_and_the_rest_is_averaged(results: Results) -> None:
    grid = with_axes(results, batch_size=(1, 2), cut_layer=("a", "b"), aggregation=("on", "off"))
    roles = assign(grid, {"x": ("clients", "*"), "hue": ("aggregation", "*")})
    assert (roles.x, roles.hue, roles.rest) == ("cut_layer", "aggregation", ("batch_size",))
    assert assign(grid, {"x": ("*",)}, Choice(x="batch_size")).x == "batch_size"


def test_an_axis_with_too_many_values_gets_no_panels(results: Results) -> None:
    assert assign(with_axes(results, clients=tuple(range(9))), {"col": ("clients", "*")}).col is None


def test_an_axis_that_does_not_vary_is_refused(results: Results) -> None:
    with pytest.raises(UsageError, match="axis 'codec' does not vary in these runs; choose one of: clients"):
        assign(with_axes(results, clients=(1, 2)), {"x": ("*",)}, Choice(x="codec"))


def test_values_are_said_as_people_say_them() -> None:
    assert Names().word("clients", 1) == "1 client"
    assert Names().word("clients", 3) == "3 clients"
    assert Names().word("cut_layer", "–") == "no cut layer"
    assert Names().word("learning_rate", 0.1) == "learning rate 0.1"
    assert len(brief("my_package.my_models:residual_network_12")) == 20


def test_the_table_gives_mean_and_deviation_with_as_many_decimals(make_run: MakeRun) -> None:
    results = load(make_run("quick", {}, repeats=2))
    exact = replace(results, cells=results.cells.assign(step_p50_s=[0.010, 0.012], bytes_per_round=[1e6, 1e6]))
    made = table(exact, ("step_p50_s", "bytes_per_round"))
    assert [made.heading(i) for i in (0, 1)] == ["Step latency, median (ms)", "Bytes per round (MB)"]
    assert [made.text(made.cells[0], i) for i in (0, 1)] == ["11.0 ± 1.4", "1"]


@pytest.mark.parametrize(
    ("codec", "printed"),
    [
        (None, "–"),
        ("int8", "int8"),
        ({"name": "topk", "share": 0.01, "then": "zstd"}, "topk 1 % + zstd"),
        ({"name": "randtopk", "share": 0.125, "alpha": 0.1}, "randtopk 12.5 % α 0.1"),
        ({"name": "delta", "bits": 4}, "delta 4 bit"),
        ({"name": "int4", "per": "channel", "rounding": "stochastic"}, "int4 per channel stochastic"),
        ({"name": "topk", "share": 0.1, "feedback": True}, "topk 10 % + feedback"),
        ({"name": "later", "setting": True}, "later setting=on"),
    ],
)
def test_codecs_are_said_as_people_say_them(codec: object, printed: str) -> None:
    assert codec_words(codec) == printed
    assert shown_values({"gradient_codec": codec}) == {"gradient_codec": printed}


@pytest.mark.parametrize(
    ("link", "printed"),
    [
        ("lte", "lte"),
        ({"name": "mix", "of": {"lte": 0.7, "wifi": 0.3}}, "70 % lte, 30 % wifi"),
        ({"name": "mix", "of": {"a": 2 / 3, "b": 1 / 3}}, "66.67 % a, 33.33 % b"),
        ({"name": "custom", "uplink_mbit": 10, "delay_ms": 25, "loss": 0.07}, "10 Mbit/s up, 25 ms, 7 % lost"),
        ({"name": "lte", "shared_by": 3, "jitter_ms": 2}, "lte(shared by 3, ± 2 ms)"),
        ({"name": "custom", "trace": "./a.trace"}, "trace=./a.trace"),
        (
            {"name": "per_client", "of": [{"name": "lte"}, {"name": "lte"}, {"name": "custom", "delay_ms": 3}]},
            "2 × lte + 3 ms",
        ),
        (
            {"name": "lte", "tcp": {"initial_window": 10, "idle_reset": True}},
            "lte(tcp=(initial_window=10, idle_reset=on))",
        ),
    ],
)
def test_a_link_is_said_as_people_say_it(link: object, printed: str) -> None:
    assert normalise(link) == printed


def test_a_cell_is_over_a_link() -> None:
    assert Names().word("link", "70 % lte, 30 % wifi") == "over 70 % lte, 30 % wifi"
    assert Names().word("link", "–") == "no link"
