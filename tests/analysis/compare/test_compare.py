"""`sfbench compare` on real files: run directories and pytest-benchmark, exit codes, what is written."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from typer.testing import CliRunner

from analysis.cli.app import app
from analysis.compare.compare import Compared, compare, write_verdict
from analysis.compare.verdict_json import to_json
from splitfed_core.errors import NotARunError, UsageError
from splitfed_core.records.rows import PHASES
from splitfed_core.records.summary import DEFINITIONS

MakeRun = Callable[..., Path]
SMALL: dict[str, Any] = {"repeats": 5, "steps_per_round": 2, "base": {"rounds": 3}}


@pytest.fixture
def base(make_run: MakeRun) -> Path:
    return make_run("main", **SMALL)


@pytest.fixture
def head(base: Path) -> Path:
    return Path(shutil.copytree(base, base.with_name("change")))


def edit(run: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change a CSV file of every attempt, with its hash."""
    for manifest in run.glob("cells/*/r*/manifest.json"):
        path = manifest.with_name(name)
        change(pd.read_csv(path)).to_csv(path, index=False)
        told = json.loads(manifest.read_text())
        told["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
        manifest.write_text(json.dumps(told))


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def slower_server(steps: pd.DataFrame) -> pd.DataFrame:
    """Put 15 % of the step into `server_compute`."""
    more = steps["server_compute_s"] + 0.15 * steps["step_s"]
    grown = steps.assign(server_compute_s=more, warmup=steps["warmup"].map({True: "true", False: "false"}))
    return grown.assign(step_s=grown[list(PHASES)].sum(axis=1))


def reseeded(run: Path, name: str = "fresh") -> Path:
    """The same numbers, as if another root seed had given them."""
    copy = Path(shutil.copytree(run, run.with_name(name)))
    for manifest in copy.glob("cells/*/r*/manifest.json"):
        edit_json(manifest, seed=json.loads(manifest.read_text())["seed"] + 1000)
    return copy


def slow_down(run: Path) -> None:
    """Put 15 % of the step into `server_compute`, which makes the rounds as much longer."""
    edit(run, "steps.csv", slower_server)
    edit(run, "rounds.csv", lambda rounds: rounds.assign(round_s=rounds["round_s"] * 1.15))


def document(compared: Compared) -> dict[str, Any]:
    return to_json(compared.base, compared.head, compared.judgement, compared.warnings)


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


def test_with_five_pairs_two_cells_are_suspects_until_confirmed(base: Path, head: Path) -> None:
    slow_down(head)
    first = document(compare(base, head))
    assert [cell["verdict"] for cell in first["cells"]] == ["inconclusive"] * 2
    assert sorted(first["to_confirm"]) == sorted(cell["cell_id"] for cell in first["cells"])
    fresh = reseeded(base)
    again = document(compare(base, head, confirm=(fresh, fresh)))
    assert {cell["metrics"][0]["reason"] for cell in again["cells"]} == {"flagged once, but not again by 5 fresh pairs"}


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


def test_a_side_without_any_usable_result_has_its_verdict_written(
    base: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    broken = make_run("broken", **SMALL, failed=lambda *_: "out of memory")
    compared = compare(base, broken)
    written = json.loads((write_verdict(compared, tmp_path / "out").with_name("verdict.json")).read_text())
    assert (compared.exit_code, written["verdict"], written["exit_code"]) == (3, "error", 3)
    assert {cell["refusal"] for cell in written["cells"]} == {"repeat 0: HEAD failed: out of memory"}
    assert compare(broken, broken).exit_code == 3


def test_another_machine_refuses_every_cell_but_another_commit_none(base: Path, head: Path) -> None:
    edit_json(next(head.glob("env/*.json")), git_commit="f" * 40, git_dirty=True)
    assert compare(base, head).exit_code == 0
    edit_json(next(head.glob("env/*.json")), cores=8)
    compared = compare(base, head)
    assert compared.exit_code == 3
    assert {cell.pairs.refusal for cell in compared.judgement.cells} == {
        "repeat 0: measured on different machines (cores 4 and 8); that is for trends, not for gates"
    }


def test_everything_is_written_and_can_be_read(base: Path, head: Path, tmp_path: Path) -> None:
    slow_down(head)
    write_verdict(compare(base, head), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "verdict.json").read_text())["schema"] == 1
    drawn = {f"effect-{name}.{kind}" for name in ("step_p50_s", "round_p50_s") for kind in ("png", "svg")}
    assert {path.name for path in (tmp_path / "out").rglob("effect-*_p50_s*")} == drawn
    suite = ET.parse(tmp_path / "out" / "junit.xml").getroot()[0]  # noqa: S314 - we wrote it
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["skipped"]) == ("21", "2", "4")
    markdown = (tmp_path / "out" / "verdict.md").read_text()
    assert markdown.startswith("## sfbench: regression\n\nmain → change. **Over the grid: 15 % slower")
    assert markdown.index("| aggregation on | inconclusive |") < markdown.index("<details>")


