"""The main server: trains the server-side model on the smashed data of all clients."""

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from splitfed_core.aggregation import fedavg
from splitfed_core.errors import CellError
from splitfed_core.injection import Delay, delay_of
from splitfed_core.specs import decode_labels
from splitfed_core.steps.part import Part
from splitfed_core.steps.split import ServerStep
from splitfed_core.steps.ushape import BodyStep, Pullback
from splitfed_core.turns import Turns
from splitfed_core.wire.codecs import RAW, Array, EncodedTensor
from splitfed_core.wire.messages import BodyReply, BodyRequest, ServerStamps, StepReply, StepRequest

SHARED = "shared"


class _Desk:
    """One server-side model, stepped by one client at a time.

    The gradient of the smashed data does not depend on the server's own update, so the reply goes out first and the
    optimizer runs after it, on a thread of its own, which ends the turn when it is done.
    """

    def __init__(self, part: Part, turns: Turns) -> None:
        self.part: Any = part
        self.update_s: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
        self._turns = turns
        self._idle = threading.Event()  # no step and no update of one under way
        self._idle.set()
        self._updater = ThreadPoolExecutor(1, thread_name_prefix="server-update")
        self._failure: Exception | None = None  # of an update: its reply was out already

    def begin(self, round: int, client_id: int, step: int) -> None:
        """Wait for the turn; if the last update has failed, fail now instead of training on."""
        self._turns.acquire(round, client_id, step)
        self._idle.clear()
        if self._failure is not None:
            self.end()
            raise self._failure

    def end(self) -> None:
        """End the turn."""
        self._idle.set()
        self._turns.release()

    def update_then_end(self, round: int, client_id: int, gradients: list[Any]) -> None:
        """Run the optimizer beside whatever follows, then end the turn."""
        self._updater.submit(self._update, (client_id, round), gradients)

    @contextmanager
    def quiet(self) -> Iterator[Any]:
        """Wait until no update is under way and lend the model; clients have no step open then."""
        self._idle.wait()
        if self._failure is not None:
            raise self._failure
        yield self.part

    def close(self) -> None:
        """Wait for the last update and end its thread."""
        self._updater.shutdown()

    def _update(self, key: tuple[int, int], gradients: list[Any]) -> None:
        started = perf_counter()
        try:
            self.part.update(gradients)
            self.update_s[key].append(perf_counter() - started)
        except Exception as error:
            self._failure = error
            raise
        finally:
            self.end()


class _Server:
    """What both kinds of main server share: desks, and whose model a client trains at one."""

    def __init__(self, parts: Sequence[Part], turns: Callable[[], Turns], *, copies: bool, participants: int) -> None:
        """Serve.

        Args:
            parts: Compiled server-side models, all with the same weights; more than one lets copies train in parallel.
            turns: Makes the order of the steps at one of them.
            copies: Whether every client has a copy of the model, averaged at the end of a round.
            participants: Number of clients in a round.
        """
        self._desks = [_Desk(part, turns()) for part in parts]
        self._copies = copies
        self._participants = participants
        self._takes, self._gives = parts[0].takes, parts[0].gives
        self._ended: dict[int, dict[int, int]] = defaultdict(dict)  # round: examples of each client that is done
        self._examples: defaultdict[tuple[int, int], int] = defaultdict(int)
        self._closing = threading.Lock()
        self._delay: Delay = delay_of("server_compute")

    def end_round(self, client_id: int, round: int) -> Sequence[float]:
        """Close a client's round; the last one averages the copies, where there are copies.

        Returns:
            How long the optimizer took after each of the client's steps of this round.
        """
        desk = self._desk(client_id)
        with desk.quiet():
            times = desk.update_s.pop((client_id, round), [])
        with self._closing:
            ended = self._ended[round]
            ended[client_id] = self._examples.pop((client_id, round), 0)
            if len(ended) == self._participants:
                if self._copies:
                    self._average(ended)
                del self._ended[round]
        return times

    def get_weights(self) -> list[Array]:
        """Return the weights of the server-side model; after a round all copies have the same."""
        with self._desks[0].quiet() as part:
            weights: list[Array] = part.get_weights()
            return weights

    def close(self) -> None:
        """Wait for the last updates and end their threads."""
        for desk in self._desks:
            desk.close()

    def _desk(self, client_id: int) -> _Desk:
        return self._desks[client_id % len(self._desks)]

    def _owner(self, client_id: int) -> Hashable:
        return client_id if self._copies else SHARED

    def _average(self, examples: dict[int, int]) -> None:
        """Algorithm 1, main server: W ← Σ nₖ/n Wₖ; optimizer states stay with their copies."""
        models = []
        for client_id in sorted(examples):
            part = self._desk(client_id).part
            part.residency.seat(client_id)
            models.append((part.get_weights(), examples[client_id]))
        average = fedavg(models)
        for desk in self._desks:
            desk.part.residency.replace_first(average)


