"""Real git, real processes; what they run is a recorder in place of a sweep: two cold starts would take a minute."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.paired.ab import AB
from benchmarks.paired.pairs import SWEEP
from benchmarks.paired.worktrees import worktrees
from splitfed_core.errors import CellError, UsageError

ROOT = Path(__file__).parents[3]
GRID = "base: {rounds: 1}\naxes: {clients: [1, 2]}\n"
RECORDER = """
import json, os, pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1]); out.mkdir(parents=True, exist_ok=True)
told = {"argv": sys.argv[1:], "code": pathlib.Path("code.txt").read_text(), "path": os.environ.get("PYTHONPATH"),
        "cwd": os.getcwd(), "session": os.getsid(0) == os.getpid(), "first": sys.path[0]}
with (out.parent / "calls.jsonl").open("a") as file: file.write(json.dumps(told) + "\\n")
print("said something")
sys.exit(int(told["code"].split()[0]))
"""
Git = Callable[..., str]
SweepBy = Callable[[str], None]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sweep_by: SweepBy) -> Git:
    """A repository with two commits, and one stands in a folder of it."""
    top = tmp_path / "repository"
    (top / "models").mkdir(parents=True)

    def run(*arguments: str) -> str:
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        return subprocess.run(["git", *who, *arguments], cwd=top, check=True, capture_output=True, text=True).stdout

    run("init", "--quiet", "--initial-branch=main")
    for text in ("0 old", "0 new"):
        (top / "models/code.txt").write_text(text)
        (top / "models/grid.yaml").write_text(GRID)
        run("add", ".")
        run("commit", "--quiet", "-m", text)
    monkeypatch.chdir(top / "models")
    sweep_by(RECORDER)
    return run


def make_ab(tmp_path: Path, **changes: Any) -> AB:
    values: dict[str, Any] = {"base_ref": "HEAD~1", "head_ref": None, "grid": Path("grid.yaml"), "pairs": 3}
    return AB(**values | {"out": tmp_path / "out"} | changes)


def calls(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "out/calls.jsonl").read_text().splitlines()]


def side(call: dict[str, Any]) -> str:
    return Path(call["argv"][call["argv"].index("--out") + 1]).name


def test_sides_take_turns_and_share_the_repeat_of_their_pair(git: Git, tmp_path: Path) -> None:
    (tmp_path / "repository/models/code.txt").write_text("0 changed")
    messages: list[str] = []
    assert make_ab(tmp_path, settings=("rounds=2",)).measure(messages.append) == (
        tmp_path / "out/base",
        tmp_path / "out/head",
    )
    made = calls(tmp_path)
    assert [side(call) for call in made] == ["base", "head", "head", "base", "base", "head"]
    assert [call["argv"][call["argv"].index("--repeat") + 1] for call in made] == list("001122")
    assert {(side(call), call["code"]) for call in made} == {("base", "0 old"), ("head", "0 changed")}
    assert all(call["session"] and call["argv"][-4:] == ["--set", "rounds=2", "--set", "repeats=3"] for call in made)
    assert len({len(call["cwd"]) for call in made}) == 1  # nothing may depend on the length of a path
    assert [text.split(":")[0] for text in messages] == ["pair 1 of 3", "pair 2 of 3", "pair 3 of 3"]
    assert (tmp_path / "out/base.log").read_text() == "said something\n" * 3


def test_in_a_duet_both_sides_of_a_pair_run_at_the_same_time(git: Git, tmp_path: Path, sweep_by: SweepBy) -> None:
    meet = """
