"""Where a figure or table comes from: runs, commits, hash of the data, version of sfbench."""

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version

from analysis.results import Results


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
    commits = {
        f"{env.get('git_commit', 'unknown')}{'+dirty' if env.get('git_dirty') else ''}"
        for run in results.runs
        for env in run.environments.values()
    }
    return Provenance(
        tuple(run.name for run in results.runs), tuple(sorted(commits)), results.data_hash, version("sfbench")
    )
