"""Real processes; what they run is a recorder in place of a sweep."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.paired import machine_advice
from benchmarks.paired.machine_advice import advise, describe
from benchmarks.paired.self_comparison import SelfComparison, compare_with_itself
from splitfed_core.errors import UsageError
from splitfed_core.records.environment import Environment

SweepBy = Callable[[str], None]
GRID = "base: {rounds: 1}\naxes: {clients: [1]}\n"
RECORDER = """
import pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1]); out.mkdir(parents=True, exist_ok=True)
told = " ".join([out.name, *sys.argv[sys.argv.index("--repeat"):]])
with (out.parent / "calls").open("a") as file: file.write(told + "\\n")
"""


@pytest.fixture
def grid(tmp_path: Path, sweep_by: SweepBy) -> Path:
    sweep_by(RECORDER)
    (tmp_path / "grid.yaml").write_text(GRID)
    return tmp_path / "grid.yaml"


def test_both_sides_are_this_code_and_nothing_is_left_of_an_earlier_examination(grid: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        found = compare_with_itself(grid, 2, out, ["rounds=3"], print, duet=False)
        message = "--accept-plan-change --set rounds=3 --set repeats=2"
        calls = (out / "calls").read_text().splitlines()
        assert calls == [f"{name} --repeat {k} {message}" for name, k in (("a", 0), ("b", 0), ("b", 1), ("a", 1))]
        assert found.runs == (out / "a", out / "b")
        assert len(found.pair_s) == 2
        assert 0 <= found.stolen <= 1


def test_a_folder_with_something_else_in_it_is_left_alone(grid: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="already holds something else; use another --out"):
        compare_with_itself(grid, 2, tmp_path / "out", (), print, duet=False)
    assert (tmp_path / "out/thesis.tex").read_text() == "years of work"


def test_a_quiet_machine_of_ones_own_needs_no_advice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    facts = Environment(governor="performance", cgroup={"cpu_max": "max 100000"}, cores=4)
    monkeypatch.setattr(machine_advice, "environment", lambda app: facts)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    runs = (tmp_path / "a", tmp_path / "b")
    assert advise(SelfComparison(runs, [1.0], stolen=0.0, load=0.1)) == []
    monkeypatch.setattr(
        machine_advice,
        "environment",
        lambda app: replace(facts, governor="powersave", cgroup={"cpu_max": "150000 100000"}),
    )
    governor, quota, busy, stolen = advise(SelfComparison(runs, [1.0], stolen=0.04, load=1.7))
    assert governor.startswith("the frequency governor is 'powersave': set it to 'performance'")
    assert quota.startswith("the control group allows 1.5 of 4 cores")
    assert busy.startswith("other work was running when this began (load 1.7)")
    assert stolen.startswith("the host took 4.0 % of the processors' time")


def test_missing_bytecode_is_told_where_nobody_may_write_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "site/tensorflow"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    found = SelfComparison((tmp_path, tmp_path), [1.0], stolen=0.0, load=0.0)
    assert advise(found)[-1].endswith(f"python -m compileall -q {tmp_path / 'site'}")


def test_the_machine_is_described() -> None:
    message = describe()
    assert int(message["cores"]) >= 1
    assert message["memory"].endswith(" GB")