import pathlib, sys, time
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1]); out.mkdir(parents=True, exist_ok=True)
(out / "here").touch()
while not all((out.parent / side / "here").exists() for side in ("base", "head")): time.sleep(0.01)
"""
    sweep_by(meet)  # alone, neither would ever end
    messages: list[str] = []
    make_ab(tmp_path, pairs=1, duet=True).measure(messages.append)
    assert len(messages) == 1
    with pytest.raises(UsageError, match="already holds a different comparison"):
        make_ab(tmp_path, pairs=1).measure(print)


def test_an_injected_delay_is_for_head_alone(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sweep_by: SweepBy
) -> None:
    tell = "import os, sys; print(os.environ.get('SFBENCH_INJECT'), os.environ['HOME'] != '')"
    sweep_by(tell)
    monkeypatch.setenv("SFBENCH_INJECT", "server_compute:+15%")
    work = make_ab(tmp_path, pairs=1)
    work.measure(print)
    work.confirm(print, ["a"])
    logs = {path.stem: path.read_text() for path in (tmp_path / "out").glob("*.log")}
    delayed, not_delayed = "server_compute:+15% True\n", "None True\n"
    assert logs == {
        "base": not_delayed,
        "head": delayed,
        "confirm-base": not_delayed,
        "confirm-head": delayed,
    }


def test_worktrees_are_gone_in_the_end_also_after_a_failure(git: Git, tmp_path: Path) -> None:
    (tmp_path / "repository/models/code.txt").write_text("1 crash")
    with pytest.raises(CellError, match=r"head \(the working tree\) cannot be measured; .*\nsaid something"):
        make_ab(tmp_path).measure(print)
    assert git("worktree", "list").count("\n") == 1
    assert not any(Path(call["cwd"]).exists() for call in calls(tmp_path))


@pytest.mark.parametrize(("code", "error"), [("2", UsageError), ("5", CellError), ("130", KeyboardInterrupt)])
def test_what_ends_a_sweep_ends_the_comparison(git: Git, tmp_path: Path, code: str, error: type[BaseException]) -> None:
    (tmp_path / "repository/models/code.txt").write_text(code)
    with pytest.raises(error):
        make_ab(tmp_path).measure(print)


def test_cells_that_failed_are_left_to_the_verdict(git: Git, tmp_path: Path) -> None:
    (tmp_path / "repository/models/code.txt").write_text("3")
    make_ab(tmp_path, pairs=1).measure(print)
    assert len(calls(tmp_path)) == 2


def test_a_confirmation_measures_the_named_cells_only_into_runs_of_its_own(git: Git, tmp_path: Path) -> None:
    make_ab(tmp_path, pairs=1, head_ref="main").confirm(print, ["b", "a"])
    assert [side(call) for call in calls(tmp_path)] == ["confirm-base", "confirm-head"]
    assert all(call["argv"][-4:] == ["--cell", "a", "--cell", "b"] for call in calls(tmp_path))


def test_a_confirmation_has_another_root_seed_the_same_for_both_sides(git: Git, tmp_path: Path) -> None:
    def seeds(settings: tuple[str, ...]) -> set[str]:
        out = tmp_path / f"out{len(settings)}"
        make_ab(tmp_path, pairs=1, head_ref="main", settings=settings, out=out).confirm(print, ["a"])
        commands = [json.loads(line)["argv"] for line in (out / "calls.jsonl").read_text().splitlines()]
        return {[word for word in argv if word.startswith("seed=")][-1] for argv in commands}

    (derived,), (of_seven,) = seeds(()), seeds(("seed=7",))
    assert len({derived, of_seven, "seed=0", "seed=7"}) == 4
    assert seeds(()) == {derived}, "an interrupted confirmation goes on with the same"
    make_ab(tmp_path, pairs=1).measure(print)
    assert not any("seed=" in word for call in calls(tmp_path) for word in call["argv"])


def test_results_of_other_code_are_not_gone_on_with(git: Git, tmp_path: Path) -> None:
    make_ab(tmp_path, pairs=1).measure(print)
    make_ab(tmp_path, pairs=2).measure(print)
    (tmp_path / "repository/models/new.py").write_text("something else")
    with pytest.raises(UsageError, match="already holds a different comparison; use another --out"):
        make_ab(tmp_path).measure(print)


def test_what_git_does_not_know_yet_is_measured_too(git: Git, tmp_path: Path) -> None:
    (tmp_path / "repository/.gitignore").write_text("runs/\n")
    (tmp_path / "repository/models/new.py").write_text("new")
    (tmp_path / "repository/runs").mkdir()
    (tmp_path / "repository/runs/large").write_text("a result")
    with worktrees(Path.cwd(), "HEAD", None) as (base, head):
        assert ((head.folder / "new.py").read_text(), (base.folder / "new.py").exists()) == ("new", False)
        assert not (head.top / "runs").exists()
        assert base.changes is None
        assert head.changes is not None


def test_what_is_measured_does_not_depend_on_how_git_shows_it(git: Git, tmp_path: Path) -> None:
    for name, value in (("diff.external", "true"), ("diff.noprefix", "true"), ("color.ui", "always")):
        git("config", name, value)
    (tmp_path / "repository/models/code.txt").write_text("0 changed")
    with worktrees(Path.cwd(), "HEAD", None) as (_, head):
        assert (head.folder / "code.txt").read_text() == "0 changed"


def test_results_below_the_repository_are_no_change_of_it(git: Git, tmp_path: Path) -> None:
    for _ in range(2):
        make_ab(tmp_path, pairs=1, out=Path("ab")).measure(print)
    make_ab(tmp_path, pairs=1, out=Path("ab")).confirm(print, ["a"])
    assert json.loads(Path("ab/ab.json").read_text())["head"]["changes"] is None


def test_links_are_brought_as_links(git: Git, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    Path("data").symlink_to(tmp_path / "data")
    Path("broken").symlink_to("nowhere")
    with worktrees(Path.cwd(), "HEAD", None) as (_, head):
        links = {name: (head.folder / name).readlink() for name in ("data", "broken")}
    assert links == {"data": tmp_path / "data", "broken": Path("nowhere")}


def test_a_repository_in_the_repository_is_refused(git: Git, tmp_path: Path) -> None:
    git("init", "--quiet", "other")
    with pytest.raises(UsageError, match="other is a git repository in a git repository"):
        make_ab(tmp_path).measure(print)
    assert git("worktree", "list").count("\n") == 1


def test_a_folder_that_one_side_lacks_is_refused(git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "repository/new").mkdir()
    (tmp_path / "repository/new/grid.yaml").write_text(GRID)
    monkeypatch.chdir(tmp_path / "repository/new")
    with pytest.raises(UsageError, match="HEAD~1 has no folder new; start from one that both sides have"):
        make_ab(tmp_path).measure(print)


def test_a_worktree_of_the_user_is_left_alone(git: Git, tmp_path: Path) -> None:
    git("worktree", "add", "--detach", str(tmp_path / "mine"))
    (tmp_path / "mine").rename(tmp_path / "away")  # as a disk that is not mounted
    make_ab(tmp_path, pairs=1).measure(print)
    assert git("worktree", "list").count("\n") == 2


def imported(module: str, environment: dict[str, str], folder: Path) -> str:
    command = [sys.executable, "-P", "-c", f"import {module}; print({module.split('.')[0]}.__file__)"]
    settings: dict[str, Any] = {"env": environment, "cwd": folder, "text": True}
    return str(subprocess.run(command, capture_output=True, check=True, **settings).stdout.strip())


@pytest.mark.parametrize("place", ["models", ".", "src"])
def test_own_code_is_that_of_the_checkout(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    top = tmp_path / "repository"
    (top / place).mkdir(exist_ok=True)
    (top / place / "mine.py").write_text("")
    git("add", ".")
    git("commit", "--quiet", "-m", "a model")
    monkeypatch.setenv("PYTHONPATH", str(top / place))  # or an editable installation, which comes after it
    with worktrees(Path.cwd(), "HEAD", "HEAD") as (base, _):
        assert imported("mine", base.environment(), base.folder) == str(base.top / place / "mine.py")


def test_a_folder_called_as_a_package_of_sfbench_hides_it_not(git: Git, tmp_path: Path) -> None:
    Path("analysis").mkdir()
    Path("analysis/__init__.py").write_text("")
    Path("mine.py").write_text("")
    with worktrees(Path.cwd(), "HEAD", None) as (_, head):
        assert imported("analysis.cli", head.environment(), head.folder) == str(ROOT / "analysis/__init__.py")
        assert imported("mine", head.environment(), head.folder) == str(head.folder / "mine.py")


def test_a_checkout_of_sfbench_itself_comes_first_on_the_path(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("splitfed_core", "benchmarks", "analysis", "sfbench"):
        (tmp_path / "repository" / name).mkdir()
        (tmp_path / "repository" / name / "__init__.py").write_text("")
    git("add", ".")
    git("commit", "--quiet", "-m", "sfbench")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    with worktrees(Path.cwd(), "main", "main") as (base, _):
        assert base.environment() == {"PYTHONPATH": f"{base.top}:elsewhere"}
        assert imported("analysis", base.environment(), base.folder) == str(base.top / "analysis/__init__.py")


def test_a_cancelled_job_leaves_no_process_and_no_worktree(git: Git, tmp_path: Path, sweep_by: SweepBy) -> None:
    sweep_by("""
