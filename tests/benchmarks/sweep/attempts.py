"""What a sweep left of each attempt, and cells that fail."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.runner import CellRun

GRID = "name: four\nrepeats: 2\nbase: {rounds: 2}\naxes: {clients: [2, 4]}\n"


def manifests(run: Path) -> dict[tuple[str, str], dict[str, Any]]:
    return {(p.parts[-3], p.parts[-2]): json.loads(p.read_text()) for p in run.glob("cells/*/*/manifest.json")}


def statuses(run: Path) -> list[str]:
    return [line["status"] for line in csv.DictReader(io.StringIO((run / "summary.csv").read_text()))]


def fails(error: Exception, *, times: int = 100) -> Callable[[CellRun], None]:
    left = [times]

    def act(run: CellRun) -> None:
        if run.config.clients == 2 and run.repeat == 0 and left[0]:
            left[0] -= 1
            raise error

    return act
