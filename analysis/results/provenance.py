"""Where a figure or table comes from: runs, commits, hash of the data, version of sfbench."""

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from importlib.metadata import version

from analysis.results.load import Results
from analysis.results.run_directory import Run


@dataclass(frozen=True)
class Provenance:
    """What every figure carries in its metadata."""

    runs: tuple[str, ...]
    commits: tuple[str, ...]
    data_sha256: str
    sfbench: str

    def text(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)


def provenance(results: Results) -> Provenance:
    """Tell where these results come from."""
    return Provenance(
        tuple(run.name for run in results.runs), commits(*results.runs), results.data_hash, version("sfbench")
    )


def commits(*runs: Run) -> tuple[str, ...]:
    """Return the commits that were measured."""
    return tuple(sorted({environment.measured.said for run in runs for environment in run.environments.values()}))


def mixed_code(run: Run) -> dict[str, int]:
    """Return what was measured in more than one state within a run: sfbench itself, the user's modules; how many each.

    Runs of before code was recorded are in one state of their own.
    """
    states: defaultdict[str, set[str]] = defaultdict(set)
    for attempt in run.attempts:
        if attempt.status == "ok":
            for name, digest in attempt.manifest.states.items():
                states[name].add(digest)
    return {name: len(digests) for name, digests in states.items() if len(digests) > 1}
