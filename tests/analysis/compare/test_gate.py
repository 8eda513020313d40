"""The gate on pairs with known answers: words, margins, exact metrics, families, confirmation, noise, the grid."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from analysis.compare.attribution import attribute
from analysis.compare.gate import Judged, Judgement, judge
from analysis.compare.measured import Measured
from analysis.compare.pairing import Pairs
from analysis.compare.rules import Rules, aa_noise
from analysis.compare.wording import cell_words, moved_words, phrase, summary, worst_first
from splitfed_core.records.metrics import METRICS

JITTER = np.random.default_rng(5).normal(0, 0.01, 10)


def cell(name: str = "c", slower: float = 0.0, pairs: int = 10, order: str = "arrival", **changed: float) -> Pairs:
    """A cell whose step and round are slower by a share, with 1 % of noise; other metrics of HEAD as given."""
    values = {"final_train_loss": 0.5, "final_eval_accuracy": 0.9, "bytes_per_round": 1e6}
    base = tuple(Measured(values=values | {"step_p50_s": 0.01, "round_p50_s": 1.0}) for _ in range(pairs))
    by = (1 + slower) * np.exp(JITTER[:pairs])
    head = tuple(Measured(values=values | {"step_p50_s": 0.01 * t, "round_p50_s": t} | changed) for t in by)
    return Pairs(name, name, {"order": order}, tuple(range(pairs)), base, head)


def decide(*cells: Pairs, again: Sequence[Pairs] | None = None, rules: Rules | None = None) -> Judgement:
    return judge(cells, METRICS, rules or Rules(), again)


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


def ledger(compute: float, queue: float) -> tuple[Measured, ...]:
    phases = {"client_forward_s": 0.006, "server_queue_s": queue, "server_compute_s": compute}
    return tuple(Measured(phases={name: s * math.exp(j) for name, s in phases.items()}) for j in JITTER)


def test_attribution_names_the_phase_that_moved_and_by_how_much() -> None:
    pairs = Pairs("c", "c", {}, tuple(range(10)), ledger(0.002, 0.002), ledger(0.0035, 0.002))
    first, *rest = attribute([pairs])
    assert (first.phase, first.named, [moved.named for moved in rest]) == ("server_compute_s", True, [False, False])
    assert first.share == pytest.approx(0.15, abs=1e-3)
    assert moved_words([first]) == "server_compute +15 % of the step (+1.5 ms)"


def test_attribution_tells_a_phase_that_gained_from_one_that_lost() -> None:
    pairs = Pairs("c", "c", {}, tuple(range(10)), ledger(0.002, 0.002), ledger(0.004, 0.001))
    assert moved_words(attribute([pairs])).startswith("server_compute +20 % of the step (+2 ms), server_queue −10 %")


def rounds(between: float, aggregation: float, step: float = 0.01) -> tuple[Measured, ...]:
    """A cell of rounds with 40 steps; what they hold is as given."""
    parts = {"steps_s": 40 * step, "between_steps_s": 40 * between, "aggregation_s": aggregation}
    return tuple(
        Measured(
            values={"step_p50_s": step * math.exp(j), "round_p50_s": sum(parts.values()) * math.exp(j)},
            phases={"server_compute_s": step * math.exp(j)},
            round_s=sum(parts.values()) * math.exp(j),
            round_parts={name: s * math.exp(j) for name, s in parts.items()},
        )
        for j in JITTER
    )


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (rounds(0.006, 0.012), "between steps +44 % of the round (+200 ms)"),
        (rounds(0.001, 0.3), "aggregation +64 % of the round (+288 ms)"),
        (
            rounds(0.001, 0.3, 0.02),
            "server_compute +100 % of the step (+9.99 ms), aggregation +64 % of the round (+288 ms)",
        ),
        (rounds(0.001, 0.012, 0.02), "server_compute +100 % of the step (+9.99 ms)"),
    ],
)
def test_what_a_round_holds_beside_its_steps_is_attributed_where_rounds_moved(
    head: tuple[Measured, ...], told: str
) -> None:
    before = rounds(0.001, 0.012)
    judged = decide(Pairs("c", "c", {}, tuple(range(10)), before, head)).cells[0]
    assert moved_words(judged.moved) == told
    old = tuple(replace(run, round_parts={"steps_s": run.round_parts["steps_s"]}) for run in before)
    judged = decide(Pairs("c", "c", {}, tuple(range(10)), old, head)).cells[0]
    assert {moved.phase for moved in judged.moved if moved.of == "round"} <= {"steps_s"}


def test_cells_without_a_ledger_attribute_nothing() -> None:
    assert attribute([cell()]) == ()


def test_a_phase_that_merely_jumps_about_is_not_named() -> None:
    head = [
        Measured(phases=dict(run.phases) | {"server_queue_s": 0.002 + (0.004 if i % 2 else -0.001)})
        for i, run in enumerate(ledger(0.0035, 0.002))
    ]
    moved = attribute([Pairs("c", "c", {}, tuple(range(10)), ledger(0.002, 0.002), tuple(head))])
    assert {each.phase: each.named for each in moved} == {
        "server_compute_s": True, "server_queue_s": False, "client_forward_s": False,
    }  # fmt: skip
    assert next(each.share for each in moved if each.phase == "server_queue_s") > 0.1


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
