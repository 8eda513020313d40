"""The ledger of one step: who had it when, and what the phases between those moments cost."""

from time import perf_counter

from splitfed_core.rows import PHASES
from splitfed_core.wire.codecs import RAW, Array, EncodedTensor
from splitfed_core.wire.messages import StepReply, StepRequest
from splitfed_core.wire.transport import Transport


class StepLedger:
    """Carries one exchange out and keeps its stamps."""

    def __init__(self, transport: Transport, client_id: int, round: int, step: int, labels: EncodedTensor) -> None:
        self._transport = transport
        self._address = (client_id, round, step)
        self._labels = labels
        self._forwarded = self._decoded = 0.0
        self.reply: StepReply

    def exchange(self, smashed: Array) -> Array:
        """Send the smashed data to the main server; return its gradient. A stamp at either end."""
        self._forwarded = perf_counter()
        self.reply = self._transport.train_step(StepRequest(*self._address, RAW.encode(smashed), self._labels))
        gradient = RAW.decode(self.reply.gradient)
        self._decoded = perf_counter()
        return gradient

    def phases(self, started: float, ended: float) -> dict[str, float]:
        """Return the duration of every phase of the step; neighbours share the stamp between them."""
        server, transit = self.reply.stamps, self.reply.transit
        assert transit is not None  # noqa: S101  every transport sets it
        stamps = (
            started,
            self._forwarded,
            transit.sent,
            server.received,
            server.decoded,
            server.started,
            server.computed,
            server.encoded,
            transit.arrived,
            self._decoded,
            ended,
        )
        return {name: after - before for name, before, after in zip(PHASES, stamps[:-1], stamps[1:], strict=True)}
