"""The values that the processes of a cell hand to each other. Light: whoever only carries them needs no TensorFlow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from splitfed_core.records.rows import ClientRow, StepRow
from splitfed_core.timing.stopwatch import Span


@dataclass(frozen=True, slots=True)
class CellKey:
    """Which cell and repeat a row belongs to, the seed from which all of its random streams come, and who sits out.

    `empty` are the clients whom the partitioner gave no examples: every process leaves them out of every round.
    `slowdowns` say of each client with an emulated device how many times as slow as this host it computes.
    """

    cell_id: str
    repeat: int
    seed: int
    empty: frozenset[int] = frozenset()
    slowdowns: Mapping[int, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class DataShape:
    """What a network must know of the data: the shape of one example, and the number of classes."""

    example: tuple[int, ...]
    num_classes: int


@dataclass(frozen=True, slots=True)
class WorkerRound:
    """What a process sends back after a round. Times are still on the monotonic clock; `rpcs` is of training alone.

    Attributes:
        steps: Of all clients.
        clients: One row for each client of the round that is here.
        aggregation_uplink_bytes: Of the models that were pushed.
        aggregation_downlink_bytes: Of the models that were pulled.
        began: When the round's command arrived.
        training: When at least one client here was training.
        ended: When the last client was done.
        cpu_s: Processor time of the process.
        rpcs: Calls to the servers, where they were counted.
        seen_s: How long the round of this process took, as who gave the command saw it.
    """

    steps: list[StepRow]
    clients: list[ClientRow]
    aggregation_uplink_bytes: int
    aggregation_downlink_bytes: int
    began: float
    training: Sequence[Span]
    ended: float
    cpu_s: float | None = None
    rpcs: int | None = None
    seen_s: float | None = None

    def shifted(self, offset_s: float) -> "WorkerRound":
        """Return the same by a clock that is so far ahead of this one."""
        steps = [replace(row, started_s=row.started_s + offset_s) for row in self.steps]
        training = tuple((began + offset_s, ended + offset_s) for began, ended in self.training)
        return replace(self, steps=steps, began=self.began + offset_s, training=training, ended=self.ended + offset_s)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The joined model of one client on the test set; `examples` is the client's weight in a mean over clients."""

    client_id: int
    loss: float
    accuracy: float
    examples: int


EVALUATION_BATCH = 256
"""Examples of one message of an evaluation: it bounds memory, whatever the size of the test set."""

_LABEL_BYTES, _STATES, _FRAME_BYTES = 8, 3, 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Sizes of a network and its cut, for the manifest.

    Attributes:
        smashed_bytes_per_example: Of the smashed data; None: there is no cut.
        largest_bytes_per_example: Of what the network computes at a cut, or at its end.
        output_bytes_per_example: Of the body's output, where there are two cuts.
        client_tensors: Of the clients' part, its optimizer's not counted.
        crossing: Dtype, and shape of one example, of what the forward pass sends across each cut.
    """

    client_parameters: int
    server_parameters: int
    client_parameter_bytes: int
    server_parameter_bytes: int
    smashed_bytes_per_example: int | None
    largest_bytes_per_example: int
    output_bytes_per_example: int | None = None
    client_tensors: int = 0
    crossing: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def largest_message_bytes(self, batch_size: int) -> int:
        """Return how large a message can get: a batch at a cut, or a part with its optimizer's slots, and its frame."""
        batch = max(batch_size, EVALUATION_BATCH) * (self.largest_bytes_per_example + _LABEL_BYTES)
        return max(batch, _STATES * self.client_parameter_bytes) + _FRAME_BYTES
