"""The steps of `.github/workflows/bench.yml`, run for real: exit codes of `ab`, and the branch of the history."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

MakeRun = Callable[..., Path]
WORKFLOW = Path(__file__).parents[3] / ".github/workflows/bench.yml"
STUB = "#!/bin/sh\nmkdir -p ab\necho '**verdict**' > ab/verdict.md\nexit {code}\n"


def script(job: str, name: str) -> str:
    steps = YAML(typ="safe").load(WORKFLOW.read_text())["jobs"][job]["steps"]
    return str(next(step["run"] for step in steps if step.get("name") == name))


def run(text: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does with `shell: bash`."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where sfbench is
    variables = {**os.environ, "PATH": path, "GITHUB_STEP_SUMMARY": str(folder / "summary.md"), **environment}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


def git(folder: Path, *words: str) -> str:
    names = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    done = subprocess.run(["git", *names, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 0), (5, 5)])
def test_only_inconclusive_is_neutral_and_the_verdict_is_always_shown(tmp_path: Path, code: int, ends: int) -> None:
    stub = tmp_path / "bin" / "sfbench"
    stub.parent.mkdir()
    stub.write_text(STUB.format(code=code))
    stub.chmod(0o755)
    path = f"{stub.parent}{os.pathsep}{os.environ['PATH']}"
    done = run(script("ab", "Measure base and head, interleaved"), tmp_path, PATH=path, GRID="g.yaml")
    assert done.returncode == ends
    assert (tmp_path / "summary.md").read_text() == "**verdict**\n"
    assert ("::notice title=sfbench::inconclusive" in done.stdout) == (code == 4)


def test_the_history_grows_on_a_branch_of_its_own_by_one_commit_for_each_run(make_run: MakeRun, tmp_path: Path) -> None:
    origin, step = tmp_path / "origin.git", script("track", "Add it to the branch bench-history")
    git(tmp_path, "init", "--bare", str(origin))
    runs = {"first": make_run("first", {"clients": [2]}), "second": make_run("second", {"clients": [3]})}
    for number, name in enumerate(("first", "first", "second")):
        clone = tmp_path / f"clone{number}"
        git(tmp_path, "clone", str(origin), str(clone))
        git(clone, "commit", "--allow-empty", "-m", "code")
        (clone / "runs").mkdir()
        (clone / "runs" / "main").symlink_to(runs[name])
        done = run(step, clone, GITHUB_SHA=name)
        assert done.returncode == 0, done.stderr
    assert git(origin, "log", "--format=%s", "bench-history").splitlines() == ["Add second", "Add first"]
    assert git(origin, "ls-tree", "--name-only", "bench-history").splitlines() == [".gitattributes", "history.jsonl"]
    assert len(git(origin, "show", "bench-history:history.jsonl").splitlines()) == 2
