"""Cells brought together by parameters; every refusal is a negative control: never unchanged, never a regression."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from analysis.compare.comparability import comparison_warnings, refuse_on_machine_drift
from analysis.compare.gate import judge
from analysis.compare.measured import Measured, Side, SideCell
from analysis.compare.pairing import differences, pair_cells, unusable
from analysis.compare.rules import Rules
from splitfed_core.records.metrics import METRICS

MACHINE = {"cpu": "A", "cores": 4}
GOOD = Measured(
    seed=7,
    data="d",
    content="c",
    emulation={"slowdowns": [2.0, 16.1]},
    machine=MACHINE,
    values={"step_p50_s": 0.01, "final_train_loss": 0.5},
    started_at="2030-01-01",
)


def side(
    runs: Mapping[int, Measured], parameters: Mapping[str, object] | None = None, cell_id: str = "c", **more: object
) -> Side:
    cell = SideCell(cell_id, cell_id, {"clients": 2} if parameters is None else parameters, runs)
    return replace(Side("side", (cell,), METRICS, ("abc",), {"tensorflow": "2.21"}, "00"), **more)  # type: ignore[arg-type]  # fields by name


def ten(run: Measured) -> dict[int, Measured]:
    return dict.fromkeys(range(10), run)


BASE = side(ten(GOOD))


def test_equal_runs_are_paired_by_repeat() -> None:
    (pairs,) = pair_cells(BASE, side({4: GOOD, 2: GOOD}))
    assert (pairs.refusal, pairs.repeats) == (None, (2, 4))


def test_cells_are_matched_by_parameters_whatever_their_identifier() -> None:
    (pairs,) = pair_cells(BASE, side(ten(GOOD), cell_id="renamed"))
    assert pairs.refusal is None


def test_a_parameter_that_only_a_newer_version_knows_is_at_its_default_where_identifiers_agree() -> None:
    newer = {"clients": 2, "codec": "raw"}
    assert pair_cells(BASE, side(ten(GOOD), newer))[0].refusal is None
    assert pair_cells(BASE, side(ten(GOOD), newer, "other"))[0].refusal == "HEAD does not have this cell"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seed": 8}, "repeat 3: the seeds differ, 7 and 8: they are not a pair"),
        ({"data": "e"}, "repeat 3: the two sides trained on different data or shards of it"),
        ({"content": "f"}, "repeat 3: the two sides trained on data of the same size but with different content"),
        ({"machine": {"cpu": "B", "cores": 4}}, "repeat 3: measured on different machines (cpu A and B)"),
        (
            {"emulation": {"slowdowns": [2.0, 16.2]}},
            "repeat 3: devices were emulated differently, 16.1 (client 1) and 16.2 (client 1): a preset is as slow as",
        ),
        (
            {"emulation": {}},
            "repeat 3: devices were emulated differently, [2.0, 16.1] and none: a preset is as slow as the host's",
        ),
        (
            {"emulation": {"slowdowns": [2.0, 16.1], "links": [{"delay_ms": 1}]}},
            'repeat 3: links were emulated differently, none and [{"delay_ms": 1}]: a preset or a trace changed',
        ),
        ({"machine": None}, "repeat 3: the machine of HEAD is not recorded"),
        ({"problem": "failed: killed"}, "repeat 3: HEAD failed: killed"),
        ({"problem": "has no result"}, "repeat 3: HEAD has no result"),
    ],
)
def test_one_run_that_must_not_be_compared_refuses_its_cell(change: dict[str, object], reason: str) -> None:
    head = side(ten(GOOD) | {3: replace(GOOD, **change)})  # type: ignore[arg-type]  # fields by name
    (pairs,) = pair_cells(BASE, head)
    assert (pairs.refusal or "").startswith(reason)
    assert judge([pairs], METRICS, Rules()).outcome == "error"


@pytest.mark.parametrize(
    ("head", "outcomes"),
    [
        (side(ten(GOOD), {"clients": 4}, "d"), ["error", "inconclusive"]),
        (side({11: GOOD}), ["error"]),
    ],
)
def test_cells_and_repeats_without_partner(head: Side, outcomes: list[str]) -> None:
    judgement = judge(pair_cells(BASE, head), METRICS, Rules())
    assert [cell.outcome for cell in judgement.cells] == outcomes
    assert judgement.outcome == "error"


def test_a_whole_pair_has_every_repeat_that_either_side_plans() -> None:
    head = side({4: GOOD, 2: GOOD})
    assert pair_cells(BASE, head, whole=True)[0].refusal == "only one side has the repeats 0, 1, 3, 5, 6, 7, 8, 9"
    assert pair_cells(head, head, whole=True)[0].refusal is None


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("broken", ["base", "head"])
def test_zero_and_nan_on_either_side_are_errors(value: float, broken: str) -> None:
    bad = replace(GOOD, values=dict(GOOD.values) | {"step_p50_s": value})
    both = {"base": BASE, "head": BASE} | {broken: side(ten(GOOD) | {0: bad})}
    judgement = judge(pair_cells(both["base"], both["head"]), METRICS, Rules())
    verdict = {each.metric.name: each.verdict for each in judgement.cells[0].metrics}["step_p50_s"]
    assert (verdict.outcome, judgement.outcome) == ("error", "error")
    assert f"step_p50_s of {broken.upper()} is" in verdict.reason


def test_a_loss_that_is_no_number_on_both_sides_is_an_error_not_unchanged() -> None:
    diverged = side(ten(replace(GOOD, values={"step_p50_s": 0.01, "final_train_loss": math.nan})))
    assert judge(pair_cells(diverged, diverged), METRICS, Rules()).outcome == "error"


def test_positive_differences_are_worse_whatever_the_metric() -> None:
    one, two = np.array([1.0]), np.array([2.0])
    assert differences(METRICS["step_p50_s"], one, two) == pytest.approx(math.log(2))
    assert differences(METRICS["steps_per_s"], two, one) == pytest.approx(math.log(2))
    assert differences(METRICS["final_eval_loss"], one, two) == 1.0
    assert differences(METRICS["final_eval_accuracy"], two, one) == 1.0


def test_no_bytes_on_both_sides_are_equal_but_some_against_none_have_no_ratio() -> None:
    metric, none, some = METRICS["bytes_per_round"], np.zeros(3), np.ones(3)
    assert unusable(metric, none, none, exact=True) is None
    assert differences(metric, none, none).tolist() == [0, 0, 0]
    assert unusable(metric, none, some, exact=True) == "bytes_per_round of BASE is 0: no ratio can be made of it"


def test_a_machine_that_was_slower_itself_under_head_stops_every_verdict() -> None:
    quick, slow = (side(ten(replace(GOOD, reference_task_s=seconds))) for seconds in (0.001, 0.0012))
    (pairs,) = refuse_on_machine_drift(pair_cells(quick, slow))
    assert pairs.refusal == "the machine itself was 20% slower under HEAD, as a fixed computation shows"
    assert judge([pairs], METRICS, Rules()).outcome == "inconclusive"
    assert refuse_on_machine_drift(pair_cells(quick, quick))[0].refusal is None


def test_the_reader_is_warned_of_other_versions_and_of_sides_measured_apart() -> None:
    later = side(ten(replace(GOOD, started_at="2030-01-02")), versions={"tensorflow": "2.22"})
    versions, apart = comparison_warnings(BASE, later, pair_cells(BASE, later))
    assert versions == "Dependencies changed too: tensorflow 2.21 → 2.22."
    assert apart.startswith("The two sides were measured one after the other, not interleaved")
    assert comparison_warnings(BASE, BASE, pair_cells(BASE, BASE)) == []


def test_of_a_single_pair_one_side_is_always_the_first() -> None:
    first, later = (side({0: replace(GOOD, started_at=at)}) for at in ("2030-01-01", "2030-01-02"))
    assert comparison_warnings(first, later, pair_cells(first, later)) == []


def test_a_ratio_to_nothing_is_infinite_and_not_equal() -> None:
    metric, none, some = METRICS["bytes_per_round"], np.zeros(1), np.ones(1)
    with np.errstate(divide="ignore"):
        assert differences(metric, none, some).tolist() == [math.inf]
        assert differences(metric, some, none).tolist() == [-math.inf]


def test_of_several_definitions_the_first_that_differ_are_told() -> None:
    heads = {k: replace(GOOD, definitions={"step_p50_s": number}) for k, number in enumerate((1, 2, 3))}
    (pairs,) = pair_cells(BASE, side(heads))
    assert "(definitions 1 and 2)" in (pairs.redefined(METRICS["step_p50_s"]) or "")


def test_parameters_are_the_same_in_whatever_order_they_were_written() -> None:
    one, other = side(ten(GOOD), {"clients": 2, "rounds": 3}), side(ten(GOOD), {"rounds": 3, "clients": 2}, "other")
    assert pair_cells(one, other)[0].refusal is None
    assert pair_cells(one, side(ten(GOOD), {"rounds": 3, "clients": 4}, "other"))[0].refusal is not None


def test_the_same_identifier_with_another_value_is_another_cell() -> None:
    one, other = side(ten(GOOD), {"clients": 2, "rounds": 3}), side(ten(GOOD), {"clients": 2, "rounds": 4, "new": 1})
    assert pair_cells(one, other)[0].refusal == "HEAD does not have this cell"


def test_one_pair_without_bytes_makes_no_ratio_of_the_others() -> None:
    metric, sent = METRICS["bytes_per_round"], np.array([0.0, 5.0])
    assert unusable(metric, sent, sent, exact=True) == "bytes_per_round of BASE is 0: no ratio can be made of it"
