import subprocess
import sys
from pathlib import Path

START = """
import os, sys
from benchmarks.workers.base import Process

os.write(1, b"the terminal\\n")
Process("worker7", sys.argv[1], int(sys.argv[2]), ["/somebody/own"])
print("said by Python")
os.write(2, b"said by a library\\n")
import logging; logging.warning("said by a logger")
loaded = {name for name in ("tensorflow", "pandas", "sklearn", "matplotlib") if name in sys.modules}
if "tensorflow" in loaded:
    from tensorflow.config import threading
    print(threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads())
print(sorted(loaded), sys.path[-1], sys.path.count("/somebody/own"))
import pandas
"""


def start(log_dir: Path, threads: int) -> tuple[str, str]:
    """Start a process; return what it wrote to its terminal and to its log."""
    command = [sys.executable, "-c", START, str(log_dir), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    (log,) = log_dir.glob("worker7-*.log")
    return done.stdout + done.stderr, log.read_text()


def test_the_output_of_a_process_goes_to_its_log_whoever_wrote_it(tmp_path: Path) -> None:
    terminal, log = start(tmp_path / "logs", threads=0)
    assert terminal == "the terminal\n"
    assert [line for line in log.splitlines() if "said by" in line] == [
        "said by Python",
        "said by a library",
        "WARNING:root:said by a logger",
    ]


def test_a_process_without_threads_has_no_tensorflow_and_own_modules_come_last(tmp_path: Path) -> None:
    _, log = start(tmp_path, threads=0)
    assert log.splitlines()[-1] == "[] /somebody/own 1"


def test_tensorflow_gets_its_threads_and_two_to_wait_with_and_nothing_it_does_not_need(tmp_path: Path) -> None:
    terminal, log = start(tmp_path, threads=3)
    assert terminal == "the terminal\n"
    assert log.splitlines()[-2:] == ["3 5", "['tensorflow'] /somebody/own 1"]


HOLDS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter, sleep
from benchmarks.workers.servers import FedServerProcess, InitialWeights
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import RemoteError
from splitfed_core.records.results import CellKey
from splitfed_core.wire.call import Address, Call, Kind
from splitfed_core.wire.transports.grpc_client import GrpcTransport

def frames():
    for frame in sys._current_frames().values():
        while frame:
            yield frame
            frame = frame.f_back

server = FedServerProcess("fed", sys.argv[1], 0, [])
cell = CellConfig.parse({"clients": 1, "link": "lte"})
address = server.begin_cell(CellKey("cell", 0, 1), cell, InitialWeights([], []), "token", 1 << 20, None)
client = GrpcTransport(address, token="token", deadline_s=3600.0)
push = Call(Kind.PUSH_MODEL, Address(0), (), 1)
with ThreadPoolExecutor(1, thread_name_prefix="client") as pool:
    pushed = pool.submit(client.exchange, push.due(perf_counter() + 3600.0))
    while not any(frame.f_code.co_name == "wait_until" for frame in frames()):
        sleep(0.01)
    server.end_cell()
    print(isinstance(pushed.exception(), RemoteError))
client.close()
"""


def test_a_server_process_ends_its_cell_and_itself_while_a_link_holds_a_message_for_an_hour(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", HOLDS, str(tmp_path)], check=True, timeout=120)
    (log,) = tmp_path.glob("fed-*.log")
    assert log.read_text().splitlines()[-1] == "True"
