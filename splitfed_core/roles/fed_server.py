"""The fed server: aggregates the client-side models of a round, or hands one model from client to client."""

import threading
from collections.abc import Sequence

from splitfed_core.aggregation import Strategy
from splitfed_core.arrays import Array
from splitfed_core.errors import StragglerError
from splitfed_core.training.pace import Delay, delay_of
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.messages import ClientModel

Tensors = Sequence[EncodedTensor]


class FedServer:
    """Collects the models of a round and hands out their aggregate; nobody waits longer than the deadline."""

    def __init__(self, participants: int, strategy: Strategy, start: Sequence[Array], deadline_s: float) -> None:
        """Serve rounds.

        Args:
            participants: Number of models in a round.
            strategy: Makes one model of them.
            start: The client-side model before the first round.
            deadline_s: A round that misses a model for so long fails for all who wait.
        """
        self._participants = participants
        self._strategy = strategy
        self._model = list(start)
        self._deadline_s = deadline_s
        self._arrived: dict[int, ClientModel] = {}
        self._round = -1  # the last one that is complete
        self._aggregate: Tensors = ()
        self._changed = threading.Condition()
        self._delay: Delay = delay_of("aggregation")

    def push(self, model: ClientModel) -> None:
        """Take one client's model; the last one of the round makes the aggregate."""
        with self._changed:
            self._arrived[model.client_id] = model
            if len(self._arrived) == self._participants:
                models = [(m.client_id, [RAW.decode(w) for w in m.weights], m.examples) for m in self._arrived.values()]
                self._model = self._strategy.aggregate(models, self._model)
                self._delay(0)  # one in a round, whoever comes last
                self._aggregate = tuple(RAW.encode(array) for array in self._model)
                self._arrived, self._round = {}, model.round
                self._changed.notify_all()

    def get_aggregate(self, client_id: int, round: int) -> Tensors:
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
