"""One file per algorithm: a value, and what its clients do in a round, written like the paper's pseudocode."""

from splitfed_core.algorithms.base import (
    Algorithm,
    AverageCopies,
    Batch,
    ClientRound,
    Plain,
    Reference,
    TrainingClient,
    Weights,
    in_turns,
)
from splitfed_core.algorithms.central import CENTRAL
from splitfed_core.algorithms.fl import FL
from splitfed_core.algorithms.registry import ALGORITHMS, register, trains_in_line, unregister
from splitfed_core.algorithms.sflv1 import SFLV1
from splitfed_core.algorithms.sflv2 import SFLV2
from splitfed_core.algorithms.sl import SL
from splitfed_core.algorithms.ushape import USHAPE

for _own in (SFLV1, SFLV2, SL, USHAPE, FL, CENTRAL):
    register(_own)

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "AverageCopies",
    "Batch",
    "ClientRound",
    "Plain",
    "Reference",
    "TrainingClient",
    "Weights",
    "in_turns",
    "register",
    "trains_in_line",
    "unregister",
]
