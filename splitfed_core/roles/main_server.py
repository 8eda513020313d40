"""The main server: trains the server-side model on the smashed data of all clients."""

import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from time import perf_counter
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import tensorflow as tf

from splitfed_core.aggregation import cast
from splitfed_core.algorithms import AverageCopies
from splitfed_core.arrays import Array
from splitfed_core.roles.step_order import Turns
from splitfed_core.timing.holds import StepShares
from splitfed_core.timing.pace import NO_PACE, Pace
from splitfed_core.training.batch_spec import check_labels
from splitfed_core.training.segment import ServerSegment
from splitfed_core.training.split_step import ServerStep
from splitfed_core.wire.call import Call, Kind, Reply, ServerStamps

SHARED = "shared"

S = TypeVar("S", bound=ServerSegment)


class AfterReply(NamedTuple):
    """What a step took that its reply could not tell yet, s; the last two are of an emulated cell.

    Attributes:
        update_s: The optimizer.
        device_s: How much of the computing before the reply was held.
        late_s: How much later than due both were.
    """

    update_s: float
    device_s: float | None
    late_s: float | None


class ServerModel(Generic[S]):
    """One compiled server-side model, and the thread of its optimizer.

    The gradient of the smashed data does not depend on the server's own update, so the reply goes out first and the
    optimizer runs after it, on a thread of its own, which ends the turn when it is done.
    """

    def __init__(
        self,
        segment: S,
        end_turn: Callable[[], None],
        failures: list[Exception],
        pace: Pace,
        shares: StepShares,
    ) -> None:
        self.segment = segment
        self.end_turn = end_turn
        self._failures = failures  # of updates, whose replies are out already
        self._pace, self._shares = pace, shares
        self._updater = ThreadPoolExecutor(1, thread_name_prefix="server-update")

    def update_then_end(self, client_id: int, gradients: list[tf.Tensor]) -> Future[AfterReply]:
        """Run the optimizer beside whatever follows, then end the turn; returns what that will have taken."""
        return self._updater.submit(self._update, client_id, gradients, self._shares.take(client_id))

    def close(self) -> None:
        """Wait for the last update and end its thread."""
        self._updater.shutdown()

    def _update(self, client_id: int, gradients: list[tf.Tensor], before: dict[str, float]) -> AfterReply:
        started = perf_counter()
        try:
            self._pace.begin(client_id)
            self.segment.update(gradients)
            self._pace.hold("server_update", client_id)
            update_s, after = perf_counter() - started, self._shares.take(client_id)
            late_s = before["late_s"] + after["late_s"] if after else None
            return AfterReply(update_s, before.get("device_s"), late_s)
        except Exception as error:  # nobody waits for it here: the next call raises it
            self._failures.append(error)
            raise
        finally:
            self.end_turn()


