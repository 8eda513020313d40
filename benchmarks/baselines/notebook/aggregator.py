"""The notebook's aggregation server."""

import threading

import grpc

from benchmarks.baselines.notebook import lists
from benchmarks.baselines.notebook._pb.notebook.v1 import notebook_pb2 as pb
from benchmarks.baselines.notebook.rpc import AGGREGATOR, Server
from splitfed_core.aggregation import fedavg
from splitfed_core.arrays import Array
from splitfed_core.errors import StragglerError


class AggregatorServer(Server):
    """Answers every client of a round with the average, once the last one has come."""

    def __init__(self, clients: int, deadline_s: float, token: str) -> None:
        """Serve.

        Args:
            clients: Number of clients; the average is made of so many models.
            deadline_s: How long a client waits for the others.
            token: What every call must carry.
        """
        self._clients = clients
        self._deadline_s = deadline_s
        self._models: list[tuple[list[Array], int]] = []
        self._averages: list[list[Array]] = []
        self._changed = threading.Condition()
        super().__init__(AGGREGATOR, {"Aggregate": (self._aggregate, pb.AggregateRequest)}, clients, token)

    def average(self, model: pb.Model, size: int) -> list[Array]:
        """Wait for the models of all clients; return their average, weighted by `size`.

        Raises:
            StragglerError: They did not come in time.
        """
        weights = lists.read_model(model)
        with self._changed:
            round = len(self._averages)
            self._models.append((weights, size))
            if len(self._models) == self._clients:
                self._averages.append(fedavg(self._models))
                self._models = []
                self._changed.notify_all()
            elif not self._changed.wait_for(lambda: len(self._averages) > round, self._deadline_s):
                raise StragglerError(
                    f"round {round}: not all {self._clients} models arrived within {self._deadline_s:g} s"
                )
            return self._averages[round]

    def _aggregate(self, request: pb.AggregateRequest, context: grpc.ServicerContext) -> pb.AggregateResponse:
        try:
            return pb.AggregateResponse(model=lists.model_message(self.average(request.model, request.size)))
        except StragglerError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
