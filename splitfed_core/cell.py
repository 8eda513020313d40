"""The values that the processes of a cell hand to each other. Light: whoever only carries them needs no TensorFlow."""

from dataclasses import dataclass

from splitfed_core.rows import ClientRow, StepRow


@dataclass(frozen=True, slots=True)
class CellKey:
    """Which cell and repeat a row belongs to, and the seed from which all of its random streams come."""

    cell_id: str
    repeat: int
    seed: int


@dataclass(frozen=True, slots=True)
class DataShape:
    """What a network must know of the data: the shape of one example, and the number of classes."""

    example: tuple[int, ...]
    num_classes: int


@dataclass(frozen=True, slots=True)
class GroupRound:
    """What a process sends back after a round. Times are still on the monotonic clock."""

    steps: list[StepRow]
    clients: list[ClientRow]
    aggregation_uplink_bytes: int
    aggregation_downlink_bytes: int
    ended: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The joined model of one client on the test set; `examples` is the client's weight in a mean over clients."""

    client_id: int
    loss: float
    accuracy: float
    examples: int


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Sizes of a network and its cut, for the manifest."""

    client_parameters: int
    server_parameters: int
    client_parameter_bytes: int
    server_parameter_bytes: int
    smashed_bytes_per_example: int | None