class SplitServer(ABC, Generic[S]):
    """What every kind of main server shares: models, whose turn it is at them, and the end of a round."""

    def __init__(
        self,
        segments: Sequence[S],
        turns: Turns,
        *,
        copies: bool,
        average: AverageCopies | None = None,
        participants: int,
        pace: Pace,
        shares: StepShares | None,
    ) -> None:
        """Serve.

        Args:
            segments: Compiled server-side models with the same weights; more than one lets copies train in parallel.
            turns: The order of the steps at them.
            copies: Whether every client has a copy of the model.
            average: What is made of the copies at the end of a round; None leaves each as it is.
            participants: Number of clients in a round.
            pace: How long a step takes beyond its computing.
            shares: What was emulated of the steps here.
        """
        self._turns = turns
        shares = shares or StepShares()
        self._failures: list[Exception] = []
        self._models = [
            ServerModel(segment, partial(turns.release, number), self._failures, pace, shares)
            for number, segment in enumerate(segments)
        ]
        for segment in segments[1:]:
            segment.state_swap.share(segments[0].state_swap.store)
        self._copies = copies
        self._average = average
        self._participants = participants
        self._takes, self._gives = segments[0].takes, segments[0].gives
        self._ended: dict[int, dict[int, int]] = defaultdict(dict)  # round: examples of each client that is done
        self._examples: defaultdict[tuple[int, int], int] = defaultdict(int)
        self._updates: defaultdict[tuple[int, int], list[Future[AfterReply]]] = defaultdict(list)
        self._closing = threading.Lock()
        self._pace = pace
        self._answers: dict[Kind, Callable[[Call[Array]], Reply[Array]]] = {
            Kind.END_ROUND: self.end_round,
            Kind.PREDICT: self.predict,
        }

    @property
    def replicas(self) -> int:
        """How many clients can be trained at the same time."""
        return len(self._models)

    @property
    def largest_example_bytes(self) -> int:
        """The most that one example has in what crosses a cut."""
        return max(self._takes.example_bytes, self._gives.example_bytes)

    def handle(self, call: Call[Array]) -> Reply[Array]:
        """Answer a call of any of the server's kinds."""
        return self._answers[call.kind](call)

    @property
    def kinds(self) -> frozenset[Kind]:
        """The calls that it takes."""
        return frozenset(self._answers)

    def end_round(self, call: Call[Array]) -> Reply[Array]:
        """Close a client's round; the last one averages the copies, where there are copies."""
        client_id, round, _ = call.address
        self._check()
        updates = [update.result() for update in self._updates.pop((client_id, round), [])]
        with self._closing:
            ended = self._ended[round]
            ended[client_id] = self._examples.pop((client_id, round), 0)
            if len(ended) == self._participants:
                if self._average is not None:
                    self._merge_copies(self._average, ended)
                del self._ended[round]
        return Reply(
            server_update_s=tuple(update.update_s for update in updates),
            server_device_s=tuple(update.device_s for update in updates if update.device_s is not None),
            server_late_s=tuple(update.late_s for update in updates if update.late_s is not None),
        )

    @abstractmethod
    def predict(self, call: Call[Array]) -> Reply[Array]:
        """Return the output for smashed data, without training."""

    def get_weights(self) -> list[Array]:
        """Return the weights of the server-side model; after a round all copies have the same."""
        with self._aside() as model:
            return model.segment.get_weights()

    def close(self) -> None:
        """Wait for the last updates and end their threads."""
        for model in self._models:
            model.close()

    def _begin(self, round: int, client_id: int, step: int) -> ServerModel[S]:
        """Wait for the turn; if an update has failed, fail now instead of training on."""
        return self._checked(self._models[self._turns.acquire(round, client_id, step)])

    @contextmanager
    def _aside(self, client_id: int | None = None) -> Iterator[ServerModel[S]]:
        """Lend a model outside of the order of the steps; nobody else has it meanwhile."""
        model = self._checked(self._models[self._turns.acquire_aside(client_id)])
        try:
            yield model
        finally:
            model.end_turn()

    def _checked(self, model: ServerModel[S]) -> ServerModel[S]:
        try:
            self._check()
        except BaseException:  # whatever ended it, the next must get its turn
            model.end_turn()
            raise
        return model

    def _check(self) -> None:
        if self._failures:
            raise self._failures[0]

    def _owner(self, client_id: int) -> Hashable:
        return client_id if self._copies else SHARED

    def _merge_copies(self, average: AverageCopies, examples: dict[int, int]) -> None:
        """Give all copies what the algorithm makes of them, by client id; optimizer states stay with their copies."""
        with ExitStack() as stack:
            (first, *_) = [stack.enter_context(self._aside()) for _ in self._models]
            weights = len(first.segment.weights)
            states = {client: first.segment.state_swap.peek(client)[:weights] for client in sorted(examples)}
            models = [([np.asarray(w) for w in state], examples[client]) for client, state in states.items()]
            averaged = zip(average(models), models[0][0], strict=True)
            first.segment.state_swap.replace_first([cast(new, old.dtype) for new, old in averaged])


class MainServer(SplitServer[ServerStep]):
    """Has the rest of the network and gets the labels: one exchange a step."""

    def __init__(
        self,
        steps: Sequence[ServerStep],
        turns: Turns,
        *,
        copies: bool = False,
        average: AverageCopies | None = None,
        participants: int,
        pace: Pace = NO_PACE,
        shares: StepShares | None = None,
    ) -> None:
        super().__init__(
            steps, turns, copies=copies, average=average, participants=participants, pace=pace, shares=shares
        )
        self._classes = int(self._gives.example[-1] or 0)
        self._answers[Kind.TRAIN_STEP] = self.step

    def step(self, call: Call[Array]) -> Reply[Array]:
        """Train on one mini-batch: forward, loss, backward, reply; then update."""
        client_id, round, step = call.address
        smashed, labels = call.tensors
        self._takes.check("smashed", smashed)
        check_labels(labels, len(smashed), self._classes)
        decoded = perf_counter()
        model = self._begin(round, client_id, step)
        try:
            started = perf_counter()
            model.segment.state_swap.load(self._owner(client_id))
            self._pace.begin(client_id)
            loss, correct, gradient, gradients = model.segment(smashed, labels)
            self._pace.hold("server_compute", client_id)
            self._examples[client_id, round] += len(labels)
        except BaseException:  # whatever ended it, the next must get its turn
            model.end_turn()
            raise
        computed = perf_counter()
        self._updates[client_id, round].append(model.update_then_end(client_id, gradients))
        stamps = ServerStamps(decoded=decoded, started=started, computed=computed)
        return Reply((gradient,), loss, correct, stamps=stamps)

    def predict(self, call: Call[Array]) -> Reply[Array]:
        """Return the logits of smashed data from the model that this client trains with."""
        client_id, (smashed,) = call.address.client_id, call.tensors
        self._takes.check("smashed", smashed)
        with self._aside(client_id) as model:
            model.segment.state_swap.load(self._owner(client_id))
            return Reply((model.segment.infer(smashed),))
