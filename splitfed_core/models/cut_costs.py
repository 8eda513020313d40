"""What every cut of a network costs: weights and work a side, and bytes across."""

from dataclasses import dataclass
from math import prod

import keras
import numpy as np
import tensorflow as tf

from splitfed_core.models.cut_points import CutPoint, cut_points


@dataclass(frozen=True, slots=True)
class Cut:
    """One place in a network. FLOPs are those of one example's forward pass, as TensorFlow counts them.

    `crossing` names the layers whose outputs cross the place; `problem` says why there is no cut, None if there is one.
    """

    layer: str
    shape: tuple[int, ...]
    smashed_bytes: int
    client_parameters: int
    server_parameters: int
    client_flops: int
    server_flops: int
    crossing: tuple[str, ...]
    problem: str | None


def cuts(model: keras.Model) -> list[Cut]:
    """Return the place after every layer of a functional or sequential model, in the order of computation."""
    points = cut_points(model)
    flops = _flops_up_to(model, points)
    return [
        Cut(
            layer=point.name,
            shape=tuple(point.tensor.shape[1:]),
            smashed_bytes=prod(point.tensor.shape[1:]) * np.dtype(point.tensor.dtype).itemsize,
            client_parameters=point.parameters,
            server_parameters=points[-1].parameters - point.parameters,
            client_flops=before,
            server_flops=flops[-1] - before,
            crossing=point.crossing,
            problem=point.problem,
        )
        for point, before in zip(points, flops, strict=True)
    ]


def _flops_up_to(model: keras.Model, points: list[CutPoint]) -> list[int]:
    """Count the work done when each place is reached: one trace of the network, with all of these outputs at once."""
    probe = keras.Model(model.inputs[0], [point.tensor for point in points])
    example = tf.TensorSpec([1, *model.input_shape[1:]], model.inputs[0].dtype)
    traced = tf.function(lambda x: probe(x, training=False)).get_concrete_function(example)
    costs = _flops_by_node(traced.graph)
    done: set[str] = set()
    total, counts = 0, []
    for output in tf.nest.flatten(traced.structured_outputs):
        new = _ancestors(output.op, done)
        done |= new
        total += sum(costs.get(name, 0) for name in new)
        counts.append(total)
    return counts


def _ancestors(op: tf.Operation, known: set[str]) -> set[str]:
    """Return the names of a node and of all that it is computed from, without those already known."""
    found, waiting = {op.name}, [op]
    while waiting:
        sources = {tensor.op.name: tensor.op for tensor in waiting.pop().inputs}
        new = {name: source for name, source in sources.items() if name not in known and name not in found}
        found |= new.keys()
        waiting += new.values()
    return found


def _flops_by_node(graph: tf.Graph) -> dict[str, int]:
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output()
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # it calls itself deprecated, and has no successor that counts FLOPs
    try:
        tree = profiler.profile(graph, options=options.build(), cmd="scope")
    finally:
        logger.setLevel(level)
    costs, waiting = {}, [tree]
    while waiting:
        node = waiting.pop()
        costs[node.name] = node.float_ops
        waiting += node.children
    return costs
