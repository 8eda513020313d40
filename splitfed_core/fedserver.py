"""The fed server: aggregates the client-side models of a round, or hands one model from client to client."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

from splitfed_core.aggregation import Strategy, make_strategy
from splitfed_core.cell import CellKey
from splitfed_core.config import CellConfig, Named
from splitfed_core.errors import StragglerError
from splitfed_core.injection import Delay, delay_of
from splitfed_core.schedule import in_order, participants, round_size
from splitfed_core.wire.codecs import RAW, Array, EncodedTensor
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
                    f"server after {self._deadline_s:g} s (client {client_id} waited; here are "
                    f"{sorted(self._arrived)}); raise timeout_s or find the lost clients"
                )
            return self._aggregate


class Relay:
    """Sequential split learning: hands the state of each client on to the next one. Has the fed server's interface."""

    def __init__(self, predecessor: Callable[[int, int], tuple[int, int] | None], deadline_s: float) -> None:
        """Serve; `predecessor(client, round)` says whose state of which round a client goes on from, None at first."""
        self._predecessor = predecessor
        self._deadline_s = deadline_s
        self._last: tuple[int, int] | None = None
        self._state: Tensors = ()
        self._changed = threading.Condition()

    def push(self, model: ClientModel) -> None:
        """Take the state of a client that has ended its local epochs."""
        with self._changed:
            self._last, self._state = (model.client_id, model.round), model.weights
            self._changed.notify_all()

    def get_aggregate(self, client_id: int, round: int) -> Tensors:
        """Wait for the state of the client before; empty for the very first one, which has its own.

        Raises:
            StragglerError: It did not come in time.
        """
        before = self._predecessor(client_id, round)
        with self._changed:
            if not self._changed.wait_for(lambda: self._last == before, self._deadline_s):
                raise StragglerError(
                    f"round {round}: client {client_id} waited {self._deadline_s:g} s for the state of (client, round) "
                    f"{before}; raise timeout_s or find the lost client"
                )
            return self._state


def build_fed_server(
    key: CellKey, config: CellConfig, start: Sequence[Array], trainable: Sequence[bool]
) -> FedServer | Relay:
    """Build the fed server of a cell.

    Args:
        key: Cell, repeat and seed.
        config: The cell; its algorithm exchanges models.
        start: The clients' weights before the first round.
        trainable: Which of them are trained; the others are statistics.
    """
    if config.algorithm == "sl":
        return Relay(partial(_predecessor, key, config), config.timeout_s)
    strategy = make_strategy(config.strategy or Named(name="fedavg"), trainable)
    return FedServer(round_size(key, config), strategy, start, config.timeout_s)


def _predecessor(key: CellKey, config: CellConfig, client_id: int, round: int) -> tuple[int, int] | None:
    order = in_order(key, participants(key, config, round), round)
    position = order.index(client_id)
    if position:
        return order[position - 1], round
    return (in_order(key, participants(key, config, round - 1), round - 1)[-1], round - 1) if round else None
