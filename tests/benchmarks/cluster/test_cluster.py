"""Real Ray, real processes. The tests build on each other's warm processes; those that end them come last."""

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
import psutil
import pytest
import ray

from benchmarks.cluster.placement import Node
from benchmarks.cluster.ray_cluster import Cluster
from benchmarks.machine.code import own_code
from benchmarks.machine.environment import usable_cores
from benchmarks.runner import CellRun
from benchmarks.workers.topology import digest_of
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.choice import Named
from splitfed_core.data import load_dataset
from splitfed_core.errors import CellError, CellTimeoutError, ConfigError
from splitfed_core.records.rows import PHASES, ClientRow, LabelRow, RoundRow, StepRow


@dataclass
class Notes:
    """An observer that keeps everything, and may do something after each round."""

    after_round: Callable[[], None] = lambda: None
    label_rows: list[LabelRow] = field(default_factory=list)
    steps: list[StepRow] = field(default_factory=list)
    clients: list[ClientRow] = field(default_factory=list)
    rounds: list[RoundRow] = field(default_factory=list)
    models: list[bytes] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    text: str = ""

    def labels(self, rows: Sequence[LabelRow]) -> None:
        self.label_rows += rows

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def round(self, steps: Sequence[StepRow], clients: Sequence[ClientRow], row: RoundRow) -> None:
        self.steps += steps
        self.clients += clients
        self.rounds.append(row)
        self.after_round()

    def model(self, content: bytes) -> None:
        self.models.append(content)

    def log(self, text: str) -> None:
        self.text += text


def make_run(**parameters: Any) -> CellRun:
    small = {"clients": 3, "workers": 2, "batch_size": 16, "examples_per_client": 40, "rounds": 2, "timeout_s": 280.0}
    return CellRun(CellConfig.parse(small | parameters), repeat=1, seed=11)


def processes(*kinds: str) -> set[psutil.Process]:
    """The cells' processes below this one; others of Ray's come and go meanwhile."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if process.name().startswith(kinds or ("ray::Main", "ray::Fed", "ray::Worker")):
                found.add(process)
    return found


def exact(notes: Notes) -> list[tuple[Any, ...]]:
    """All columns but times, memory, and which process a client was in."""
    steps = [(r.client_id, r.round, r.step, r.loss, r.correct, r.uplink_bytes, r.downlink_bytes) for r in notes.steps]
    rounds = [(r.round, r.train_loss, r.eval_loss, r.eval_accuracy, r.aggregation_uplink_bytes) for r in notes.rounds]
    return [*steps, *rounds]


@pytest.fixture(scope="module")
def fixed(cluster: Cluster) -> tuple[Notes, dict[str, Any]]:
    notes = Notes()
    return notes, cluster.run_cell(make_run(order="fixed"), notes)


def test_a_cell_gives_its_rows_and_facts(fixed: tuple[Notes, dict[str, Any]]) -> None:
    notes, facts = fixed
    assert [(r.client_id, r.step, r.examples) for r in notes.steps if r.round == 1] == [
        (client, 3 + t, size) for client in range(3) for t, size in enumerate((16, 16, 8))
    ]
    assert {(r.client_id, r.worker) for r in notes.clients} == {(0, 0), (1, 1), (2, 0)}
    assert [r.clients_ok for r in notes.rounds] == [3, 3]
    assert {(r.cell_id, r.repeat) for r in notes.steps} == {(make_run(order="fixed").cell_id, 1)}
    assert sum(r.examples for r in notes.label_rows) == facts["examples"] == 120
    assert len(notes.label_rows) == 3 * 10
    assert (facts["workers"], facts["threads"]) == (2, {"worker": 1, "main_server": 1, "fed_server": 1})
    dataset = {"train": 1438, "test": 359, "shape": [8, 8, 1], "classes": 10}
    assert facts["dataset"] == dataset | {"digest": digest_of(load_dataset(Named(name="digits")))}
    assert facts["code"]["sfbench"] == own_code()
    assert facts["client_parameters"] + facts["server_parameters"] == 320 + 18_496 + 4160 + 8320 + 8256 + 650


@pytest.mark.parametrize("transport", ["grpc", "ray"])
def test_slow_devices_have_processes_of_their_own_and_change_nothing_but_times(
    cluster: Cluster, fixed: tuple[Notes, dict[str, Any]], transport: str
) -> None:
    devices, notes = {"name": "per_client", "of": [{"slowdown": 30}, "host", {"slowdown": 15}]}, Notes()
    run = make_run(order="fixed", workers="auto", device=devices, server_slowdown=10, transport=transport)
    facts = cluster.run_cell(run, notes)
    assert exact(notes) == exact(fixed[0])
    assert {(r.client_id, r.worker) for r in notes.clients} == {(0, 0), (1, 1), (2, 2)}
    assert facts["emulation"] == {"slowdowns": [30.0, 1.0, 15.0], "server_slowdown": 10.0, "cores": usable_cores()}
    held: Counter[int] = Counter()
    for row in notes.steps:
        held[row.client_id] += int(row.device_s > 0)  # type: ignore[operator]  # None would fail, and should
        assert row.server_device_s is not None
        assert row.late_s is not None
    assert (held[0] > 0, held[1], held[2] > 0) == (True, 0, True)


@pytest.mark.parametrize(("algorithm", "at_once"), [("sflv1", min(3, usable_cores())), ("sflv2", 1)])
def test_a_cell_says_how_many_clients_its_server_trains_at_once(algorithm: str, at_once: int, cluster: Cluster) -> None:
    facts = cluster.run_cell(make_run(algorithm=algorithm, rounds=1), Notes())
    assert facts["roles"]["main_server"]["replicas"] == at_once


def named_s(notes: Notes, round: int) -> float:
    """All times of a round's clients: they hold every instant of their workers."""
    clients = [row for row in notes.clients if row.round == round]
    times = [(r.local_s, r.swap_s, r.push_s, r.pull_s, r.wait_s, r.end_round_s) for r in clients]
    return sum(time or 0.0 for client in times for time in client)


