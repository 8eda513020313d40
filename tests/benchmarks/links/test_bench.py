"""The figures of `nox -s bench -- links`: what each part makes of what it measured."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.links import __main__ as program
from benchmarks.links import shared
from benchmarks.links.comparison import Line
from benchmarks.links.goals import GOALS, link_goal
from benchmarks.links.layer_cost import layer_cost
from benchmarks.links.prediction import PredictedCell, predicted_step_s, prediction_error, prediction_table
from benchmarks.links.repeatable import deliveries, draws, measure_repeatability
from benchmarks.links.witness import DIRECTIONS
from benchmarks.own_cost.goals import Result
from splitfed_core.records.rows import StepRow
from splitfed_core.timing.links import Direction, Link

LINE = Line("relay", "lte", "uplink", 1_000_000, 12.0, 35.0, 0.1, (0.101, 0.102, 0.103), (0.1, 0.1, 0.1))


def test_the_layer_costs_the_median_of_neighbouring_blocks_and_its_bound_is_above() -> None:
    without = [[0.010 * drift] * 20 for drift in (1.0, 1.5, 3.0, 0.8)]  # the machine's pace does not matter
    result = layer_cost([[1.005 * step for step in block] for block in without], without)
    assert result.runs == pytest.approx([0.5])
    assert result.detail == "160 steps; median +0.50 %, of 12.5 ms"


def test_the_bound_is_that_of_the_noisier_blocks() -> None:
    layered = [[0.0100], [0.0101], [0.0102], [0.0099], [0.0100]] * 4
    result = layer_cost(layered, [[0.0100]] * 20)
    assert result.runs == pytest.approx([1.0])
    assert result.detail.startswith("40 steps; median +0.00 %")


ROW = StepRow(
    cell_id="c", repeat=0, client_id=0, round=0, local_epoch=0, step=0, warmup=False, examples=1, loss=0.0, correct=0,
    uplink_bytes=1_448_000, downlink_bytes=144_800, client_forward_s=0.010, encode_s=0.001, uplink_s=0.002,
    server_decode_s=0.001, server_queue_s=0.0, server_compute_s=0.003, server_encode_s=0.001, downlink_s=0.030,
    decode_s=0.001, client_backward_s=0.020, step_s=0.069, server_update_s=0.0, started_s=0.0,
)  # fmt: skip


def test_a_step_is_predicted_from_what_was_computed_and_what_its_bytes_take() -> None:
    link = Link(uplink_bps=121.12e6, downlink_bps=121.12e6, delay_s=0.005, jitter_s=0.002)
    # Computing 37 ms; up 0.1 s and the delay; down 10 ms and the delay, but loopback itself took 30.
    assert predicted_step_s([ROW] * 3, link) == pytest.approx(0.037 + 0.105 + 0.030)


def test_late_cells_are_left_out_and_named() -> None:
    cells = [
        PredictedCell("lte", "conv1", measured_s=1.0, predicted_s=0.98, late_share=0.0),
        PredictedCell("wifi", "conv1", measured_s=1.0, predicted_s=1.04, late_share=0.02),
        PredictedCell("wifi", "dense1", measured_s=1.0, predicted_s=9.0, late_share=0.03),
    ]
    result = prediction_error(cells)
    assert result.runs == pytest.approx([2.0, 4.0])
    assert result.detail == (
        "2 of 3 cells of 4 links × 3 cuts; worst 4.0 %, wifi conv1; left out, being late: wifi dense1 3 %"
    )
    assert prediction_table(cells).splitlines()[2] == "| lte | conv1 | 980.0 | 1,000.0 | -2.0 % | 0.0 % |"


def test_where_every_cell_was_late_nothing_is_reached() -> None:
    result = prediction_error([PredictedCell("lte", "conv1", 1.0, 1.0, late_share=0.5)])
    assert program.goals_table([result]).splitlines()[2].split(" | ")[2:4] == ["nan %", "no"]


def test_a_witness_is_judged_by_its_worst_kind_of_message() -> None:
    other = replace(LINE, emulated_s=(0.1, 0.1, 0.1))
    skipped = replace(LINE, witness="tbf", emulated_s=(), witness_s=(), skipped="needs root")
    median, worst = program.witness_results([LINE, other, skipped])
    assert (median.goal.name, worst.goal.name) == ("relay_median", "relay_worst")
    assert median.runs == pytest.approx([0.002 / 0.0023])
    assert worst.runs == pytest.approx([0.003 / 0.006])


def test_the_table_has_the_goals_order_bound_and_whether_it_is_reached() -> None:
    late, early = Result(link_goal("layer"), [1.2], "steps"), Result(link_goal("seed"), [0.0], "values")
    assert program.goals_table([late, early]).splitlines()[2:] == [
        f"| {link_goal('seed').what} | ≤ 0 | 0 | yes | values |",
        f"| {link_goal('layer').what} | ≤ 1 % | 1.2 % | no | steps |",
    ]


def test_a_part_can_be_measured_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    part = {"seed": lambda _: iter([Result(link_goal("seed"), [0.0], "values")])}
    monkeypatch.setattr(program, "_MEASURED_BY", part)
    program.main([str(tmp_path), "seed"])
    assert (tmp_path / "links.md").read_text() == capsys.readouterr().out
    assert (tmp_path / "links.csv").read_text().splitlines()[1].startswith("seed,")
    assert (tmp_path / "environment.json").exists()


def test_a_part_that_there_is_not_is_named_with_those_that_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        program.main([str(tmp_path), "tbf"])
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.endswith("error: tbf: not a part; choose from witnesses, shared, layer, seed, predicted")


def test_every_goal_is_named_once() -> None:
    assert len({goal.name for goal in GOALS}) == len(GOALS)


def test_two_processes_draw_and_deliver_the_same_to_the_bit() -> None:
    result = measure_repeatability()
    assert (result.runs, result.detail[:9]) == ([0.0], "750 value")


def test_the_order_of_messages_changes_no_draw_and_a_delivery_is_never_before_it_is_sent() -> None:
    assert dict(draws(backwards=False)) == dict(draws(backwards=True))
    for _, times in deliveries():
        sent, received, encoded, arrived = map(float.fromhex, times.split())
        assert sent < received == encoded < arrived  # a server that takes no time


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_two_flows_together_are_no_faster_than_the_link_they_share(
    direction: Direction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_BYTES", 250_000)
    assert 0 < shared._rate_share(direction, 2) <= 1
