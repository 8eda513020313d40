"""What the options of `sfbench compare` and `ab` decide: margins, noise of the same code, confirmation."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from analysis.cli.app import app
from analysis.compare.compare import compare
from splitfed_core.errors import UsageError
from tests.analysis.compare.edits import SMALL, document, edit, edit_json, reseeded, slow_down

MakeRun = Callable[..., Path]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_effects": ["step_p50_s"]}, "--min-effect 'step_p50_s': write METRIC=SHARE"),
        ({"min_effects": ["step_p50_s=-1%"]}, "--min-effect 'step_p50_s=-1%': write METRIC=SHARE"),
        ({"min_effects": ["speed=3%"]}, "metric 'speed' does not exist; choose one of step_p50_s,"),
        ({"min_effects": ["final_eval_loss=3%"]}, "a loss takes a margin in its own unit, without %"),
        ({"min_effects": ["step_p50_s=5"]}, "--min-effect 'step_p50_s=5': 5 is a share of 500%; write step_p50_s=5%"),
        ({"metrics": ["speed"]}, "metric 'speed' does not exist"),
    ],
)
def test_wrong_options_are_refused(base: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
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


def test_with_five_pairs_two_cells_are_suspects_until_confirmed(base: Path, head: Path) -> None:
    slow_down(head)
    first = document(compare(base, head))
    assert [cell["verdict"] for cell in first["cells"]] == ["inconclusive"] * 2
    assert sorted(first["to_confirm"]) == sorted(cell["cell_id"] for cell in first["cells"])
    fresh = reseeded(base)
    again = document(compare(base, head, confirm=(fresh, fresh)))
    assert {cell["metrics"][0]["reason"] for cell in again["cells"]} == {"flagged once, but not again by 5 fresh pairs"}


@pytest.mark.parametrize("option", [("--metric", "speed"), ("--min-effect", "step_p50_s"), ("--noise", "no", "no")])
def test_ab_refuses_wrong_options_before_it_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)  # no repository: measuring would be refused for that
    with pytest.raises(UsageError, match=r"speed|step_p50_s|no does not exist"):
        CliRunner().invoke(app, ["ab", "HEAD", "grid.yaml", *option], catch_exceptions=False)
