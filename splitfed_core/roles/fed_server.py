"""The fed server: aggregates the client-side models of a round, or hands one model from client to client."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from time import perf_counter

from splitfed_core.aggregation import Strategy
from splitfed_core.arrays import Array
from splitfed_core.errors import StragglerError
from splitfed_core.timing.pace import NO_PACE, Pace
from splitfed_core.wire.call import Call, Kind, Reply

_NOBODY = -1  # an aggregation is one in a round, whoever comes last


class ModelServer(ABC):
    """What takes models of clients and hands models out."""

    kinds = frozenset({Kind.PUSH_MODEL, Kind.GET_AGGREGATE})

    @abstractmethod
    def push(self, call: Call[Array]) -> None:
        """Take one client's model of a round."""

    @abstractmethod
    def get_aggregate(self, client_id: int, round: int) -> Sequence[Array]:
        """Wait for what this client goes on from, and return it."""

    def handle(self, call: Call[Array]) -> Reply[Array]:
        """Answer either call; all that takes time in handing out is waiting for the models of others."""
        if call.kind is Kind.PUSH_MODEL:
            self.push(call)
            return Reply()
        asked = perf_counter()
        weights = tuple(self.get_aggregate(call.address.client_id, call.address.round))
        return Reply(weights, waited_s=perf_counter() - asked)


class FedServer(ModelServer):
    """Collects the models of a round and hands out their aggregate; nobody waits longer than the deadline."""

    def __init__(
        self,
        participants: int,
        strategy: Strategy,
        start: Sequence[Array],
        deadline_s: float,
        pace: Pace = NO_PACE,
    ) -> None:
        """Serve rounds.

        Args:
            participants: Number of models in a round.
            strategy: Makes one model of them.
            start: The client-side model before the first round.
            deadline_s: A round that misses a model for so long fails for all who wait.
            pace: How long an aggregation takes beyond its computing.
        """
        self._participants = participants
        self._strategy = strategy
        self._model = list(start)
        self._deadline_s = deadline_s
        self._arrived: dict[int, Call[Array]] = {}
        self._round = -1  # the last one that is complete
        self._aggregate: Sequence[Array] = ()
        self._changed = threading.Condition()
        self._pace = pace

    def push(self, call: Call[Array]) -> None:
        """Take one client's model; the last one of the round makes the aggregate."""
        with self._changed:
            self._arrived[call.address.client_id] = call
            if len(self._arrived) == self._participants:
                self._pace.begin(_NOBODY)
                models = [(client, list(pushed.tensors), pushed.examples) for client, pushed in self._arrived.items()]
                self._model = self._strategy.aggregate(models, self._model)
                self._pace.hold("aggregation", _NOBODY)
                self._aggregate = tuple(self._model)
                self._arrived, self._round = {}, call.address.round
                self._changed.notify_all()

    def get_aggregate(self, client_id: int, round: int) -> Sequence[Array]:
        """Wait for the aggregate of a round, or of a later one.

        Raises:
            StragglerError: Models did not come in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._round >= round, self._deadline_s):
                missing = self._participants - len(self._arrived)
                raise StragglerError(
                    f"round {round}: {missing} of {self._participants} client-side models had not reached the fed "
                    f"server after {self._deadline_s:g} s (client {client_id} waited; arrived: "
                    f"{sorted(self._arrived)}); raise timeout_s or find the lost clients"
                )
            return self._aggregate
