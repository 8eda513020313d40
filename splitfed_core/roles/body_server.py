"""The main server of u-shaped training: has the middle of the network and never sees a label."""

from time import perf_counter

from splitfed_core.arrays import Array
from splitfed_core.errors import CellError
from splitfed_core.roles.main_server import SplitServer
from splitfed_core.roles.step_order import Turns
from splitfed_core.timing.holds import StepShares
from splitfed_core.timing.pace import NO_PACE, Pace
from splitfed_core.training.ushape_step import BodyStep, Pullback
from splitfed_core.wire.call import Call, Kind, Reply, ServerStamps


class BodyServer(SplitServer[BodyStep]):
    """Has the middle of the network and never sees a label: two exchanges a step."""

    def __init__(
        self,
        step: BodyStep,
        turns: Turns,
        *,
        hold: bool,
        participants: int,
        pace: Pace = NO_PACE,
        shares: StepShares | None = None,
    ) -> None:
        """Serve; with `hold` a step keeps its turn across both exchanges, else others may come between."""
        super().__init__([step], turns, copies=False, participants=participants, pace=pace, shares=shares)
        self._hold = hold
        self._open: dict[int, tuple[int, Pullback]] = {}  # examples of each client's forward exchange, and its way back
        self._answers |= {Kind.FORWARD_BODY: self.forward, Kind.BACKWARD_BODY: self.backward}

    def forward(self, call: Call[Array]) -> Reply[Array]:
        """Return the body's output, and keep what its backward pass needs."""
        client_id, round, step = call.address
        (smashed,) = call.tensors
        self._takes.check("smashed", smashed)
        decoded = perf_counter()
        model = self._begin(round, client_id, step)
        try:
            started = perf_counter()
            self._pace.begin(client_id)
            features, pullback = model.segment.forward(smashed)
            self._pace.hold("server_forward", client_id)
            self._open[client_id] = len(smashed), pullback
        except BaseException:  # whatever ended it, the next must get its turn
            model.end_turn()
            raise
        computed = perf_counter()
        if not self._hold:
            model.end_turn()
        return Reply((features,), stamps=ServerStamps(decoded=decoded, started=started, computed=computed))

    def backward(self, call: Call[Array]) -> Reply[Array]:
        """Return the gradient of the smashed data; then update the body."""
        client_id, round, step = call.address
        gradient, pullback = self._opened(client_id, *call.tensors)
        decoded = perf_counter()
        (model,) = self._models
        if not self._hold:
            self._begin(round, client_id, step)
        try:
            started = perf_counter()
            self._pace.begin(client_id)
            of_smashed, gradients = pullback(gradient)
            self._pace.hold("server_compute", client_id)
        except BaseException:  # whatever ended it, the next must get its turn
            model.end_turn()
            raise
        computed = perf_counter()
        self._updates[client_id, round].append(model.update_then_end(client_id, gradients))
        return Reply((of_smashed,), stamps=ServerStamps(decoded=decoded, started=started, computed=computed))

    def predict(self, call: Call[Array]) -> Reply[Array]:
        """Return the body's output for smashed data."""
        (smashed,) = call.tensors
        self._takes.check("smashed", smashed)
        with self._aside(call.address.client_id) as model:
            return Reply((model.segment.infer(smashed),))

    def _opened(self, client_id: int, gradient: Array) -> tuple[Array, Pullback]:
        """Close a forward exchange with the gradient that answers it; one that does not fit leaves it open."""
        if client_id not in self._open:
            raise CellError(f"client {client_id} has no forward exchange open; call ForwardBody first")
        self._gives.check("gradient", gradient, self._open[client_id][0])
        return gradient, self._open.pop(client_id)[1]