import pathlib, signal, sys, time
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1]); out.mkdir(parents=True)
def end(*_): (out / "ended").touch(); sys.exit(130)
signal.signal(signal.SIGINT, end)
(out / "begun").touch()
time.sleep(60)
""")
    command = "from analysis.cli import main; main()"  # not `-m sfbench`, which is the script now
    words = [sys.executable, "-c", command, "ab", "HEAD", "grid.yaml", "--out", str(tmp_path / "out")]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "out/base/begun").exists():
            time.sleep(0.05)
        process.terminate()
        assert process.communicate()[1] == "interrupted; the same command resumes it\n"
    assert process.returncode == 130
    assert (tmp_path / "out/base/ended").exists()
    assert git("worktree", "list").count("\n") == 1


def test_a_commit_of_sfbench_before_its_name_starts_with_its_own_command_line(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH")
    top = tmp_path / "repository"
    for name in ("splitfed_core", "benchmarks", "analysis"):
        (top / name).mkdir()
        (top / name / "__init__.py").write_text("")
    (top / "analysis/cli.py").write_text("import sys\n\ndef main(): print(__file__, sys.argv[1])")
    git("add", ".")
    git("commit", "--quiet", "-m", "long ago")
    with worktrees(Path.cwd(), "main", "main") as (base, _):
        assert base.environment() == {"PYTHONPATH": f"{base.top}:{ROOT}"}
        command = [sys.executable, *SWEEP]
        settings: dict[str, Any] = {"cwd": base.folder, "env": base.environment(), "text": True}
        done = subprocess.run(command, capture_output=True, check=True, **settings)
        assert done.stdout == f"{base.top}/analysis/cli.py sweep\n"


@pytest.mark.parametrize(("base", "head"), [("nowhere", None), ("HEAD", "nowhere"), ("--all", None)])
def test_a_commit_that_is_none_is_refused(git: Git, tmp_path: Path, base: str, head: str | None) -> None:
    with pytest.raises(UsageError, match="is not a commit, branch or tag of"):
        make_ab(tmp_path, base_ref=base, head_ref=head).measure(print)
    assert not (tmp_path / "out").exists()


def test_outside_a_repository_there_is_nothing_to_compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.yaml").write_text(GRID)
    with pytest.raises(UsageError, match="is not in a git repository"):
        make_ab(tmp_path).measure(print)