def test_the_driver_sees_of_the_workers_what_their_clients_account_for(fixed: tuple[Notes, dict[str, Any]]) -> None:
    notes, _ = fixed
    for row in notes.rounds:
        assert row.workers_s is not None
        assert row.unexplained_s is not None
        assert row.unexplained_s > 0, "the command's and the rows' way"
        assert row.workers_s == pytest.approx(named_s(notes, row.round) + row.unexplained_s, rel=1e-9)
        assert row.workers_s > (row.training_s or 0.0) > 0
        assert min(row.clients_cpu_s or 0, row.main_server_cpu_s or 0, row.fed_server_cpu_s or 0) > 0


def test_the_steps_of_a_worker_follow_each_other_over_its_clients(fixed: tuple[Notes, dict[str, Any]]) -> None:
    notes, _ = fixed
    for clients in ({0, 2}, {1}):  # in one process each
        for round in range(2):
            rows = sorted(
                (row for row in notes.steps if row.client_id in clients and row.round == round),
                key=lambda row: row.started_s,
            )
            for before, after in pairwise(rows):
                ended_s = before.started_s + before.step_s
                assert after.started_s == pytest.approx(ended_s + (after.between_s or 0.0), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("clients", [1, 2, 4, 8])
def test_one_per_cent_of_a_workers_round_is_unexplained_at_most(clients: int, cluster: Cluster) -> None:
    dataset = {"name": "synthetic", "shape": [28, 28, 1], "examples": 15_360}  # 120 batches a round: a second or more
    notes, more = Notes(), {"batch_size": 128, "examples_per_client": None, "workers": "auto", "rounds": 5}
    cluster.run_cell(make_run(clients=clients, dataset=dataset, **more), notes)
    shares = [(row.unexplained_s or 0.0) / (row.workers_s or 0.0) for row in notes.rounds]
    assert median(shares) <= 0.01  # the median: the system may take a core away while rows are on their way


@pytest.mark.parametrize(
    "cell",
    [
        {"algorithm": "sflv1", "aggregation": False, "eval_clients": 1},
        {"algorithm": "ushape", "cut_layer": ["conv1", "dense3"]},
        {"algorithm": "sflv2", "transport": "inproc"},
        {"algorithm": "fl"},
    ],
    ids=lambda cell: str(cell["algorithm"]),
)
def test_the_saved_model_predicts_what_was_evaluated(cell: dict[str, Any], cluster: Cluster, tmp_path: Path) -> None:
    notes, path = Notes(), tmp_path / "model.keras"
    cluster.run_cell(make_run(save_model=True, learning_rate=0.01, rounds=3, **cell), notes)
    (content,) = notes.models
    path.write_bytes(content)
    model, digits = keras.models.load_model(path), load_dataset(Named(name="digits"))
    logits = np.asarray(model(digits.x_test))
    losses = keras.losses.sparse_categorical_crossentropy(digits.y_test, logits, from_logits=True)
    assert (logits.argmax(axis=1) == digits.y_test).mean() == notes.rounds[-1].eval_accuracy
    assert float(np.mean(losses)) == pytest.approx(notes.rounds[-1].eval_loss, rel=1e-5)


def test_processes_stay_warm_and_a_cell_does_not_depend_on_who_ran_before(
    fixed: tuple[Notes, dict[str, Any]], cluster: Cluster
) -> None:
    before, again = processes(), Notes()
    cluster.run_cell(make_run(clients=2, rounds=1, cut_layer="conv1", aggregation=False), Notes())
    cluster.run_cell(make_run(order="fixed"), again)
    assert len(before) >= 4  # those of this cell, and what earlier ones needed beside them
    assert processes() == before
    assert exact(again) == exact(fixed[0])


@pytest.mark.parametrize(
    "other",
    [{"workers": 1}, {"transport": "inproc"}, {"workers": 1, "transport": "grpc-stream"}, {"transport": "ray"}],
)
def test_in_fixed_order_workers_and_transport_change_no_bit(
    other: dict[str, Any], fixed: tuple[Notes, dict[str, Any]], cluster: Cluster
) -> None:
    notes = Notes()
    cluster.run_cell(make_run(order="fixed", **other), notes)
    assert exact(notes) == exact(fixed[0])


@pytest.mark.parametrize("algorithm", [{"algorithm": "sl"}, {"algorithm": "ushape", "cut_layer": ["dense1", "dense3"]}])
def test_ray_carries_what_grpc_carries(algorithm: dict[str, Any], cluster: Cluster) -> None:
    cell = {"rounds": 1, **algorithm} | ({"order": "fixed"} if algorithm["algorithm"] == "ushape" else {})
    over_grpc, over_ray = Notes(), Notes()
    cluster.run_cell(make_run(**cell), over_grpc)
    cluster.run_cell(make_run(transport="ray", **cell), over_ray)
    assert exact(over_ray) == exact(over_grpc) != []


LINKED = {"order": "fixed", "workers": "auto", "link": {"uplink_mbit": 200, "downlink_mbit": 400, "delay_ms": 2}}


@pytest.mark.parametrize("transport", ["grpc", "grpc-stream", "ray"])
def test_over_links_every_client_has_a_process_and_learns_the_same(
    transport: str, fixed: tuple[Notes, dict[str, Any]], cluster: Cluster
) -> None:
    notes = Notes()
    facts = cluster.run_cell(make_run(**LINKED, transport=transport), notes)
    assert facts["workers"] == 3
    assert {(row.client_id, row.worker) for row in notes.clients} == {(0, 0), (1, 1), (2, 2)}
    assert [(row.loss, row.correct) for row in notes.steps] == [(row.loss, row.correct) for row in fixed[0].steps]
    for row in notes.steps:
        up_s, down_s = (8 * (sent or 0) * 1514 / 1448 for sent in (row.uplink_bytes, row.downlink_bytes))
        assert row.link_uplink_s == pytest.approx(up_s / 200e6 + 0.002, abs=1e-9)
        assert row.link_downlink_s == pytest.approx(down_s / 400e6 + 0.002, abs=1e-9)
        assert (row.link_uplink_s or 1.0) <= (row.uplink_s or 0.0)
        assert (row.link_downlink_s or 1.0) <= (row.downlink_s or 0.0)
        assert sum(getattr(row, phase) for phase in PHASES) == row.step_s


@pytest.mark.parametrize("algorithm", [{"algorithm": "sl"}, {"algorithm": "fl"}, {"participation": 2}])
def test_whoever_sits_out_or_waits_in_line_has_a_process_too(algorithm: dict[str, Any], cluster: Cluster) -> None:
    notes = Notes()
    facts = cluster.run_cell(make_run(**LINKED | algorithm), notes)
    assert facts["workers"] == 3
    assert all(row.worker == row.client_id for row in notes.clients)
    for row in notes.clients:
        assert (row.link_push_s or 0.0) + (row.link_pull_s or 0.0) >= 4 * 0.002
        assert (row.link_push_s or 0.0) <= (row.push_s or 0.0)
        assert (row.link_pull_s or 0.0) <= (row.pull_s or 0.0)


def test_links_that_this_host_cannot_emulate_are_refused_and_nothing_starts_for_them(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd, here = {"clients": 10_000, "workers": "auto", "link": "lte"}, processes()
    refused = cluster.check([make_run(**cell).config for cell in (crowd, {"workers": "auto", "link": "lte"})])
    assert {number: error.parameter for number, error in refused.items()} == {0: "clients"}
    assert processes() == here
    with pytest.raises(ConfigError, match=r"clients 10000: .* use fewer clients"):
        cluster.run_cell(make_run(**crowd), Notes())
    placement = cluster._placement
    monkeypatch.setattr(cluster, "_placement", replace(placement, nodes=[*placement.nodes, Node("n", "h", 1, 1 << 40)]))
    refused = cluster.check([make_run(workers="auto", link="lte").config])
    assert "this cluster has 2 nodes; measure links on one host" in str(refused[0])


def test_a_step_takes_no_time_backwards_between_processes(fixed: tuple[Notes, dict[str, Any]]) -> None:
    for row in fixed[0].steps:
        assert row.uplink_s is not None
        assert row.downlink_s is not None
        assert 0 < row.uplink_s < row.step_s
        assert 0 < row.downlink_s < row.step_s


def test_what_the_processes_print_is_in_the_log_and_not_on_the_terminal(
    fixed: tuple[Notes, dict[str, Any]], cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.run_cell(make_run(rounds=1), Notes())
    assert capfd.readouterr() == ("", "")
    assert "==> worker0" in fixed[0].text  # TensorFlow and gRPC are never quite silent when they start


def test_clients_that_memory_cannot_hold_are_refused_before_anything_starts(cluster: Cluster) -> None:
    warm, notes = processes(), Notes()
    with pytest.raises(CellError, match=r"1000000 clients need .* GB are free"):
        cluster.run_cell(make_run(clients=1_000_000), notes)
    assert notes.label_rows == []
    assert warm


def test_clients_without_examples_sit_out_and_are_told(cluster: Cluster) -> None:
    skewed = {"partitioner": {"name": "dirichlet", "alpha": 0.01}, "clients": 20, "examples_per_client": None}
    run, notes = make_run(**skewed, order="fixed", batch_size=128), Notes()
    cluster.check([run.config])
    facts = cluster.run_cell(run, notes)
    counts = Counter[int]()
    for row in notes.label_rows:
        counts[row.client_id] += row.examples
    holders = {client for client, examples in counts.items() if examples}
    assert (len(counts), facts["examples"]) == (20, 1438)
    assert {row.client_id for row in notes.steps} == {row.client_id for row in notes.clients} == holders
    assert [(row.clients_ok, row.clients_lost) for row in notes.rounds] == [(len(holders), 0)] * 2
    assert any(f"leaves {20 - len(holders)} of 20 clients without examples" in text for text in notes.warnings)


def test_what_cannot_be_run_is_known_before_anything_is(cluster: Cluster) -> None:
    missing = {"name": "csv", "data_files": {"train": "nowhere.csv"}}
    wrong: list[dict[str, Any]] = [{"cut_layer": "conv9"}, {}, {"dataset": missing}, {"dataset": missing, "rounds": 3}]
    refused = cluster.check([make_run(**parameters).config for parameters in wrong])
    assert {i: error.parameter for i, error in refused.items()} == {0: "cut_layer", 2: "dataset", 3: "dataset"}
    assert "'conv9' is not in 'notebook_cnn'; choose one of conv1" in str(refused[0])
    with pytest.raises(ConfigError, match=r"nowhere\.csv"):
        cluster.run_cell(make_run(dataset=missing), Notes())


def test_an_isolated_cell_gets_processes_of_its_own(fixed: tuple[Notes, dict[str, Any]], cluster: Cluster) -> None:
    before, notes = processes(), Notes()
    cluster.run_cell(make_run(order="fixed", isolation="cell"), notes)
    assert before.isdisjoint(processes())
    assert exact(notes) == exact(fixed[0])


@pytest.mark.slow
def test_the_notebook_s_way_runs_in_a_process_for_every_client(cluster: Cluster) -> None:
    notes = Notes()
    facts = cluster.run_cell(make_run(algorithm="notebook"), notes)
    assert (facts["workers"], facts["threads"]["worker"]) == (3, None)
    assert {(r.client_id, r.worker) for r in notes.clients} == {(0, 0), (1, 1), (2, 2)}
    assert [r.clients_ok for r in notes.rounds] == [3, 3]
    assert all(r.client_forward_s is None and r.uplink_bytes for r in notes.steps)


def test_a_killed_client_process_ends_its_cell_at_once_and_no_other(
    cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    timers: list[threading.Timer] = []

    def kill() -> None:
        processes("ray::Worker").pop().kill()

    def in_the_middle_of_the_next_round() -> None:
        if not timers:
            timers.append(threading.Timer(0.1, kill))
            timers[0].start()

    # whose survivors wait for its model, longer than a test may take
    endless = make_run(rounds=100_000, local_epochs=20, eval_every=100_000, timeout_s=3600.0)
    with pytest.raises(CellError, match=r"^a process of the cell was lost: WorkerProcess, pid \d+, killed"):
        cluster.run_cell(endless, Notes(after_round=in_the_middle_of_the_next_round))

    notes = Notes()
    cluster.run_cell(make_run(rounds=1), notes)
    assert [r.clients_ok for r in notes.rounds] == [3]
    assert capfd.readouterr() == ("", "")


def test_a_cell_that_runs_over_its_time_is_ended(cluster: Cluster) -> None:
    notes, warm = Notes(), processes()
    with pytest.raises(CellTimeoutError, match="ran over its timeout_s; raise it"):
        cluster.run_cell(make_run(rounds=100_000, eval_every=100_000, timeout_s=4.0), notes)
    assert len(notes.rounds) > 0
    _, alive = psutil.wait_procs(warm, timeout=60)
    assert (len(warm), alive) == (4, [])  # none of them goes on with a cell that is given up


def test_a_cell_that_runs_over_its_time_while_links_hold_its_messages_is_ended(cluster: Cluster) -> None:
    cluster.run_cell(make_run(rounds=1), Notes())
    notes, warm = Notes(), processes()
    with pytest.raises(CellTimeoutError, match="ran over its timeout_s; raise it"):
        cluster.run_cell(make_run(workers="auto", link={"delay_ms": 19_000}, timeout_s=20.0), notes)
    _, alive = psutil.wait_procs(warm, timeout=60)
    assert (notes.steps, alive) == ([], [])  # before the first reply was there


def test_ray_and_the_cells_are_reached_from_this_host_alone(cluster: Cluster) -> None:
    heard: set[str] = set()

    def listen() -> None:
        for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                heard.update(c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN)

    cluster.run_cell(make_run(rounds=1), Notes(after_round=listen))
    assert heard <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    assert heard


def test_ray_takes_nobody_without_the_token_and_tells_it_nobody(cluster: Cluster) -> None:
    token = os.environ["RAY_AUTH_TOKEN"]
    address = ray.get_runtime_context().gcs_address
    code = f"import ray; ray.init('{address}', log_to_driver=False)"
    for mode in ("token", "disabled"):
        env = {**os.environ, "RAY_AUTH_MODE": mode, "RAY_AUTH_TOKEN": "a guess of somebody else on this host"}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "InvalidAuthToken" in done.stderr or "Failed to connect" in done.stderr
    texts = [word for process in psutil.Process().children(recursive=True) for word in process.cmdline()]
    logs = Path(ray._private.worker._global_node.get_session_dir_path()).rglob("*.*")
    texts += [path.read_text(errors="replace") for path in logs if path.is_file()]
    assert not [text for text in texts if token in text]
