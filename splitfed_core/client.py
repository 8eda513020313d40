"""A client: its shard, its place in the client-side model, and its ledger."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter, process_time

import psutil
import tensorflow as tf

from splitfed_core.cell import CellKey
from splitfed_core.config import CellConfig
from splitfed_core.data import ClientShard
from splitfed_core.ledger import StepLedger
from splitfed_core.rows import ClientRow, StepRow
from splitfed_core.seeding import stream
from splitfed_core.steps import ClientStep
from splitfed_core.wire.codecs import RAW, Array, EncodedTensor
from splitfed_core.wire.messages import ClientModel
from splitfed_core.wire.transport import FedTransport, Transport


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One mini-batch, ready before its step starts."""

    round: int
    local_epoch: int
    step: int  # of the client in this round
    x: tf.Tensor
    labels: EncodedTensor
    examples: int


class Client:
    """One client. All clients of a process share one compiled step; each has its own weights and optimizer state."""

    def __init__(
        self,
        key: CellKey,
        config: CellConfig,
        shard: ClientShard,
        step: ClientStep,
        transport: Transport,
        fed: FedTransport,
        worker: int,
    ) -> None:
        self.client_id = shard.client_id
        self.examples = len(shard.y)
        self.rows: list[StepRow] = []  # of this round, their `started_s` still on the monotonic clock
        self.aggregation_bytes = (0, 0)  # up and down, of this round
        self._key, self._config, self._shard, self._worker = key, config, shard, worker
        self._step, self._transport, self._fed = step, transport, fed
        self._steps_done = 0
        self._cpu_s = 0.0
        self._wait_s: float | None = None

    def begin_round(self) -> None:
        """Forget the last round's rows."""
        self.rows, self.aggregation_bytes = [], (0, 0)
        self._cpu_s, self._wait_s = 0.0, None

    def batches(self, round: int) -> Iterator[Batch]:
        """Yield the mini-batches of a round: `local_epochs` passes, each in a seeded order of its own."""
        size, step = self._config.batch_size, 0
        for local_epoch in range(self._config.local_epochs):
            order = stream(self._key.seed, "batches", self.client_id, round, local_epoch).permutation(self.examples)
            x, y = self._shard.x[order], self._shard.y[order]
            for start in range(0, self.examples, size):
                labels = y[start : start + size]
                yield Batch(
                    round,
                    local_epoch,
                    step,
                    tf.constant(x[start : start + size]),
                    RAW.encode(labels),
                    len(labels),
                )
                step += 1

    def train_step(self, batch: Batch) -> None:
        """Forward → main server → backward and update, with the ledger of where the time went."""
        self._step.residency.seat(self.client_id)
        ledger = StepLedger(self._transport, self.client_id, batch.round, batch.step, batch.labels)
        cpu = process_time()
        started = perf_counter()
        self._step(batch.x, ledger.exchange)
        ended = perf_counter()
        self._cpu_s += process_time() - cpu
        self._record(batch, ledger, started, ended)

    def _record(self, batch: Batch, ledger: StepLedger, started: float, ended: float) -> None:
        phases = ledger.phases(started, ended)
        reply = ledger.reply
        assert reply.transit is not None  # noqa: S101  every transport sets it
        row = StepRow(
            cell_id=self._key.cell_id,
            repeat=self._key.repeat,
            client_id=self.client_id,
            round=batch.round,
            local_epoch=batch.local_epoch,
            step=self._steps_done,
            warmup=self._steps_done < self._config.warmup_steps,
            examples=batch.examples,
            loss=reply.loss,
            correct=reply.correct,
            uplink_bytes=reply.transit.uplink_bytes,
            downlink_bytes=reply.transit.downlink_bytes,
            **phases,
            step_s=sum(phases.values()),
            server_update_s=None,  # known to the server only after its reply; `end_round` brings it
            started_s=started,
        )
        self.rows.append(row)
        self._steps_done += 1

    def push_model(self, round: int) -> None:
        """Send the client-side model to the fed server."""
        self._step.residency.seat(self.client_id)
        weights = tuple(RAW.encode(w) for w in self._step.get_weights())
        self._wait_s = -perf_counter()
        up = self._fed.push(ClientModel(self.client_id, round, self.examples, weights))
        self.aggregation_bytes = (up, 0)

    def pull_model(self, round: int) -> None:
        """Take the average over; the optimizer keeps its own state."""
        weights, down = self._fed.get_aggregate(self.client_id, round)
        self._step.residency.seat(self.client_id)
        self._step.set_weights([RAW.decode(w) for w in weights])
        self.aggregation_bytes = (self.aggregation_bytes[0], down)
        self._wait_s = (self._wait_s or 0.0) + perf_counter()

    def end_round(self, round: int) -> tuple[list[StepRow], ClientRow]:
        """Close the round's rows: the server says how long its updates took after the replies."""
        updates = self._transport.end_round(self.client_id, round)
        rows = [replace(row, server_update_s=update_s) for row, update_s in zip(self.rows, updates, strict=True)]
        local_s = rows[-1].started_s + rows[-1].step_s - rows[0].started_s
        return rows, ClientRow(
            cell_id=self._key.cell_id,
            repeat=self._key.repeat,
            client_id=self.client_id,
            worker=self._worker,
            round=round,
            steps=len(rows),
            examples=sum(row.examples for row in rows),
            local_s=local_s,
            aggregation_wait_s=self._wait_s,
            cpu_s=self._cpu_s,
            rss_bytes=psutil.Process().memory_info().rss,
        )

    def predict(self, x: Array) -> Array:
        """Return the logits of the joined model: this client's half, then the main server's."""
        self._step.residency.seat(self.client_id)
        smashed = self._step.infer(x)
        return RAW.decode(self._transport.predict(self.client_id, RAW.encode(smashed)))


def in_turns(clients: Sequence[Client], round: int) -> Iterator[tuple[Client, Batch]]:
    """Yield step t of every client before step t + 1 of any; clients whose data has run out drop out."""
    running = [(client, client.batches(round)) for client in clients]
    while running:
        still = []
        for client, batches in running:
            batch = next(batches, None)
            if batch is not None:
                yield client, batch
                still.append((client, batches))
        running = still
