"""From the logs of a sweep to an answer: `analysis.load(run)`, figures, tables, reports and verdicts.

In a notebook:

    import analysis
    results = analysis.load("runs/quick")
    results.cells                                 # one line per cell and repeat
    analysis.FIGURES["phases"].draw(results)      # a matplotlib Figure
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.figures import FIGURES
    from analysis.layout import Choice
    from analysis.results import Results, load

__all__ = ["FIGURES", "Choice", "Results", "load"]

_HOMES = {
    "FIGURES": "analysis.figures",
    "Choice": "analysis.layout",
    "Results": "analysis.results",
    "load": "analysis.results",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: the command line must not wait for pandas."""
    if name not in _HOMES:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
