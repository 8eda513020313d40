"""The fed server: averages the client-side models of a round, weighted by examples."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from splitfed_core.aggregation import fedavg
from splitfed_core.errors import StragglerError
from splitfed_core.wire.codecs import RAW, EncodedTensor
from splitfed_core.wire.messages import ClientModel


@dataclass(slots=True)
class _Round:
    models: dict[int, ClientModel] = field(default_factory=dict)
    aggregate: tuple[EncodedTensor, ...] | None = None
    fetched: int = 0


class FedServer:
    """Collects the models of a round and hands out their average; nobody waits longer than the deadline."""

    def __init__(self, clients: int, deadline_s: float) -> None:
        """Serve rounds of `clients` models; a round that misses one for `deadline_s` seconds fails for all who wait."""
        self._clients = clients
        self._deadline_s = deadline_s
        self._rounds: dict[int, _Round] = {}
        self._changed = threading.Condition()

    def push(self, model: ClientModel) -> None:
        """Take one client's model; the last one of the round makes the average."""
        with self._changed:
            current = self._rounds.setdefault(model.round, _Round())
            current.models[model.client_id] = model
            if len(current.models) == self._clients:
                current.aggregate = _average([current.models[key] for key in sorted(current.models)])
                self._changed.notify_all()

    def get_aggregate(self, client_id: int, round: int) -> Sequence[EncodedTensor]:
        """Wait for the average of a round; it is forgotten when every client has it.

        Raises:
            StragglerError: The models of the named clients did not come in time.
        """
        with self._changed:
            current = self._rounds.setdefault(round, _Round())
            if not self._changed.wait_for(lambda: current.aggregate is not None, self._deadline_s):
                missing = self._clients - len(current.models)
                raise StragglerError(
                    f"round {round}: {missing} of {self._clients} client-side models had not reached the fed server "
                    f"after {self._deadline_s:g} s (client {client_id} waited; here are {sorted(current.models)}); "
                    "raise timeout_s or find the lost clients"
                )
            assert current.aggregate is not None  # noqa: S101  wait_for has just seen it
            current.fetched += 1
            if current.fetched == self._clients:
                del self._rounds[round]
            return current.aggregate


def _average(models: Sequence[ClientModel]) -> tuple[EncodedTensor, ...]:
    """Average in the order of client ids, so that the sum does not depend on who came first."""
    decoded = [([RAW.decode(w) for w in model.weights], model.examples) for model in models]
    return tuple(RAW.encode(array) for array in fedavg(decoded))
