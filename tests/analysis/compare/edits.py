"""Runs of a test changed as if they had been measured so, with the hashes that go with it."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.compare.compare import Compared
from analysis.compare.verdict_json import to_json
from splitfed_core.records.rows import PHASES

SMALL: dict[str, Any] = {"repeats": 5, "steps_per_round": 2, "base": {"rounds": 3}}
"""What a synthetic run of a comparison is like: enough repeats and rounds for a verdict."""


def edit(run: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change a CSV file of every attempt, with its hash."""
    for manifest in run.glob("cells/*/r*/manifest.json"):
        path = manifest.with_name(name)
        change(pd.read_csv(path)).to_csv(path, index=False)
        manifest_facts = json.loads(manifest.read_text())
        manifest_facts["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
        manifest.write_text(json.dumps(manifest_facts))


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
