"""The processes of a cell as the driver has them: Ray's handles, whose methods return what is still to come."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from splitfed_core.arrays import Array
from splitfed_core.records.environment import Environment
from splitfed_core.records.results import Evaluation, ModelFacts, WorkerRound
from splitfed_core.wire.call import Reply
from splitfed_core.wire.clock import ClockOffset
from splitfed_core.wire.codecs.base import EncodedTensor

if TYPE_CHECKING:
    from ray import ObjectRef

    from benchmarks.workers.servers import InitialWeights

T_co = TypeVar("T_co", covariant=True)


class Method(Protocol[T_co]):
    """A method of a process; Ray puts what a reference stands for in its place."""

    def remote(self, *arguments: object) -> "ObjectRef[T_co]":
        """Call it; its errors come when the result is asked for."""


class Actor(Protocol):
    """Any process of a cell (`benchmarks.workers.base.Process`)."""

    printed: Method[str]
    code: Method[dict[str, str]]
    describe: Method[tuple[Environment, dict[str, float]]]


class ServerActor(Actor, Protocol):
    """A process that holds a server (`benchmarks.workers.servers`)."""

    begin_cell: Method[str]
    cpu_s: Method[float]
    handle: Method[Reply[EncodedTensor]]
    get_weights: Method[list[Array]]
    end_cell: Method[dict[str, float]]


class WorkerActor(Actor, Protocol):
    """A process that holds clients (`benchmarks.workers.client_worker.WorkerProcess`)."""

    check: Method[ModelFacts]
    begin_cell: Method[ModelFacts]
    start: Method["InitialWeights"]
    connect: Method[ClockOffset]
    attach: Method[None]
    train_round: Method[list[WorkerRound]]
    evaluate: Method[Sequence[Evaluation]]
    joined_model: Method[bytes]
    end_cell: Method[int]
