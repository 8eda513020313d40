"""From the logs of a sweep to an answer: results, figures, tables, reports and verdicts. Scripts `import sfbench`.

Each name is loaded when it is first asked for. `compare_runs` and `write_report` are `sfbench.compare` and
`sfbench.report`: here these two words are the packages that hold them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = ["FIGURES", "Choice", "Compared", "Results", "compare_runs", "load", "write_report"]

if TYPE_CHECKING:
    from analysis.compare.compare import Compared
    from analysis.compare.compare import compare as compare_runs
    from analysis.figures import FIGURES
    from analysis.figures.roles import Choice
    from analysis.report.report import report as write_report
    from analysis.results.load import Results, load
else:  # unseen by type checkers, so that they know a name that is not there
    _HOMES = {
        "Choice": "analysis.figures.roles.Choice",
        "Compared": "analysis.compare.compare.Compared",
        "FIGURES": "analysis.figures.FIGURES",
        "Results": "analysis.results.load.Results",
        "compare_runs": "analysis.compare.compare.compare",
        "load": "analysis.results.load.load",
        "write_report": "analysis.report.report.report",
    }

    def __getattr__(name):
        """Load a name from where it lives, and keep it."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home, _, attribute = _HOMES[name].rpartition(".")
        found = globals()[name] = getattr(import_module(home), attribute)
        return found


def __dir__() -> list[str]:
    """List the names, without loading them."""
    return sorted(__all__)
