"""The main server: trains the server-side model on the smashed data of all clients."""

import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

from splitfed_core.steps import ServerStep
from splitfed_core.wire.codecs import RAW, Codec, EncodedTensor
from splitfed_core.wire.messages import ServerStamps, StepReply, StepRequest


class MainServer:
    """One shared server-side model, stepped under a lock in the order in which messages arrive.

    The gradient of the smashed data does not depend on the server's own update, so the reply goes out first and the
    optimizer runs after it, on a thread of its own that holds the lock until it is done.
    """

    def __init__(self, step: ServerStep, codec: Codec = RAW) -> None:
        self._step = step
        self._codec = codec
        self._lock = threading.Lock()
        self._updater = ThreadPoolExecutor(1, thread_name_prefix="server-update")
        self._failure: Exception | None = None  # of an update: its reply was out already
        self._update_s: defaultdict[tuple[int, int], list[float]] = defaultdict(list)

    def step(self, request: StepRequest, received_s: float) -> StepReply:
        """Train on one mini-batch: forward, loss, backward, reply; then update."""
        smashed = self._codec.decode(request.smashed)
        labels = RAW.decode(request.labels)
        decoded = perf_counter()
        self._acquire()
        try:
            started = perf_counter()
            loss, correct, gradient, gradients = self._step(smashed, labels)
            computed = perf_counter()
            self._updater.submit(self._update, (request.client_id, request.round), gradients)
        except BaseException:
            self._lock.release()
            raise
        encoded = self._codec.encode(gradient)
        stamps = ServerStamps(received_s, decoded, started, computed, perf_counter())
        return StepReply(encoded, loss, correct, stamps)

    def end_round(self, client_id: int, round: int) -> Sequence[float]:
        """Return how long the optimizer took after each of the client's steps of this round."""
        self._acquire()  # waits for the last update
        self._lock.release()
        return self._update_s.pop((client_id, round), [])

    def predict(self, client_id: int, smashed: EncodedTensor) -> EncodedTensor:
        """Return the logits of smashed data; `client_id` says whose model, where there are several."""
        self._acquire()
        try:
            return RAW.encode(self._step.infer(RAW.decode(smashed)))
        finally:
            self._lock.release()

    def close(self) -> None:
        """Wait for the last update and end its thread."""
        self._updater.shutdown()

    def _acquire(self) -> None:
        """Take the lock; if the update that held it last has failed, fail now instead of training on."""
        self._lock.acquire()
        if self._failure is not None:
            self._lock.release()
            raise self._failure

    def _update(self, key: tuple[int, int], gradients: list[Any]) -> None:
        started = perf_counter()
        try:
            self._step.update(gradients)
            self._update_s[key].append(perf_counter() - started)
        except Exception as error:
            self._failure = error
            raise
        finally:
            self._lock.release()
