"""What recording costs: a step with its ledger and its row, against the same compiled step without.

A program of its own, because TensorFlow is told its threads before anything else: it prints a line of JSON.
"""

import json
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.workers.startup import keep_freed_memory, start_tensorflow

_STEPS, _RUNS = 100, 8


def main() -> None:
    """Time both ways in turns and print the medians of each run, s."""
    keep_freed_memory()
    start_tensorflow(1)
    import tensorflow as tf

    from splitfed_core.arrays import Array
    from splitfed_core.config.cell_config import CellConfig
    from splitfed_core.data import load_dataset, make_shards
    from splitfed_core.federation.build_main import build_main_server
    from splitfed_core.records.results import CellKey, DataShape
    from splitfed_core.roles.batches import mini_batches
    from splitfed_core.roles.client import Client, Worker
    from splitfed_core.roles.exchange import ledger_factory
    from splitfed_core.timing.pace import NO_PACE
    from splitfed_core.training.cell_network import CellNetwork
    from splitfed_core.wire.call import Address, Call, Kind
    from splitfed_core.wire.codecs.raw import RAW
    from splitfed_core.wire.layers.counters import Counters
    from splitfed_core.wire.layers.stack import client_stack, server_gate
    from splitfed_core.wire.transports.base import NoServer
    from splitfed_core.wire.transports.in_process import InProcessTransport

    dataset = {"name": "synthetic", "examples": 128 * _STEPS, "test_examples": 16}
    config = CellConfig.parse({"dataset": dataset, "clients": 1, "rounds": 1, "transport": "inproc"})
    data = load_dataset(config.dataset)
    key, shape = CellKey("speed", 0, 1), DataShape(data.input_shape, data.num_classes)
    (shard,) = make_shards(data, {0: range(len(data.y_train))})  # type: ignore[dict-item]  # a range will do
    segment: Any = CellNetwork(config, shape, key.seed).client_segment()
    server: Any = build_main_server(key, config, shape, {0: len(shard.y)})
    gate = server_gate(server)
    transport = client_stack(InProcessTransport(gate), Counters())
    client = Client(
        key, config, shard, segment, ledger_factory(segment, transport, NO_PACE), transport, NoServer(), Worker()
    )

    def bare(x: tf.Tensor, labels: Array, step: int) -> None:
        def exchange(smashed: Array) -> Array:
            call = Call(Kind.TRAIN_STEP, Address(0, 0, step), (RAW.encode(smashed), RAW.encode(labels)))
            return RAW.decode(gate.handle(call).tensors[0])

        segment(x, exchange)

    segment.state_swap.load(0)
    recorded, plain = [], []
    for _ in range(_RUNS):
        times: dict[bool, list[float]] = {True: [], False: []}
        for batch in mini_batches(key, config, shard, 0):
            began = perf_counter()
            if batch.step % 2:
                client.train_step(batch)
            else:
                bare(batch.x, batch.labels, batch.step)
            times[bool(batch.step % 2)].append(perf_counter() - began)
        recorded.append(median(times[True]))
        plain.append(median(times[False]))
    server.close()
    print(json.dumps({"recorded": recorded[1:], "plain": plain[1:]}))


if __name__ == "__main__":
    main()
