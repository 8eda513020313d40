"""What the link layer costs: steps with the layer of a link that takes no time, against the same steps without.

A program of its own, because TensorFlow is told its threads before anything else: it prints a line of JSON. The main
server is a second process, `python -m benchmarks.links.layer_cost serve`, reached over gRPC as in a cell.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from statistics import median
from time import perf_counter

import numpy as np

from benchmarks.links.endpoint import end, start
from benchmarks.links.goals import link_goal
from benchmarks.links.witness import DIRECTIONS
from benchmarks.own_cost.goals import Result, ratios
from benchmarks.workers.startup import keep_freed_memory, start_tensorflow
from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import ClientShard, load_dataset, make_shards
from splitfed_core.records.results import CellKey, DataShape
from splitfed_core.timing.holds import StepShares
from splitfed_core.timing.links import PRESETS
from splitfed_core.timing.queues import Channel
from splitfed_core.wire.call import Call, Reply
from splitfed_core.wire.layers.base import MakeLayer
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.link import ClientLink, HostClock, LinkGate, LinkLayer
from splitfed_core.wire.layers.stack import client_stack, server_gate
from splitfed_core.wire.transports.base import NoServer, Transport
from splitfed_core.wire.transports.grpc_client import GrpcTransport
from splitfed_core.wire.transports.grpc_server import RpcServer

_BLOCK_STEPS, _BLOCKS, _WARM_UP_BLOCKS = 10, 404, 4
"""Steps with and without the layer take turns in blocks; each pair begins with the other kind than the last."""

_RESAMPLES, _BOUND_PERCENTILE = 10_000, 95
_DEADLINE_S = 60.0
_BATCH = 128
_TOKEN = "links"  # noqa: S105  of a server on this host, for minutes
_DATASET = {"name": "synthetic", "examples": _BATCH * _BLOCK_STEPS, "test_examples": 16}
_CONFIG = CellConfig.parse({"dataset": _DATASET, "clients": 1, "rounds": _BLOCKS, "model": "notebook_cnn"})
_KEY = CellKey("links", 0, 1)


class _Switch:
    """Two ways to one server; the steps of a block take the same one."""

    def __init__(self, without: Transport[Array], layered: Transport[Array]) -> None:
        self._ways, self.layered = (without, layered), False

    def exchange(self, call: Call[Array]) -> Reply[Array]:
        """Take the way of the block."""
        return self._ways[self.layered].exchange(call)

    def close(self) -> None:
        """Close both."""
        for way in self._ways:
            way.close()


def measure_layer_cost() -> Result:
    """Compare blocks with the layer to the blocks without it beside them."""
    command = [sys.executable, "-m", "benchmarks.links.layer_cost"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  our own module
    times = json.loads(done.stdout.splitlines()[-1])
    return layer_cost(times["layered"], times["without"])


def layer_cost(layered: Sequence[Sequence[float]], without: Sequence[Sequence[float]]) -> Result:
    """Return by how much steps with the layer take longer at most: the bound of a bootstrap over pairs of blocks.

    Args:
        layered: Seconds of each step, by block.
        without: Of the blocks beside those.
    """
    above, below = [median(block) for block in layered], [median(block) for block in without]
    pairs = np.array(ratios(above, below)) - 1
    drawn = np.random.default_rng(0).choice(pairs, (_RESAMPLES, len(pairs)))
    bound = float(np.percentile(np.median(drawn, axis=1), _BOUND_PERCENTILE))
    steps = sum(map(len, [*layered, *without]))
    detail = f"{steps:,} steps; median {100 * median(pairs):+.2f} %, of {1000 * median(below):.1f} ms"
    return Result(link_goal("layer"), [100 * bound], detail)


def main() -> None:
    """Time blocks of both kinds in turn and print the seconds of each step, block by block."""
    keep_freed_memory()
    start_tensorflow(1)
    server = start("benchmarks.links.layer_cost", "serve")
    try:
        address = server.stdout.readline().strip() if server.stdout else ""
        without, layered = (GrpcTransport(address, token=_TOKEN, deadline_s=_DEADLINE_S) for _ in range(2))
        switch = _Switch(client_stack(without, Counters()), client_stack(layered, Counters(), more=[_loopback()]))
        print(json.dumps(_timed(switch)))
        switch.close()
    finally:
        end(server)


def _loopback() -> MakeLayer:
    uplink, downlink = (Channel(PRESETS["loopback"], direction, seed=0, client=0) for direction in DIRECTIONS)
    links = {0: ClientLink(uplink, downlink)}
    return partial(LinkLayer, links=links, shares=StepShares(), timeout_s=_DEADLINE_S, clock=HostClock())


def _timed(switch: _Switch) -> dict[str, list[list[float]]]:
    from splitfed_core.roles.batches import mini_batches
    from splitfed_core.roles.client import Client, Worker
    from splitfed_core.roles.exchange import ledger_factory
    from splitfed_core.timing.pace import NO_PACE
    from splitfed_core.training.cell_network import CellNetwork

    shard, shape = _data()
    segment = CellNetwork(_CONFIG, shape, _KEY.seed).client_segment()
    ledger = ledger_factory(segment, switch, NO_PACE)
    client = Client(_KEY, _CONFIG, shard, segment, ledger, switch, NoServer(), Worker())
    segment.state_swap.load(0)
    times: dict[str, list[list[float]]] = {"without": [], "layered": []}
    for block in range(_BLOCKS):
        switch.layered = block % 4 in (1, 2)
        took = []
        for batch in mini_batches(_KEY, _CONFIG, shard, block):
            began = perf_counter()
            client.train_step(batch)
            took.append(perf_counter() - began)
        if block >= _WARM_UP_BLOCKS:
            times["layered" if switch.layered else "without"].append(took)
    return times


def serve_steps() -> None:
    """Be the main server until stdin ends; the address is the first line."""
    keep_freed_memory()
    start_tensorflow(1)
    from splitfed_core.federation.build_main import build_main_server

    shard, shape = _data()
    server = build_main_server(_KEY, _CONFIG, shape, {0: len(shard.y)})
    gate = server_gate(server, more=[partial(LinkGate, clock=HostClock())])
    with RpcServer(token=_TOKEN, callers=1, main=gate) as rpc:
        print(rpc.address, flush=True)
        sys.stdin.read()


def _data() -> tuple[ClientShard, DataShape]:
    data = load_dataset(_CONFIG.dataset)
    (shard,) = make_shards(data, {0: np.arange(len(data.y_train))})
    return shard, DataShape(data.input_shape, data.num_classes)


if __name__ == "__main__":
    serve_steps() if sys.argv[1:] == ["serve"] else main()
