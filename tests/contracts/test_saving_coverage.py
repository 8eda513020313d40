"""What a process ran is known though it is killed, as Ray kills the processes of a cell."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.house import ROOT

KILLED = """
import os, signal, time
from pathlib import Path
while not [path for path in Path().glob(".coverage.*") if path.stat().st_size]:
    time.sleep(0.05)
time.sleep(0.05)
os.kill(os.getpid(), signal.SIGKILL)
print("never")
"""


def test_a_killed_process_leaves_what_it_ran(tmp_path: Path) -> None:
    pytest.importorskip("coverage", reason="not installed here; `nox -s tests` installs it")
    (tmp_path / "killed.py").write_text(KILLED)
    (tmp_path / ".coveragerc").write_text("[run]\nparallel = true\nplugins = tests.saving_coverage\n")
    (tmp_path / "report.rc").write_text("[run]\nparallel = true\n")
    env = {"PYTHONPATH": str(ROOT)}

    def coverage(*arguments: str) -> int:
        command = (sys.executable, "-m", "coverage", *arguments)
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=False).returncode

    assert coverage("run", "killed.py") == -signal.SIGKILL
    assert coverage("combine", "--rcfile=report.rc") == 0
    assert coverage("json", "--rcfile=report.rc", "-o", "found.json") == 0
    (found,) = json.loads((tmp_path / "found.json").read_text())["files"].values()
    assert 4 in found["executed_lines"]
    assert found["missing_lines"][-1] == 8
