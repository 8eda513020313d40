"""A client: its shard, its place in the client-side model, and its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from time import process_time

import psutil

from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import ClientShard
from splitfed_core.records.results import CellKey
from splitfed_core.records.rows import ClientRow, StepRow
from splitfed_core.roles.batches import Batch, mini_batches
from splitfed_core.roles.exchange import LedgerFactory
from splitfed_core.timing.holds import StepShares
from splitfed_core.timing.pace import NO_PACE, Pace
from splitfed_core.timing.stopwatch import MODEL_EXCHANGE, Share, Stopwatch
from splitfed_core.training.segment import Segment
from splitfed_core.wire.call import Address, Call, Kind, Transit
from splitfed_core.wire.transports.base import Transport


class Worker:
    """What the clients of a process share in a cell, beside the compiled step: number, stopwatch and warm-up."""

    def __init__(self, number: int = 0, warmup_steps: int = 0) -> None:
        self.number = number
        self.stopwatch = Stopwatch()
        self._cold_steps = warmup_steps

    def begin_step(self, segment: Segment) -> bool:
        """Count a step and return whether it is warm-up: the first ones of the process are, and whichever compiles."""
        warms_up = self._cold_steps > 0 or segment.is_new
        self._cold_steps -= 1
        segment.is_new = False
        return warms_up


class Client:
    """One client. All clients of a process share one compiled step; each has its own weights and optimizer state."""

    def __init__(
        self,
        key: CellKey,
        config: CellConfig,
        shard: ClientShard,
        segment: Segment,
        ledger: LedgerFactory,
        transport: Transport[Array],
        fed: Transport[Array],
        worker: Worker,
        pace: Pace = NO_PACE,
        shares: StepShares | None = None,
    ) -> None:
        """Give a client its data and its ways to the servers, where the algorithm has any.

        Args:
            key: Cell, repeat and seed.
            config: The cell.
            shard: The client's data.
            segment: The compiled step, with all clients of its process.
            ledger: Makes the ledger of a step.
            transport: The way to the main server.
            fed: The way to the fed server.
            worker: Its process.
            pace: How long it waits between its steps.
            shares: What was emulated of its steps.
        """
        self.client_id = shard.client_id
        self.examples = len(shard.y)
        self._key, self._config, self._shard, self._worker = key, config, shard, worker
        self._segment, self._ledger, self._transport, self._fed = segment, ledger, transport, fed
        self._steps_done = 0
        self._model_round = -1  # whose aggregate it has
        self._pace, self._shares = pace, shares or StepShares()
        self.begin_round()

    def begin_round(self) -> None:
        """Forget the last round's rows."""
        self._rows: list[StepRow] = []  # their `started_s` still on the monotonic clock
        self.aggregation_bytes = [0, 0]  # up, down
        self._link_s: dict[Share, float] = {}  # of its models, where a link is emulated

    def batches(self, round: int) -> Iterator[Batch]:
        """Yield this client's mini-batches of a round."""
        return mini_batches(self._key, self._config, self._shard, round)

    def train_step(self, batch: Batch) -> None:
        """Train on one mini-batch, as the algorithm's ledger does it, and note where the time went."""
        self._pace.hold("between_steps", self.client_id)
        self._lap("local")  # its batch was made
        self._load_state()
        warms_up = self._worker.begin_step(self._segment)
        ledger = self._ledger(self.client_id, batch.round, batch.step)
        self._shares.take(self.client_id)  # of the models that it sent and fetched since its last step
        cpu = process_time()
        started = self._lap("local")
        ledger.run(batch.x, batch.labels, batch.ids)
        ended = self._lap("local")
        cpu_s = process_time() - cpu
        columns = ledger.columns(started, ended)
        columns.update(self._shares.take(self.client_id))
        between_s = self._worker.stopwatch.between_s(started, ended)
        row = StepRow(
            cell_id=self._key.cell_id,
            repeat=self._key.repeat,
            client_id=self.client_id,
            round=batch.round,
            local_epoch=batch.local_epoch,
            step=self._steps_done,
            warmup=warms_up,
            examples=len(batch.labels),
            server_update_s=None,  # the server knows it only after its reply: `end_server_round` brings it
            started_s=started,
            between_s=between_s,
            cpu_s=cpu_s,
            **columns,
        )
        self._rows.append(row)
        self._steps_done += 1
        self._lap("local")

    def end_server_round(self, round: int) -> None:
        """Tell the main server that this client's round is over, and hear what its steps took there after the reply."""
        reply = self._transport.exchange(Call(Kind.END_ROUND, Address(self.client_id, round)))
        pairs = zip(self._rows, reply.server_update_s, strict=True)
        self._rows = [replace(row, server_update_s=update_s) for row, update_s in pairs]
        if reply.server_device_s:
            held = zip(self._rows, reply.server_device_s, strict=True)
            self._rows = [replace(row, server_device_s=device_s) for row, device_s in held]
        if reply.server_late_s:
            late = zip(self._rows, reply.server_late_s, strict=True)
            self._rows = [replace(row, late_s=(row.late_s or 0.0) + late_s) for row, late_s in late]
        self._lap("end_round")

    def push_model(self, round: int) -> None:
        """Send the client-side model to the fed server."""
        self._load_state()
        self._push(round, self._segment.get_weights())

    def pull_model(self, round: int) -> None:
        """Take the aggregate of a round over, unless it is here already; the optimizer keeps its own state."""
        if self._model_round >= round:
            return
        weights = self._pull(round)
        self._load_state()
        self._segment.set_weights(weights)
        self._model_round = round
        self._lap("pull")

    def push_state(self, round: int) -> None:
        """Hand weights and optimizer state on, through the fed server."""
        self._load_state()
        self._push(round, self._segment.state_swap.export(self.client_id))

    def pull_state(self, round: int) -> None:
        """Take over weights and optimizer state of the client before; the very first one keeps its own."""
        state = self._pull(round)
        if state:
            self._load_state()
            self._segment.state_swap.restore(self.client_id, state)
            self._lap("pull")

    def _push(self, round: int, arrays: Sequence[Array]) -> None:
        call = Call(Kind.PUSH_MODEL, Address(self.client_id, round), tuple(arrays), self.examples)
        transit = self._fed.exchange(call).transit
        self.aggregation_bytes[0] += transit.uplink_bytes
        self._note_link("push", transit)
        self._lap("push")

    def _pull(self, round: int) -> list[Array]:
        reply = self._fed.exchange(Call(Kind.GET_AGGREGATE, Address(self.client_id, round)))
        self.aggregation_bytes[1] += reply.transit.downlink_bytes
        self._note_link("pull", reply.transit)
        self._worker.stopwatch.lap(self.client_id, "pull", waited_s=reply.waited_s)
        return list(reply.tensors)

    def _note_link(self, share: Share, transit: Transit) -> None:
        """Add what an emulated link took, there and back, of a share."""
        if transit.link_uplink_s is not None and transit.link_downlink_s is not None:
            self._link_s[share] = self._link_s.get(share, 0.0) + transit.link_uplink_s + transit.link_downlink_s

    def _load_state(self) -> None:
        """Bring the client's state into the compiled step that it shares with others."""
        if self._segment.state_swap.load(self.client_id):
            self._lap("swap")

    def _lap(self, share: Share) -> float:
        """Give the time since the last lap of this process to a share of this client; returns the stamp."""
        return self._worker.stopwatch.lap(self.client_id, share)

    def end_round(self, round: int) -> tuple[list[StepRow], ClientRow]:
        """Close the round's rows."""
        rows, spent_s = self._rows, partial(self._worker.stopwatch.spent_s, self.client_id)
        exchanges = [spent for share in MODEL_EXCHANGE if (spent := spent_s(share)) is not None]
        return rows, ClientRow(
            cell_id=self._key.cell_id,
            repeat=self._key.repeat,
            client_id=self.client_id,
            worker=self._worker.number,
            round=round,
            steps=len(rows),
            examples=sum(row.examples for row in rows),
            local_s=spent_s("local") or 0.0,
            aggregation_wait_s=sum(exchanges) if exchanges else None,
            cpu_s=sum(row.cpu_s or 0.0 for row in rows),
            rss_bytes=psutil.Process().memory_info().rss,
            span_s=span_s(rows),
            swap_s=spent_s("swap") or 0.0,
            push_s=spent_s("push"),
            pull_s=spent_s("pull"),
            wait_s=spent_s("wait"),
            end_round_s=spent_s("end_round"),
            link_push_s=self._link_s.get("push"),
            link_pull_s=self._link_s.get("pull"),
        )


def span_s(rows: Sequence[StepRow]) -> float:
    """Return the time from the begin of a client's first step to the end of its last one."""
    return rows[-1].started_s + rows[-1].step_s - rows[0].started_s if rows else 0.0
