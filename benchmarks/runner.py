"""The seam between a sweep and what runs its cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import ConfigError
from splitfed_core.records.rows import ClientRow, LabelRow, RoundRow, StepRow
from splitfed_core.timing.devices import HostSpeed


@dataclass(frozen=True, slots=True)
class CellRun:
    """One cell and repeat: what is run at a time."""

    config: CellConfig
    repeat: int
    seed: int
    cell_id: str = ""
    host: HostSpeed | None = None
    """What this host computes, where the plan had to know it for the devices of its cells."""

    def __post_init__(self) -> None:
        if not self.cell_id:
            object.__setattr__(self, "cell_id", self.config.cell_id)

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from every other run of a plan."""
        return self.cell_id, self.repeat

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.cell_id} r{self.repeat}"


class CellObserver(Protocol):
    """Takes what a running cell produces, as it comes; may raise to end the cell."""

    def labels(self, rows: Sequence[LabelRow]) -> None:
        """Take the label counts of all clients, once."""

    def warn(self, text: str) -> None:
        """Take what may make the cell's results mean less than they seem to."""

    def round(self, steps: Sequence[StepRow], clients: Sequence[ClientRow], row: RoundRow) -> None:
        """Take the rows of a round that has ended."""

    def model(self, content: bytes) -> None:
        """Take the joined model as the content of a `.keras` file, with `save_model` only."""

    def log(self, text: str) -> None:
        """Take what the processes printed."""


class CellRunner(Protocol):
    """What runs cells; `benchmarks.cluster.Cluster` does."""

    @property
    def cores(self) -> int:
        """The cores that its processes may use, on all nodes together."""

    def check(self, configs: Sequence[CellConfig]) -> Mapping[int, ConfigError]:
        """Return why cells cannot be run, by their places; to run such a one raises the same.

        Raises:
            ConfigError: None of them can be run here.
        """

    def code(self, configs: Sequence[CellConfig]) -> Mapping[str, str]:
        """Return digests of the code that its processes have imported, by names, once these cells are checked."""

    def run_cell(self, run: CellRun, observer: CellObserver) -> Mapping[str, object]:
        """Run one cell and repeat and return the facts of its manifest."""
