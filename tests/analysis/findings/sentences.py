"""A finding as the two sentences that it tells."""

from analysis.findings.finding import Finding


def message(finding: Finding | None) -> tuple[str, str]:
    assert finding is not None
    return finding.headline, finding.sure
