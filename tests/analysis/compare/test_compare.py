"""`sfbench compare` on real run directories: what is a regression, an error, or nothing that can be compared."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from analysis.compare.compare import compare
from splitfed_core.records.summary import DEFINITIONS
from tests.analysis.compare.edits import SMALL, document, edit, edit_json, slow_down

MakeRun = Callable[..., Path]


def test_the_same_numbers_are_unchanged(base: Path, head: Path) -> None:
    compared = compare(base, head)
    assert (compared.exit_code, compared.warnings) == (0, [])
    assert compared.words.endswith("Of 2 cells: 2 unchanged.")


def test_a_slower_server_is_a_regression_and_the_attribution_names_it(base: Path, head: Path) -> None:
    slow_down(head)
    made = document(compare(base, head))
    named = [each for each in made["grid"]["attribution"] if each["named"]]
    assert (made["verdict"], made["exit_code"]) == ("regression", 1)
    assert [each["phase"] for each in named] == ["server_compute_s"]
    assert named[0]["share_of_step"] == pytest.approx(0.15, abs=0.01)
    assert made["grid"]["words"] == "15 % slower, rounds 15 % slower, accuracy unchanged"


def test_of_two_rounds_the_time_does_not_decide_because_one_of_them_compiles(make_run: MakeRun) -> None:
    base = make_run("main", {"clients": [2]}, **SMALL | {"base": {"rounds": 2}, "repeats": 6})
    head = Path(shutil.copytree(base, base.with_name("change")))
    edit(head, "rounds.csv", lambda rounds: rounds.assign(round_s=rounds["round_s"] * 2))
    assert compare(base, head).exit_code == 0


def test_in_three_rounds_the_round_decides_and_its_aggregation_is_named(make_run: MakeRun) -> None:
    base = make_run("main", {"clients": [2]}, **SMALL | {"repeats": 6})
    head = Path(shutil.copytree(base, base.with_name("change")))

    def slow_fed_server(rows: pd.DataFrame) -> pd.DataFrame:
        more = 23 * rows["aggregation_s"]
        return rows.assign(aggregation_s=rows["aggregation_s"] + more, round_s=rows["round_s"] + more)

    edit(head, "rounds.csv", slow_fed_server)
    made = document(compare(base, head))["cells"][0]
    decided = {each["metric"]: each["verdict"] for each in made["metrics"] if each["gates"]}
    assert (decided["step_p50_s"], decided["round_p50_s"]) == ("unchanged", "regression")
    (named,) = [each for each in made["attribution"] if each["named"]]
    assert (named["phase"], named["of"], named["share_of_step"]) == ("aggregation_s", "round", None)
    assert named["change_s"] == pytest.approx(23 * 0.004, rel=0.01)


def test_fewer_than_five_pairs_are_inconclusive(make_run: MakeRun) -> None:
    run = make_run("few", {"clients": [2]}, **SMALL | {"repeats": 3})
    compared = compare(run, run)
    assert compared.exit_code == 4
    gated = compared.judgement.cells[0].gated(compared.judgement.rules)
    assert {judged.verdict.reason for judged in gated if not judged.verdict.exact} == {"needs ≥ 5 pairs, has 3"}


def test_cut_off_files_are_an_error(base: Path, head: Path) -> None:
    steps = next(head.glob("cells/*/r2/steps.csv"))
    steps.write_text(steps.read_text()[:-200])
    compared = compare(base, head)
    assert compared.exit_code == 3
    assert "HEAD steps.csv differs from the hash in its manifest" in str(compared.judgement.cells)


def test_a_repeat_that_was_planned_but_has_no_result_is_an_error(base: Path, head: Path) -> None:
    shutil.rmtree(next(head.glob("cells/*/r4")))
    assert "repeat 4: HEAD has no result" in str(compare(base, head).judgement.cells)


def test_a_failed_cell_is_an_error(base: Path, head: Path) -> None:
    edit_json(next(head.glob("cells/*/r0/manifest.json")), status="failed", reason="the main server was lost")
    compared = compare(base, head)
    assert compared.exit_code == 3
    assert "repeat 0: HEAD failed: the main server was lost" in str(compared.judgement.cells)


def test_another_machine_refuses_every_cell_but_another_commit_none(base: Path, head: Path) -> None:
    edit_json(next(head.glob("env/*.json")), git_commit="f" * 40, git_dirty=True)
    assert compare(base, head).exit_code == 0
    edit_json(next(head.glob("env/*.json")), cores=8)
    compared = compare(base, head)
    assert compared.exit_code == 3
    assert {cell.pairs.refusal for cell in compared.judgement.cells} == {
        "repeat 0: measured on different machines (cores 4 and 8); that is for trends, not for gates"
    }


def define(run: Path, **numbers: int) -> None:
    for manifest in run.glob("cells/*/r*/manifest.json"):
        edit_json(manifest, definitions=DEFINITIONS | numbers)


def test_a_metric_that_means_something_else_on_either_side_is_left_out_and_passes_nothing(
    base: Path, head: Path
) -> None:
    define(head, step_p50_s=3, step_p95_s=3, uplink_p50_s=3)
    compared = compare(base, head)
    cell = document(compared)["cells"][0]
    judged = {metric["metric"]: metric for metric in cell["metrics"]}
    assert (judged["step_p50_s"]["verdict"], compared.exit_code) == ("inconclusive", 4)
    assert "step_p50_s differs in meaning between the sides (definitions 2 and 3)" in judged["step_p50_s"]["reason"]
    assert (judged["bytes_per_round"]["verdict"], "uplink_p50_s" in judged) == ("unchanged", False)
    assert any(
        "define them differently: step_p50_s, step_p95_s, uplink_p50_s." in message for message in compared.warnings
    )


def test_metrics_that_were_defined_anew_on_both_sides_are_compared(base: Path, head: Path) -> None:
    for run in (base, head):
        define(run, step_p50_s=3)
    compared = compare(base, head)
    assert (compared.exit_code, [message for message in compared.warnings if "define" in message]) == (0, [])


def test_a_side_with_two_codes_is_refused_with_the_remedy(base: Path, head: Path) -> None:
    for path in base.glob("cells/*/*/manifest.json"):
        edit_json(path, code={})
    first, *others = sorted(head.glob("cells/*/*/manifest.json"))
    for path in others:
        edit_json(path, code={"sfbench": "a", "net.py": "b"})
    edit_json(first, code={"sfbench": "a", "net.py": "c"})
    assert compare(base, base).exit_code == 0  # of before code was recorded: one code
    refused = compare(base, head)
    assert (refused.judgement.outcome, refused.exit_code) == ("error", 3)
    reasons = {cell.pairs.refusal for cell in refused.judgement.cells}
    assert reasons == {
        "repeat 0: HEAD was measured with more than one version of the code (net.py changed during the run): measure "
        "all of it with one, "
        "into another directory or with sfbench sweep --fresh"
    }


def test_recorded_code_beside_unrecorded_is_another(base: Path, head: Path) -> None:
    edit_json(next(head.glob("cells/*/*/manifest.json")), code={"sfbench": "a"})
    assert compare(base, head).exit_code == 3


def test_data_of_another_content_are_refused_where_it_is_known(base: Path, head: Path) -> None:
    for path in [*base.glob("cells/*/*/manifest.json"), *head.glob("cells/*/*/manifest.json")]:
        facts = json.loads(path.read_text())["facts"]
        edit_json(path, facts=facts | {"dataset": {"train": 9, "digest": "one" if base in path.parents else "other"}})
    assert compare(base, base).exit_code == 0
    assert compare(base, head).exit_code == 3
