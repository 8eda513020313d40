"""The gate on pairs with known answers: words, margins, exact metrics, families, confirmation, noise, the grid."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from analysis.compare.gate import Judged, flagged, judge
from analysis.compare.measured import Measured
from analysis.compare.pairing import Pairs
from analysis.compare.rules import Rules, aa_noise
from analysis.compare.wording import cell_words, phrase, summary, worst_first
from analysis.stats.verdicts import Verdict
from splitfed_core.records.metrics import METRICS
from tests.analysis.compare.cells import cell, decide


@pytest.mark.parametrize(
    ("pairs", "words", "outcome"),
    [
        (cell(), "speed unchanged, accuracy unchanged", "unchanged"),
        (cell(slower=1 / 1.12 - 1), "12 % faster, rounds 12 % faster, accuracy unchanged", "improvement"),
        (cell(slower=0.12), "12 % slower, rounds 12 % slower, accuracy unchanged", "regression"),
        (cell(round_p50_s=1.69), "speed unchanged, rounds 69 % slower, accuracy unchanged", "regression"),
        (cell(slower=0.03), "speed unclear, rounds unclear, accuracy unchanged", "inconclusive"),
        (cell(final_eval_accuracy=0.85), "speed unchanged, accuracy 5.0 points lower", "regression"),
        (cell(final_eval_accuracy=0.89), "speed unchanged, accuracy unchanged", "unchanged"),
        (cell(final_train_loss=0.7), "speed unchanged, accuracy unchanged, training loss 0.2 higher", "regression"),
        (cell(bytes_per_round=1.04e6), "speed unchanged, accuracy unchanged, 4.0 % more bytes", "regression"),
        (cell(bytes_per_round=1e6 + 1), "speed unchanged, accuracy unchanged, 0.0 % more bytes", "regression"),
        (
            cell(slower=0.12, pairs=4),
            "speed unclear, rounds unclear, accuracy unclear, training loss unclear",
            "inconclusive",
        ),
    ],
)
def test_joint_verdicts_in_words(pairs: Pairs, words: str, outcome: str) -> None:
    judgement = decide(pairs)
    assert (cell_words(judgement.cells[0], judgement), judgement.outcome) == (words, outcome)


def test_in_a_fixed_order_the_loss_is_compared_to_the_bit() -> None:
    moved = math.nextafter(0.5, 1)
    assert decide(cell(final_train_loss=moved)).outcome == "unchanged"
    assert decide(cell(final_train_loss=moved, order="fixed")).outcome == "regression"


def test_exact_metrics_need_no_five_pairs() -> None:
    found = {j.metric.name: j.verdict.outcome for j in decide(cell(pairs=1, bytes_per_round=2e6)).cells[0].metrics}
    assert (found["bytes_per_round"], found["step_p50_s"]) == ("regression", "inconclusive")


def test_faults_make_bytes_noisy() -> None:
    pairs = cell()
    assert pairs.exact(METRICS["bytes_per_round"])
    assert not Pairs("c", "c", {"faults": [{"kill": 1}]}).exact(METRICS["bytes_per_round"])


def test_a_minimum_effect_can_be_chosen_for_every_metric() -> None:
    rules = Rules({"step_p50_s": 0.2, "bytes_per_round": 0.1})
    assert decide(cell(slower=0.12, bytes_per_round=1.04e6), rules=rules).outcome == "unchanged"
    stricter = Rules({"step_p50_s": 0.2, "round_p50_s": 0.03})  # that of the step holds for the round, if it has none
    assert decide(cell(slower=0.12), rules=stricter).outcome == "regression"


def test_what_differs_by_less_than_the_same_code_is_not_flagged_but_not_unchanged_either() -> None:
    same_code = cell()
    same_code = Pairs(**vars(same_code) | {"head": cell(slower=0.08).head})
    rules = Rules(noise=aa_noise([same_code], METRICS))
    assert 0.08 < rules.noise["c", "step_p50_s"] < 0.1
    assert decide(cell(slower=0.06)).outcome == "regression"
    judgement = decide(cell(slower=0.06), rules=rules)
    assert summary(judgement).startswith(
        "Speed unclear, rounds unclear, accuracy unchanged (it changed by more than the minimum effect, but not by more"
    )
    assert decide(cell(slower=0.2), rules=rules).outcome == "regression"
    assert decide(cell(), rules=rules).outcome == "unchanged"


def test_one_bad_cell_among_many_is_found_at_once_with_ten_pairs() -> None:
    judgement = decide(cell("bad", 0.15), *(cell(str(i)) for i in range(23)))
    assert [c.outcome for c in judgement.cells] == ["regression", *["unchanged"] * 23]
    assert worst_first(judgement)[0].pairs.cell_id == "bad"
    assert summary(judgement).endswith("Of 24 cells: 1 regression, 23 unchanged.")


@pytest.mark.parametrize(("again", "outcome"), [(0.15, "regression"), (0.0, "inconclusive")])
def test_a_suspect_must_be_flagged_again(again: float, outcome: str) -> None:
    cells = [cell("bad", 0.15, pairs=5), *(cell(str(i), pairs=5) for i in range(23))]
    first = decide(*cells)
    assert (first.cells[0].outcome, first.to_confirm) == ("inconclusive", ("bad",))
    assert decide(*cells, again=[cell("bad", again, pairs=5)]).cells[0].outcome == outcome


def test_the_grid_sees_what_no_cell_can() -> None:
    judgement = decide(*(cell(str(i), 0.025, pairs=5) for i in range(24)))
    assert {c.outcome for c in judgement.cells} == {"inconclusive"}
    assert judgement.grid[0].verdict.outcome == judgement.outcome == "regression"
    assert summary(judgement).startswith("Over the grid: 2.3 % slower, rounds 2.3 % slower, accuracy unchanged. Of 24")


@pytest.mark.parametrize(
    ("again", "outcome", "reason"),
    [
        (0.025, "regression", "flagged, and again by 5 fresh pairs"),
        (0.0, "inconclusive", "flagged once, but not again by 5 fresh pairs"),
        (-0.025, "inconclusive", "flagged once, but not again by 5 fresh pairs"),
    ],
)
def test_the_grid_too_must_be_flagged_again(again: float, outcome: str, reason: str) -> None:
    cells = [cell(str(i), 0.025, pairs=5) for i in range(24)]
    assert decide(*cells).to_confirm == tuple(str(i) for i in range(24))
    fresh = [cell(str(i), again, pairs=5) for i in range(24)]
    judgement = decide(*cells, again=fresh)
    assert (judgement.grid[0].verdict.outcome, judgement.grid[0].verdict.reason) == (outcome, reason)
    assert judgement.outcome == outcome
    assert (
        decide(*cells, again=fresh[1:]).grid[0].verdict.reason == "flagged once; the confirming run has no pairs of it"
    )


def test_the_grid_is_the_geometric_mean() -> None:
    judgement = decide(cell("a", 1.0), cell("b", -0.5))
    assert judgement.grid[0].change(judgement.grid[0].verdict.estimate) == pytest.approx(0, abs=0.01)


def test_a_regression_stays_one_beside_a_cell_that_failed() -> None:
    failed = Pairs("f", "f", {}, refusal="HEAD failed: killed")
    assert decide(cell("a", 0.3), failed).outcome == "regression"
    assert decide(cell("a"), failed).outcome == "error"
    assert decide(cell("a", 0.03), failed).outcome == "error"


def test_where_nothing_can_be_said_the_summary_says_why() -> None:
    failed = Pairs("f", "f", {}, refusal="HEAD failed: killed")
    few = (cell("a", pairs=3), cell("b", pairs=3))
    assert summary(decide(few[0])).endswith("training loss unclear (needs ≥ 5 pairs, has 3).")
    assert summary(decide(*few)).endswith("Of 2 cells: 2 inconclusive (needs ≥ 5 pairs, has 3).")
    assert summary(decide(cell("a"), failed)) == "Of 2 cells: 1 error, 1 unchanged (HEAD failed: killed)."
    assert summary(decide(failed)) == "HEAD failed: killed."


def test_calls_are_compared_exactly_but_not_with_a_version_that_did_not_count_them() -> None:
    def calls(base: float, head: float) -> list[Judged]:
        one, other = ((Measured(values={"rpcs_per_round": value}),) for value in (base, head))
        judged = judge([Pairs("a", "a", {}, (0,), one, other)], {"rpcs_per_round": METRICS["rpcs_per_round"]}, Rules())
        return list(judged.cells[0].metrics)

    (more,) = calls(15, 16)
    assert (more.verdict.outcome, phrase(more)) == ("regression", "6.7 % more calls")
    assert calls(15, 15)[0].verdict.outcome == "unchanged"
    assert calls(float("nan"), 15) == calls(15, float("nan")) == []


@pytest.mark.parametrize(
    ("name", "difference", "change"),
    [("step_p50_s", 0.25, 0.25), ("steps_per_s", 1.0, -0.5), ("final_eval_loss", 0.25, 0.25),
     ("final_eval_accuracy", 0.25, -0.25)],
)  # fmt: skip
def test_a_difference_is_told_as_a_change_of_head(name: str, difference: float, change: float) -> None:
    """Differences are positive where HEAD is worse: half the steps per second are twice the time of one."""
    additive = name.startswith("final")
    held = difference if additive else math.log1p(difference)
    judged = Judged(METRICS[name], Verdict("unchanged", "", threshold=held / 2, bar=held))
    assert judged.change(held) == pytest.approx(change)
    assert judged.flagged_beyond == pytest.approx(difference)
    assert judged.min_effect == pytest.approx(difference / 2 if additive else math.sqrt(1 + difference) - 1)
    assert judged.cells == 1


def test_what_is_flagged_asks_where_it_comes_from() -> None:
    assert not flagged(Verdict("unchanged", ""))
    assert not flagged(Verdict("inconclusive", ""))
    assert flagged(Verdict("inconclusive", "", suspect="regression"))
    assert flagged(Verdict("regression", ""))
    assert flagged(Verdict("improvement", ""))


def measured(name: str, base: Sequence[float], head: Sequence[float], **more: dict[str, int]) -> Pairs:
    """A cell of which one metric was measured."""
    one = tuple(Measured(values={name: value}) for value in base)
    other = tuple(Measured(values={name: value}, **more) for value in head)  # type: ignore[arg-type]  # by name
    return Pairs("c", "c", {}, tuple(range(len(base))), one, other)


@pytest.mark.parametrize("name", ["final_eval_accuracy", "rpcs_per_round"])
@pytest.mark.parametrize("side", ["BASE", "HEAD"])
def test_a_metric_that_one_run_lacks_is_an_error_and_not_left_out(name: str, side: str) -> None:
    full, short = [0.5] * 6, [math.nan, *[0.5] * 5]
    pairs = measured(name, *((short, full) if side == "BASE" else (full, short)))
    (judged,) = judge([pairs], {name: METRICS[name]}, Rules()).cells[0].metrics
    assert judged.verdict.outcome == "error"
    assert judged.verdict.reason == f"{name} of {side} is not a number in 1 of 6 runs"


@pytest.mark.parametrize(("name", "outcomes"), [("step_p50_s", ["inconclusive"]), ("server_compute_p50_s", [])])
def test_a_metric_that_was_redefined_is_told_where_it_decides(name: str, outcomes: list[str]) -> None:
    pairs = measured(name, [0.5] * 6, [0.5] * 6, definitions={name: 2})
    found = judge([pairs], {name: METRICS[name]}, Rules()).cells[0].metrics
    assert [judged.verdict.outcome for judged in found] == outcomes
    message = f"{name} differs in meaning between the sides (definitions 1 and 2): measure both again"
    assert pairs.redefined(METRICS[name]) == message
    assert measured(name, [0.5] * 2, [0.5] * 2).redefined(METRICS[name]) is None


def test_only_what_decides_has_an_interval_that_is_shown() -> None:
    (step,) = judge([cell(slower=0.1)], {"step_p50_s": METRICS["step_p50_s"]}, Rules()).cells[0].metrics
    assert step.shown[0] < math.log(1.1) < step.shown[1]
    other = judge([cell()], {"step_p50_s": METRICS["step_p50_s"]}, Rules(gates=())).cells[0].metrics[0]
    assert [math.isnan(end) for end in other.shown] == [True, True]


@pytest.mark.parametrize(
    ("name", "head", "outcome"),
    [("final_train_loss", 0.74, "unchanged"), ("final_train_loss", 0.76, "regression"),
     ("bytes_per_round", 0.62, "unchanged"), ("bytes_per_round", 0.63, "regression")],
)  # fmt: skip
def test_an_effect_that_the_user_chose_is_the_tolerance_of_an_exact_metric(
    name: str, head: float, outcome: str
) -> None:
    """A quarter: of a loss of 0.5 as a difference, of bytes as a share, where 0.625 is the edge."""
    pairs = replace(measured(name, [0.5], [head]), parameters={"order": "fixed"})
    (judged,) = judge([pairs], {name: METRICS[name]}, Rules({name: 0.25})).cells[0].metrics
    assert (judged.verdict.outcome, judged.verdict.exact) == (outcome, True)


@pytest.mark.parametrize(
    ("again", "outcome", "reason"),
    [
        (Pairs("c", "c", {}, refusal="HEAD was killed"), "error", "HEAD was killed"),
        (Pairs("c", "c", {}, refusal="it drifts", refused_as="inconclusive"), "inconclusive", "it drifts"),
        (measured("bytes_per_round", [0.0] * 6, [0.0] * 6), "error",
         "bytes_per_round of BASE is 0: no ratio can be made of it"),
    ],
)  # fmt: skip
def test_a_confirming_run_that_cannot_be_compared_says_why(again: Pairs, outcome: str, reason: str) -> None:
    codecs = {"codec": {"name": "raw", "then": "zstd"}}
    first = replace(measured("bytes_per_round", [1e6] * 6, [2e6] * 6), parameters=codecs)
    judgement = judge([first], {"bytes_per_round": METRICS["bytes_per_round"]}, Rules(), [again])
    (judged,) = judgement.cells[0].metrics
    assert (judged.verdict.outcome, judged.verdict.reason) == (
        outcome,
        f"flagged once; of the confirming run, {reason}",
    )


def test_the_grid_is_of_the_cells_that_have_the_metric_and_have_it_noisy() -> None:
    noisy = {"codec": {"name": "raw", "then": "zstd"}}
    sent = [measured("bytes_per_round", [1e6] * 6, [1e6] * 6) for _ in range(2)]
    cells = [replace(pairs, cell_id=name, parameters=noisy) for name, pairs in zip("ab", sent, strict=True)]
    nothing = replace(measured("bytes_per_round", [0.0] * 6, [0.0] * 6), cell_id="none", parameters=noisy)
    exact = replace(sent[0], cell_id="exact")
    judgement = judge([*cells, nothing, exact], {"bytes_per_round": METRICS["bytes_per_round"]}, Rules())
    assert [judged.cells for judged in judgement.grid] == [2]
    assert [cell.outcome for cell in judgement.cells] == ["unchanged", "unchanged", "error", "unchanged"]