class MainServer(_Server):
    """Has the rest of the network and gets the labels: one exchange a step."""

    def __init__(
        self, steps: Sequence[ServerStep], turns: Callable[[], Turns], *, copies: bool = False, participants: int
    ) -> None:
        super().__init__(steps, turns, copies=copies, participants=participants)
        self._classes = int(self._gives.example[-1] or 0)

    def step(self, request: StepRequest, received_s: float) -> StepReply:
        """Train on one mini-batch: forward, loss, backward, reply; then update."""
        smashed = self._takes.decode("smashed", request.smashed)
        labels = decode_labels(request.labels, len(smashed), self._classes)
        decoded = perf_counter()
        desk = self._desk(request.client_id)
        desk.begin(request.round, request.client_id, request.step)
        try:
            started = perf_counter()
            desk.part.residency.seat(self._owner(request.client_id))
            loss, correct, gradient, gradients = desk.part(smashed, labels)
            self._delay(request.client_id)
            self._examples[request.client_id, request.round] += len(labels)
        except BaseException:
            desk.end()
            raise
        computed = perf_counter()
        desk.update_then_end(request.round, request.client_id, gradients)
        encoded = RAW.encode(gradient)
        return StepReply(encoded, loss, correct, ServerStamps(received_s, decoded, started, computed, perf_counter()))

    def predict(self, client_id: int, smashed: EncodedTensor) -> EncodedTensor:
        """Return the logits of smashed data from the model that this client trains with."""
        batch = self._takes.decode("smashed", smashed)
        with self._desk(client_id).quiet() as part:
            part.residency.seat(self._owner(client_id))
            return RAW.encode(part.infer(batch))


class BodyServer(_Server):
    """Has the middle of the network and never sees a label: two exchanges a step."""

    def __init__(self, step: BodyStep, turns: Callable[[], Turns], *, hold: bool, participants: int) -> None:
        """Serve; with `hold` a step keeps its turn across both exchanges, else others may come between."""
        super().__init__([step], turns, copies=False, participants=participants)
        self._hold = hold
        self._open: dict[int, tuple[int, Pullback]] = {}  # examples of each client's forward exchange, and its way back

    def forward(self, request: BodyRequest, received_s: float) -> BodyReply:
        """Return the body's output, and keep what its backward pass needs."""
        smashed = self._takes.decode("smashed", request.tensor)
        decoded = perf_counter()
        desk = self._desks[0]
        desk.begin(request.round, request.client_id, request.step)
        try:
            started = perf_counter()
            features, pullback = desk.part.forward(smashed)
            self._open[request.client_id] = len(smashed), pullback
        except BaseException:
            desk.end()
            raise
        computed = perf_counter()
        if not self._hold:
            desk.end()
        encoded = RAW.encode(features)
        return BodyReply(encoded, ServerStamps(received_s, decoded, started, computed, perf_counter()))

    def backward(self, request: BodyRequest, received_s: float) -> BodyReply:
        """Return the gradient of the smashed data; then update the body."""
        gradient, pullback = self._opened(request)
        decoded = perf_counter()
        desk = self._desks[0]
        if not self._hold:
            desk.begin(request.round, request.client_id, request.step)
        try:
            started = perf_counter()
            of_smashed, gradients = pullback(gradient)
            self._delay(request.client_id)
        except BaseException:
            desk.end()
            raise
        computed = perf_counter()
        desk.update_then_end(request.round, request.client_id, gradients)
        encoded = RAW.encode(of_smashed)
        return BodyReply(encoded, ServerStamps(received_s, decoded, started, computed, perf_counter()))

    def predict(self, client_id: int, smashed: EncodedTensor) -> EncodedTensor:
        """Return the body's output for smashed data."""
        batch = self._takes.decode("smashed", smashed)
        with self._desks[0].quiet() as part:
            return RAW.encode(part.infer(batch))

    def _opened(self, request: BodyRequest) -> tuple[Array, Pullback]:
        """Close a forward exchange with the gradient that answers it; one that does not fit leaves it open."""
        if request.client_id not in self._open:
            raise CellError(f"client {request.client_id} has no forward exchange open; call ForwardBody first")
        gradient = self._gives.decode("gradient", request.tensor, self._open[request.client_id][0])
        return gradient, self._open.pop(request.client_id)[1]
