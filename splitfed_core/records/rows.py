"""The column schema: what a sweep writes and an analysis reads. Standard library only.

Each dataclass is one line of one CSV file and its fields, in order, are the columns (`columns(StepRow)`).
Names ending in `_s` are seconds, in `_bytes` bytes. `None` is an empty field: "there is no such thing here", never 0.
"""

from dataclasses import dataclass, fields

PHASES = (
    "client_forward_s",
    "encode_s",
    "uplink_s",
    "server_decode_s",
    "server_queue_s",
    "server_compute_s",
    "server_encode_s",
    "downlink_s",
    "decode_s",
    "client_backward_s",
)
"""The phases of a step in the order of time. Neighbours share their boundary stamp, so they sum to `step_s`."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One mini-batch of one client: a line of `steps.csv`.

    `between_s` is the time since the last step of the same worker process, whichever client's that was; the first one
    of a round counts from when the round's command reached the worker. `cpu_s` is the processor time of the client's
    process during the step, all its threads together.

    Where a cell emulates links or devices, what it waited for stands beside the phases that it is a part of:
    `link_uplink_s` and `link_downlink_s` of the way, `device_s` of the client's computing and coding, `server_device_s`
    of `server_compute_s`. `late_s` is how much later than due all of these and the computing itself were.
    """

    cell_id: str
    repeat: int
    client_id: int
    round: int
    local_epoch: int
    step: int
    warmup: bool
    examples: int
    loss: float
    correct: int | None
    uplink_bytes: int | None
    downlink_bytes: int | None
    client_forward_s: float | None
    encode_s: float | None
    uplink_s: float | None
    server_decode_s: float | None
    server_queue_s: float | None
    server_compute_s: float | None
    server_encode_s: float | None
    downlink_s: float | None
    decode_s: float | None
    client_backward_s: float | None
    step_s: float
    server_update_s: float | None
    started_s: float
    between_s: float | None = None
    cpu_s: float | None = None
    link_uplink_s: float | None = None
    link_downlink_s: float | None = None
    device_s: float | None = None
    server_device_s: float | None = None
    late_s: float | None = None


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round of a cell: a line of `rounds.csv`. The `eval_*` fields are empty in rounds without evaluation.

    `round_s` lasts from when the round's command reached the first worker until the last one is done; `training_s` is
    that part of it in which at least one worker was training, `aggregation_s` the other part. `workers_s` is what the
    driver saw the workers take, summed over those that had clients in the round, and `unexplained_s` what is left of it
    after all times of `clients.csv`. `*_cpu_s` is the processor time of the processes of each role in the round.
    `transfer_s` is how long the models of a client were on their way, `wait_s` how long it waited for those of others,
    each the mean of the clients of the round; `link_transfer_s` is what emulated links took of the transfer.
    `rpcs` counts the calls of all clients to the servers, an exchange on a stream as one, without those of evaluation;
    empty where nobody counted them (the notebook's own messages).
    """

    cell_id: str
    repeat: int
    round: int
    train_loss: float
    eval_loss: float | None
    eval_accuracy: float | None
    round_s: float
    aggregation_s: float | None
    uplink_bytes: int
    downlink_bytes: int
    aggregation_uplink_bytes: int
    aggregation_downlink_bytes: int
    clients_ok: int
    clients_lost: int
    started_s: float
    rpcs: int | None
    training_s: float | None = None
    workers_s: float | None = None
    unexplained_s: float | None = None
    clients_cpu_s: float | None = None
    main_server_cpu_s: float | None = None
    fed_server_cpu_s: float | None = None
    transfer_s: float | None = None
    wait_s: float | None = None
    link_transfer_s: float | None = None


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One client in one round: a line of `clients.csv`.

    Every instant of a worker's round is in exactly one of these times of one of its clients: `local_s` (its own steps,
    and making its own batches between them), `swap_s` (bringing its state into the compiled step that it shares with
    others), `push_s` and `pull_s` (its model on its way to the fed server and back), `wait_s` (for the models of
    others) and `end_round_s` (its goodbye to the main server). `aggregation_wait_s` is push, pull and wait together,
    `span_s` the time from the begin of its first step to the end of its last one, with the steps of its neighbours.
    `link_push_s` and `link_pull_s` are what an emulated link took of `push_s` and `pull_s`, there and back.
    """

    cell_id: str
    repeat: int
    client_id: int
    worker: int
    round: int
    steps: int
    examples: int
    local_s: float
    aggregation_wait_s: float | None
    cpu_s: float
    rss_bytes: int
    span_s: float | None = None
    swap_s: float | None = None
    push_s: float | None = None
    pull_s: float | None = None
    wait_s: float | None = None
    end_round_s: float | None = None
    link_push_s: float | None = None
    link_pull_s: float | None = None


@dataclass(frozen=True, slots=True)
class LabelRow:
    """How many examples of one label one client holds: a line of `labels.csv`."""

    client_id: int
    label: str
    examples: int


@dataclass(frozen=True, slots=True)
class CellSummary:
    """What one cell and repeat came to: the columns of `summary.csv` after its parameters.

    Step statistics and rates leave warm-up steps out; `records.summary` has the functions. `workers_used` is how many
    processes held the clients, which `workers: auto` leaves open; `swap_share` the share of their training time that
    switching clients took; `common_batch` the batch size that step statistics are of. `link_*_p50_s` are what emulated
    links took of the steps; the medians of the rounds' transfer and waiting for others are those of `RoundRow`.
    Of an emulated cell `late_share` is how much of its timed steps was later than due, `late` whether that is more than
    it may be, and `clients_held` how many such clients the host can hold at most.
    """

    status: str
    steps: int
    step_p50_s: float | None
    step_p95_s: float | None
    step_p99_s: float | None
    uplink_p50_s: float | None
    downlink_p50_s: float | None
    server_compute_p50_s: float | None
    samples_per_s: float | None
    steps_per_s: float | None
    network_kbit_per_s: float | None
    final_train_loss: float | None
    final_eval_loss: float | None
    final_eval_accuracy: float | None
    bytes_per_round: float | None
    round_p50_s: float | None
    peak_rss_bytes: int | None
    wall_s: float
    workers_used: int | None = None
    swap_share: float | None = None
    unexplained_share: float | None = None
    common_batch: int | None = None
    common_batch_share: float | None = None
    largest_batch: int | None = None
    link_uplink_p50_s: float | None = None
    link_downlink_p50_s: float | None = None
    transfer_p50_s: float | None = None
    wait_p50_s: float | None = None
    link_transfer_p50_s: float | None = None
    late_share: float | None = None
    late: bool | None = None
    clients_held: int | None = None


Row = StepRow | RoundRow | ClientRow | LabelRow

ROW_FILES: dict[str, type[Row]] = {
    "steps.csv": StepRow,
    "rounds.csv": RoundRow,
    "clients.csv": ClientRow,
    "labels.csv": LabelRow,
}
"""The CSV files of a cell's directory and the row type of each."""

ADDED = frozenset({
    "link_uplink_s", "link_downlink_s", "device_s", "server_device_s", "late_s",
    "link_push_s", "link_pull_s", "transfer_s", "wait_s", "link_transfer_s",
})  # fmt: skip
"""Columns that say more of a step or a round than older versions did: a file without them is read as if they were
empty, and whoever reads it misses nothing that it was meant to say."""

STATUSES = ("ok", "failed", "timeout", "interrupted")


def columns(row: type[Row] | type[CellSummary]) -> tuple[str, ...]:
    """Return the CSV columns of a row type, in order."""
    return tuple(field.name for field in fields(row))
