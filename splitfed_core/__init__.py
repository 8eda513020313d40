"""Split federated learning over real processes: the method, without grids, sweeps or figures.

    import splitfed_core
    config = splitfed_core.CellConfig.parse({"algorithm": "sflv1", "clients": 3, "rounds": 5, "transport": "inproc"})
    splitfed_core.train(config).rounds[-1].eval_accuracy

Each name is loaded when it is first asked for; `import splitfed_core` loads neither TensorFlow nor gRPC.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

from splitfed_core import errors

# Flower and its data sets report their use over the network unless told not to before they are imported.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

__all__ = [
    "ALGORITHMS",
    "CODECS",
    "Algorithm",
    "CellConfig",
    "Dataset",
    "LocalFederation",
    "SplitModel",
    "TrainedCell",
    "UShapeModel",
    "build_model",
    "errors",
    "load_dataset",
    "partition",
    "split",
    "split_ushape",
    "train",
]

if TYPE_CHECKING:
    from splitfed_core.algorithms import ALGORITHMS, Algorithm
    from splitfed_core.config.cell_config import CellConfig
    from splitfed_core.data import Dataset, load_dataset, partition
    from splitfed_core.federation.local import LocalFederation
    from splitfed_core.federation.train import TrainedCell, train
    from splitfed_core.models import SplitModel, UShapeModel, build_model, split, split_ushape
    from splitfed_core.wire.codecs import CODECS
else:  # unseen by type checkers, so that they know a name that is not there
    _HOMES = {
        "splitfed_core.algorithms": ("ALGORITHMS", "Algorithm"),
        "splitfed_core.config.cell_config": ("CellConfig",),
        "splitfed_core.data": ("Dataset", "load_dataset", "partition"),
        "splitfed_core.federation.local": ("LocalFederation",),
        "splitfed_core.federation.train": ("TrainedCell", "train"),
        "splitfed_core.wire.codecs": ("CODECS",),
        "splitfed_core.models": ("SplitModel", "UShapeModel", "build_model", "split", "split_ushape"),
    }
    _HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

    def __getattr__(name):
        """Load a name from where it lives, and keep it."""
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
        return found


def __dir__() -> list[str]:
    """List the names, without loading them."""
    return sorted(__all__)
