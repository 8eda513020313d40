"""Cutting a network at named layers. The parts share the layers, and so the variables, of the whole."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from splitfed_core.errors import ConfigError
from splitfed_core.models.cut_points import CutPoint, cut_points

_FRACTION = "frac:"


@dataclass(frozen=True, slots=True)
class SplitModel:
    """The two halves of a network: what the client computes, and the main server after it."""

    client_side: keras.Model
    server_side: keras.Model


@dataclass(frozen=True, slots=True)
class UShapeModel:
    """The three parts of a network cut twice: head and tail stay with the client, the main server has the body."""

    head: keras.Model
    body: keras.Model
    tail: keras.Model


def split(model: keras.Model, cut_layer: str) -> SplitModel:
    """Cut a functional or sequential model after `cut_layer`, the name of a layer or `frac:0.5`.

    Raises:
        ConfigError: No such layer, or more than its output would have to cross the cut.
    """
    cut = find_cut(cut_points(model), cut_layer, model.name)
    return SplitModel(
        client_side=_part(model.inputs[0], cut.tensor, "client_side"),
        server_side=_part(cut.tensor, model.outputs[0], "server_side"),
    )


def split_ushape(model: keras.Model, cut_layers: Sequence[str]) -> UShapeModel:
    """Cut a functional or sequential model after two layers, each as in `split`.

    Raises:
        ConfigError: A cut that is not valid, or a second that does not come after the first.
    """
    points = cut_points(model)
    first, second = (find_cut(points, cut_layer, model.name) for cut_layer in cut_layers)
    if points.index(first) >= points.index(second):
        raise ConfigError(
            f"cut_layer {list(cut_layers)} of {model.name!r}: {second.name!r} does not come after {first.name!r}, so "
            "the main server would have no body; name the first cut first",
            "cut_layer",
        )
    return UShapeModel(
        head=_part(model.inputs[0], first.tensor, "head"),
        body=_part(first.tensor, second.tensor, "body"),
        tail=_part(second.tensor, model.outputs[0], "tail"),
    )


def find_cut(points: Sequence[CutPoint], cut_layer: str, model_name: str) -> CutPoint:
    """Return the place of that name, or of that share of the weights, if the network can be cut there.

    Raises:
        ConfigError: There is no such place, or no single tensor that crosses it.
    """
    valid = [point for point in points if point.problem is None]
    if not valid:
        raise ConfigError(f"model {model_name!r} has no valid cut; choose another, or algorithm 'fl'", "model")
    if cut_layer.startswith(_FRACTION):
        share = _read_share(cut_layer) * points[-1].parameters
        return min(valid, key=lambda point: abs(point.parameters - share))
    found = [point for point in points if point.name == cut_layer]
    if not found:
        names = ", ".join(point.name for point in valid)
        raise ConfigError(
            f"cut_layer {cut_layer!r} is not in {model_name!r}; choose one of {names} or {_FRACTION}0.5", "cut_layer"
        )
    if found[0].problem:
        near = " or ".join(point.name for point in _neighbours(points, found[0]))
        raise ConfigError(
            f"cut_layer {cut_layer!r} of {model_name!r}: {found[0].problem}; nearest valid: {near}", "cut_layer"
        )
    return found[0]


def _read_share(cut_layer: str) -> float:
    try:
        share = float(cut_layer.removeprefix(_FRACTION))
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ConfigError(
            f"cut_layer {cut_layer!r}: the client's share of the parameters is a number from 0 to 1: {_FRACTION}0.5",
            "cut_layer",
        )
    return share


def _neighbours(points: Sequence[CutPoint], point: CutPoint) -> list[CutPoint]:
    """Return the last valid place before a point and the first one behind it."""
    position = points.index(point)
    before = [p for p in points[:position] if p.problem is None]
    behind = [p for p in points[position:] if p.problem is None]
    return before[-1:] + behind[:1]


def _part(start: keras.KerasTensor, end: keras.KerasTensor, name: str) -> keras.Model:
    """Return what computes `end` from `start`; an identity where they are the same, so that only the loss is left."""
    if start is end:
        x = keras.Input(batch_shape=end.shape, dtype=end.dtype, name=f"{name}_input")
        return keras.Model(x, keras.layers.Identity(name=f"{name}_output")(x), name=name)
    return keras.Model(start, end, name=name)
