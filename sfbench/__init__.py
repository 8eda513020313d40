"""Everything that a script or a notebook needs, under one name; each is loaded when it is first asked for.

    import sfbench
    results = sfbench.load("runs/quick")
    results.cells                                 # one line per cell and repeat
    sfbench.FIGURES["phases"].draw(results)       # a matplotlib Figure

`docs/api.md` goes through it. `pip install sfbench` has what reads results; what trains needs `sfbench[run]`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = [
    "ALGORITHMS",
    "CODECS",
    "FIGURES",
    "METRICS",
    "CellConfig",
    "CellError",
    "Choice",
    "Compared",
    "ConfigError",
    "DataError",
    "Dataset",
    "GridError",
    "LocalFederation",
    "NotARunError",
    "NotInstalledError",
    "Results",
    "SfbenchError",
    "SplitModel",
    "TrainedCell",
    "UShapeModel",
    "UsageError",
    "__version__",
    "build_model",
    "compare",
    "load",
    "load_dataset",
    "partition",
    "report",
    "split",
    "split_ushape",
    "sweep",
    "train",
]

if TYPE_CHECKING:
    from analysis.compare.compare import Compared, compare
    from analysis.figures import FIGURES
    from analysis.figures.roles import Choice
    from analysis.report.report import report
    from analysis.results.load import Results, load
    from benchmarks.sweep.run import sweep
    from splitfed_core.algorithms import ALGORITHMS
    from splitfed_core.config.cell_config import CellConfig
    from splitfed_core.data import Dataset, load_dataset, partition
    from splitfed_core.errors import (
        CellError,
        ConfigError,
        DataError,
        GridError,
        NotARunError,
        NotInstalledError,
        SfbenchError,
        UsageError,
    )
    from splitfed_core.federation.local import LocalFederation
    from splitfed_core.federation.train import TrainedCell, train
    from splitfed_core.models import SplitModel, UShapeModel, build_model, split, split_ushape
    from splitfed_core.records.metrics import METRICS
    from splitfed_core.wire.codecs import CODECS

    __version__: str
else:  # unseen by type checkers, so that they know a name that is not there
    _HOMES = {
        "analysis.compare.compare": ("Compared", "compare"),
        "analysis.figures": ("FIGURES",),
        "analysis.figures.roles": ("Choice",),
        "splitfed_core.records.metrics": ("METRICS",),
        "analysis.report.report": ("report",),
        "analysis.results.load": ("Results", "load"),
        "benchmarks.sweep.run": ("sweep",),
        "splitfed_core.algorithms": ("ALGORITHMS",),
        "splitfed_core.config.cell_config": ("CellConfig",),
        "splitfed_core.data": ("Dataset", "load_dataset", "partition"),
        "splitfed_core.federation.local": ("LocalFederation",),
        "splitfed_core.federation.train": ("TrainedCell", "train"),
        "splitfed_core.errors": tuple(name for name in __all__ if name.endswith("Error")),
        "splitfed_core.wire.codecs": ("CODECS",),
        "splitfed_core.models": ("SplitModel", "UShapeModel", "build_model", "split", "split_ushape"),
    }
    _OF_THE_EXTRA = (
        "benchmarks.sweep.run",
        "splitfed_core.data",
        "splitfed_core.federation.local",
        "splitfed_core.federation.train",
        "splitfed_core.models",
    )
    _HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

    def __getattr__(name):
        """Load a name from where it lives, and keep it.

        Raises:
            NotInstalledError: It takes packages of the extra `run`, which are missing.
        """
        if name == "__version__":
            from importlib.metadata import version

            return version("sfbench")
        if name not in _HOME_OF:
            raise AttributeError(f"module 'sfbench' has no attribute {name!r}")
        home = _HOME_OF[name]
        if home in _OF_THE_EXTRA:  # now, not at the first call that needs one of them
            from benchmarks.machine.installed import require_run  # `ab` lends this package to commits that lack it

            require_run(f"sfbench.{name}")
        found = globals()[name] = getattr(import_module(home), name)
        return found


def __dir__() -> list[str]:
    """List the names, without loading them."""
    return sorted(__all__)
