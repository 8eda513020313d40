"""Ray's start when it goes wrong; that it is private is seen on a real one in `test_cluster.py`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cluster.private import keep_private

SWEEP = "from analysis.cli import main; main()"


def sweep(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SWEEP, "sweep", *words]
    env = os.environ | environment
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_a_ray_that_does_not_start_is_told_with_the_command_that_tries_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = sweep(tmp_path, "--out", "run", RAY_TMPDIR=str(tmp_path / "file"))
    assert done.returncode == 3
    assert "Ray, which runs the processes of a cell, did not start in two tries: " in done.stderr
    assert done.stderr.endswith("; then try it again: sfbench sweep --bundled quick --out run\n")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = sweep(tmp_path, "--ray-address", "no-such-place")
    assert done.returncode == 2
    assert "sfbench: --ray-address 'no-such-place': this cluster cannot be joined: " in done.stderr
    assert "Traceback" not in done.stderr


ONE_FAILURE = """
from benchmarks.cluster.private import keep_private
keep_private()
import ray
from benchmarks.cluster.ray_start import start_ray
calls = []
def init(**how):
    calls.append(how)
    if len(calls) == 1:
        raise RuntimeError("the node timed out")
    ray.init(**how)
start_ray(init)
print(len(calls), ray.is_initialized())
"""

IMPORTED_BEFORE = """
import ray
from benchmarks.cluster import open_cluster
try:
    open_cluster()
except Exception as error:
    print(type(error).__name__, ray.is_initialized(), error)
"""


def output(code: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout


def test_ray_has_a_second_try() -> None:
    assert output(ONE_FAILURE) == "2 True\n"


def test_a_ray_that_others_would_reach_is_not_started() -> None:
    assert output(IMPORTED_BEFORE).startswith("StartError False a Ray that is started now would listen for other hosts")


def test_what_is_inherited_does_not_open_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    for name, value in (("RAY_AUTH_MODE", "disabled"), ("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RAY_AUTH_TOKEN", inherited := "known to others")
    keep_private()
    assert (os.environ["RAY_AUTH_MODE"], os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"]) == ("token", "0")
    assert os.environ["RAY_AUTH_TOKEN"] != inherited
    assert len(os.environ["RAY_AUTH_TOKEN"]) >= 32


def test_measuring_our_own_cost_leaves_ray_to_be_kept_private_first() -> None:
    code = "import sys, benchmarks.own_cost.cells; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
