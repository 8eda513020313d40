"""Cutting a network at a named layer. The halves share the layers, and so the variables, of the whole."""

from dataclasses import dataclass

import keras

from splitfed_core.errors import ConfigError
from splitfed_core.models.graph import CutPoint, cut_points


@dataclass(frozen=True, slots=True)
class SplitModel:
    """The two halves of a network: what the client computes, and the main server after it."""

    client_side: keras.Model
    server_side: keras.Model


def split(model: keras.Model, cut_layer: str) -> SplitModel:
    """Cut a functional or sequential model after `cut_layer`.

    Raises:
        ConfigError: No such layer, or more than its output would have to cross the cut.
    """
    points = cut_points(model)
    point = find_cut(points, cut_layer, model.name)
    client_side = keras.Model(model.inputs[0], point.tensor, name="client_side")
    return SplitModel(client_side, _rest(point, model))


def find_cut(points: list[CutPoint], cut_layer: str, model_name: str) -> CutPoint:
    """Return the point of that name if the network can be cut there."""
    for position, point in enumerate(points):
        if point.name == cut_layer:
            if point.problem is None:
                return point
            before = [p.name for p in points[:position] if p.problem is None][-1:]
            after = [p.name for p in points[position:] if p.problem is None][:1]
            near = " or ".join(before + after) or "another network: this one has no valid cut"
            raise ConfigError(
                f"cut_layer {cut_layer!r} of {model_name!r}: {point.problem}; nearest valid: {near}",
                "cut_layer",
            )
    valid = ", ".join(p.name for p in points if p.problem is None)
    raise ConfigError(f"cut_layer {cut_layer!r} is not in {model_name!r}; choose one of {valid}", "cut_layer")


def _rest(point: CutPoint, model: keras.Model) -> keras.Model:
    """Return what comes after the cut; after the last layer an identity: only the loss is left."""
    output = model.outputs[0]
    if point.tensor is output:
        smashed = keras.Input(batch_shape=output.shape, dtype=output.dtype, name="smashed")
        return keras.Model(smashed, keras.layers.Identity(name="identity")(smashed), name="server_side")
    return keras.Model(point.tensor, output, name="server_side")