def test_the_same_comparison_writes_the_same_bytes(base: Path, head: Path, tmp_path: Path) -> None:
    slow_down(head)
    for name in ("one", "two"):
        write_verdict(compare(base, head), tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 7
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)


def test_text_from_a_run_cannot_be_markup(make_run: MakeRun, tmp_path: Path) -> None:
    evil = "<img src=x>|`a`\x07"
    run = make_run("evil", {"model": [evil, "b"]}, **SMALL)
    edit_json(next(run.glob("cells/*/r0/manifest.json")), status="failed", reason=evil)
    write_verdict(compare(run, run), tmp_path)
    assert "<img" not in (tmp_path / "verdict.md").read_text()
    assert ET.parse(tmp_path / "junit.xml").getroot()[0].attrib["errors"] == "1"  # noqa: S314 - we wrote it


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"min_effects": ["step_p50_s"]}, "--min-effect 'step_p50_s': write METRIC=SHARE"),
        ({"min_effects": ["step_p50_s=-1%"]}, "--min-effect 'step_p50_s=-1%': write METRIC=SHARE"),
        ({"min_effects": ["speed=3%"]}, "metric 'speed' does not exist; choose one of step_p50_s,"),
        ({"min_effects": ["final_eval_loss=3%"]}, "a loss takes a margin in its own unit, without %"),
        ({"min_effects": ["step_p50_s=5"]}, "--min-effect 'step_p50_s=5': 5 is a share of 500%; write step_p50_s=5%"),
        ({"metrics": ["speed"]}, "metric 'speed' does not exist"),
    ],
)
def test_wrong_options_are_refused(base: Path, options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        compare(base, base, **options)


def test_a_metric_can_be_made_to_decide_and_an_effect_be_allowed(base: Path, head: Path) -> None:
    edit(head, "rounds.csv", lambda rounds: rounds.assign(aggregation_s=rounds["aggregation_s"] * 1.2))
    name = "aggregation_p50_s"
    assert compare(base, head).exit_code == 0
    assert compare(base, head, metrics=[name]).exit_code == 1
    assert compare(base, head, metrics=[name], min_effects=[f"{name}=25%"]).exit_code == 0


def test_two_runs_of_the_same_code_excuse_what_differs_between_them(make_run: MakeRun) -> None:
    base = make_run("main", {"clients": [2]}, **SMALL)
    head, noisy = (Path(shutil.copytree(base, base.with_name(name))) for name in ("change", "again"))
    slow_down(head)
    slow_down(noisy)
    assert compare(base, head).exit_code == 1
    assert compare(base, head, noise=(base, base)).exit_code == 1
    assert compare(base, head, noise=(base, noisy)).exit_code == 4, "15 % are not unchanged because they may be noise"


def test_runs_that_say_nothing_of_the_noise_here_are_refused(base: Path, make_run: MakeRun) -> None:
    few = make_run("few", **SMALL | {"repeats": 4})
    with pytest.raises(UsageError, match=r"few: they cannot show the noise, which takes .* at least 5 pairs"):
        compare(base, base, noise=(few, few))
    other = make_run("other", {"clients": [7]}, **SMALL)
    with pytest.raises(UsageError, match="they have none of the cells being compared"):
        compare(base, base, noise=(other, other))


def test_runs_do_not_confirm_themselves(base: Path, head: Path) -> None:
    with pytest.raises(UsageError, match="--confirm: takes two further runs"):
        compare(base, head, confirm=(base.parent / "." / "main", head))


def test_runs_of_the_same_seeds_confirm_nothing(base: Path, head: Path) -> None:
    fresh = reseeded(base)
    edit_json(next(fresh.glob("cells/*/r3/manifest.json")), seed=8)
    with pytest.raises(
        UsageError, match=r"fresh: repeat 3 of .* has seed 8 of the first .* sweep GRID --set seed=SEED"
    ):
        compare(base, head, confirm=(fresh, fresh))


def test_a_confirming_run_that_lacks_a_planned_repeat_is_an_error(base: Path, head: Path) -> None:
    slow_down(head)
    fresh, slow = reseeded(base), reseeded(head, "slow")
    assert compare(base, head, confirm=(fresh, slow)).exit_code == 1
    for repeat in slow.glob("cells/*/r4"):
        shutil.rmtree(repeat)
    compared = compare(base, head, confirm=(fresh, slow))
    assert compared.exit_code == 3
    assert "flagged once; of the confirming run, repeat 4: HEAD has no result" in str(compared.judgement.cells)


def test_the_markdown_says_what_was_not_confirmed(base: Path, head: Path, tmp_path: Path) -> None:
    slow_down(head)
    write_verdict(compare(base, head), tmp_path)
    moved = r"server\_compute +15 % of the step"
    assert moved in (tmp_path / "verdict.md").read_text()
    fresh = reseeded(base)
    write_verdict(compare(base, head, confirm=(fresh, fresh)), tmp_path)
    told = (tmp_path / "verdict.md").read_text()
    assert "flagged once, but not again by 5 fresh pairs" in told
    assert moved not in told


def test_the_commits_are_those_of_the_users_own_code(base: Path) -> None:
    assert document(compare(base, base))["base"]["commits"] == ["0123456789abcdef0123456789abcdef01234567"]
    edit_json(next(base.glob("env/*.json")), app={"git_commit": "abc", "git_dirty": True})
    assert document(compare(base, base))["base"]["commits"] == ["abc+dirty"]


def test_an_unexpected_error_is_no_regression(base: Path, head: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    words = ["compare", str(base), str(head), "--out", str(tmp_path / "file" / "below")]
    command = [sys.executable, "-c", "from analysis.cli import main; main()", *words]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 5
    assert "NotADirectoryError" in done.stderr


@pytest.mark.parametrize("option", [("--metric", "speed"), ("--min-effect", "step_p50_s"), ("--noise", "no", "no")])
def test_ab_refuses_wrong_options_before_it_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)  # no repository: measuring would be refused for that
    with pytest.raises(UsageError, match=r"speed|step_p50_s|no does not exist"):
        CliRunner().invoke(app, ["ab", "HEAD", "grid.yaml", *option], catch_exceptions=False)


def test_the_command_returns_the_exit_code_and_says_where_to_read(base: Path, head: Path, tmp_path: Path) -> None:
    slow_down(head)
    done = CliRunner().invoke(app, ["compare", str(base), str(head), "--out", str(tmp_path / "out")])
    words, where = done.stdout.splitlines()
    assert done.exit_code == 1
    assert words.startswith("regression: Over the grid: 15 % slower, rounds 15 % slower, accuracy unchanged.")
    assert where == str(tmp_path / "out" / "verdict.md")


def benchmark(path: Path, seconds: float, cpu: str = "A") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cpu": {"brand_raw": cpu, "count": 4}, "system": "Linux", "machine": "x86_64", "release": "6.1"}
    entries = [{"fullname": f"bench.py::{name}", "stats": {"median": seconds}} for name in ("encode", "decode")]
    path.write_text(json.dumps({"machine_info": machine, "benchmarks": entries, "version": "5.1"}))
    return path


def test_one_file_of_pytest_benchmark_is_one_pair(tmp_path: Path) -> None:
    compared = compare(benchmark(tmp_path / "a.json", 1.0), benchmark(tmp_path / "b.json", 2.0))
    assert compared.exit_code == 4
    assert "needs ≥ 5 pairs, has 1" in str(compared.judgement.cells)


def test_a_folder_of_them_has_a_pair_per_file(tmp_path: Path) -> None:
    for i in range(6):
        benchmark(tmp_path / "a" / f"{i}.json", 1.0)
        benchmark(tmp_path / "b" / f"{i}.json", 1.12)
    assert compare(tmp_path / "a", tmp_path / "b").words == (
        "regression: Over the grid: 12 % slower. Of 2 cells: 2 regression."
    )
    benchmark(tmp_path / "b" / "5.json", 1.12, cpu="B")
    assert compare(tmp_path / "a", tmp_path / "b").exit_code == 3


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{}", "has no list of benchmarks"),
        ('{"benchmarks": [{"stats": null}]}', "has no list"),
        ("no", "cannot be read"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(NotARunError, match=told):
        compare(tmp_path / "x.json", tmp_path / "x.json")


def test_paths_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotARunError, match="does not exist; name a run directory"):
        compare(tmp_path / "nothing", tmp_path)
    with pytest.raises(NotARunError, match="neither a run directory nor a folder with JSON files"):
        compare(tmp_path, tmp_path)


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
    assert any("define them differently: step_p50_s, step_p95_s, uplink_p50_s." in told for told in compared.warnings)


def test_metrics_that_were_defined_anew_on_both_sides_are_compared(base: Path, head: Path) -> None:
    for run in (base, head):
        define(run, step_p50_s=3)
    compared = compare(base, head)
    assert (compared.exit_code, [told for told in compared.warnings if "define" in told]) == (0, [])


def test_a_side_with_two_codes_is_refused_with_the_remedy(base: Path, head: Path) -> None:
    for path in base.glob("cells/*/*/manifest.json"):
        edit_json(path, code={})
    first, *others = sorted(head.glob("cells/*/*/manifest.json"))
    for path in others:
        edit_json(path, code={"sfbench": "a", "net.py": "b"})
    edit_json(first, code={"sfbench": "a", "net.py": "c"})
    assert compare(base, base).exit_code == 0  # of before code was recorded: one code
    told = compare(base, head)
    assert (told.judgement.outcome, told.exit_code) == ("error", 3)
    reasons = {cell.pairs.refusal for cell in told.judgement.cells}
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
