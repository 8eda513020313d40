"""Where a network can be cut: the places that exactly one tensor crosses."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Protocol

import keras

from splitfed_core.errors import ConfigError


@dataclass(frozen=True, slots=True, eq=False)
class CutPoint:
    """The place after one layer.

    `tensor` is the layer's output, `crossing` names the layers whose outputs are still needed behind it, `parameters`
    is the number of weights before it, `problem` says why the network cannot be cut here (None where it can).
    """

    name: str
    tensor: keras.KerasTensor
    crossing: tuple[str, ...]
    parameters: int
    problem: str | None


class _Call(Protocol):
    """What is used of Keras' nodes: one call of a layer, or of a bare operation."""

    operation: keras.Operation
    input_tensors: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]
    is_input: bool


@dataclass(frozen=True, slots=True)
class _Use:
    """One weight, and the first and last call that needs it."""

    layer: str
    weight: keras.Variable
    first: int
    last: int


def cut_points(model: keras.Model) -> list[CutPoint]:
    """List the place after every layer, in the order of computation.

    A tensor is live while a later layer still reads it. With one input and one output, a network can be cut
    exactly where a layer's own output is the only live tensor.
    """
    calls = _calls(model)
    uses = _uses(calls)
    places = zip(calls, _crossings(calls, model.outputs[0]), strict=True)
    return [_place(calls, uses, i, crossing) for i, (call, crossing) in enumerate(places) if not call.is_input]


def _place(calls: list[_Call], uses: list[_Use], i: int, crossing: tuple[str, ...]) -> CutPoint:
    call = calls[i]
    parameters = sum(prod(use.weight.shape) for use in uses if use.first <= i)
    return CutPoint(call.operation.name, call.outputs[0], crossing, parameters, _problem(calls, uses, i, crossing))


def _problem(calls: list[_Call], uses: list[_Use], i: int, crossing: tuple[str, ...]) -> str | None:
    """Return why there is no cut after call `i`, None where there is one."""
    smashed = calls[i].outputs[0]
    if sum(call.operation is calls[i].operation for call in calls) > 1:
        return "the layer is used more than once, so its name does not say where to cut"
    if len(crossing) > 1:
        return f"{len(crossing)} tensors cross there, not one: {', '.join(crossing)}"
    if shared := {use.layer: None for use in uses if use.first <= i < use.last}:
        return f"both sides would hold the weights of {', '.join(shared)}"
    if not keras.backend.is_float_dtype(smashed.dtype):
        return f"its output is {smashed.dtype}, which has no gradient"
    if not any(use.weight.trainable for use in uses if use.first <= i):
        return "the client side would have nothing to train"
    return None


def _crossings(calls: list[_Call], output: keras.KerasTensor) -> Iterator[tuple[str, ...]]:
    """Yield, after each call, the layers whose outputs are live."""
    last_read = {id(tensor): i for i, call in enumerate(calls) for tensor in call.input_tensors}
    last_read[id(output)] = len(calls)
    live: dict[int, str] = {}
    for i, call in enumerate(calls):
        live |= {id(tensor): call.operation.name for tensor in call.outputs}
        live = {key: name for key, name in live.items() if last_read.get(key, -1) > i}
        yield tuple(live.values())


def _uses(calls: list[_Call]) -> list[_Use]:
    """Return every weight of the network once; bare operations such as `a + b` have none."""
    uses: dict[int, _Use] = {}
    for i, call in enumerate(calls):
        for weight in call.operation.weights if isinstance(call.operation, keras.Layer) else ():
            first = uses[id(weight)].first if id(weight) in uses else i
            uses[id(weight)] = _Use(call.operation.name, weight, first, i)
    return list(uses.values())


def _calls(model: keras.Model) -> list[_Call]:
    """Return every call of a layer in the model, each after those it reads from.

    Keras has no public list: `layers` leaves out bare operations, `layer.output` knows the first call only.
    """
    if isinstance(model, keras.Sequential) and model.built:
        model = keras.Model(model.inputs, model.outputs)
    by_depth = getattr(model, "_nodes_by_depth", None)
    if by_depth is None or (len(model.inputs), len(model.outputs)) != (1, 1):
        raise ConfigError(
            f"model {model.name!r} cannot be cut: it must be functional or sequential, with one input and one output",
            "model",
        )
    return [call for depth in sorted(by_depth, reverse=True) for call in by_depth[depth]]
