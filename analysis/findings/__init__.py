"""What the numbers say, in words: each finding is computed from the data and says how sure it is."""

from analysis.findings.choices import aggregation, batch, clients, cut
from analysis.findings.deployment import codec_by_link, codec_pays, cut_by_link
from analysis.findings.finding import Finding
from analysis.findings.time import many_clients, slow_link, slowest_client, time_goes
from analysis.findings.winners import fastest, first_to_target, front
from analysis.results.load import Results

_ALL = (
    codec_by_link, cut_by_link, fastest, first_to_target, front, cut, codec_pays, aggregation, clients, batch,
    time_goes, slow_link, slowest_client, many_clients,
)  # fmt: skip
"""Most useful first."""

_MOST_SETS = 3


def findings(results: Results) -> list[Finding]:
    """Return the findings; of several data sets those of each by itself, for one is easier than another."""
    sets = list(dict.fromkeys(results.ok["dataset"])) if "dataset" in results.ok else []
    if len(sets) < 2:
        return _of(results)
    each = [(name, _of(results.where(results.cells["dataset"] == name))) for name in sets[:_MOST_SETS]]
    return [Finding(f"On {name}: {made.headline}", made.sure) for name, found in each for made in found]


def _of(results: Results) -> list[Finding]:
    return [found for find in _ALL if (found := find(results))]
