"""The notebook's messages: every tensor a list of Python floats, written and read element by element."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.baselines.notebook._pb.notebook.v1 import notebook_pb2 as pb
from splitfed_core.arrays import Array


def shape_message(array: Array) -> pb.Shape:
    """Return the shape of an array."""
    return pb.Shape(shape=array.shape)


def activations_message(tensor: Any) -> pb.Activations:
    """Return smashed data, or logits, as a list of floats."""
    array = np.array(tensor)
    message = pb.Activations()
    message.activations.extend(array.flatten().tolist())
    message.s.append(shape_message(array))
    return message


def read_activations(message: pb.Activations) -> Array:
    """Return the array of such a message."""
    return np.array(message.activations).reshape(*message.s[0].shape)


def forward_message(activations: Any, labels: Array, cid: int, rnd: int, batch: int) -> pb.ForwardRequest:
    """Return the request of a step."""
    message = pb.ForwardRequest()
    message.activations.CopyFrom(activations_message(activations))
    message.labels.extend([int(label) for label in labels])
    message.cid, message.rnd, message.batch = cid, rnd, batch
    message.time = time.time()
    return message


def backward_message(gradients: Any, loss: float, correct: int) -> pb.ForwardResponse:
    """Return the reply of a step."""
    array = np.array(gradients)
    gradient = pb.Gradient()
    gradient.gradients.extend(array.flatten().tolist())
    gradient.s.append(shape_message(array))
    message = pb.ForwardResponse()
    message.gradients.CopyFrom(gradient)
    message.loss, message.correct = loss, correct
    message.time = time.time()
    return message


def read_gradient(message: pb.Gradient) -> Array:
    """Return the gradient of the smashed data."""
    return np.array(message.gradients).reshape(*message.s[0].shape)


def model_message(weights: Sequence[Array]) -> pb.Model:
    """Return all weights of a model as one list of floats."""
    message = pb.Model()
    for array in weights:
        message.weights.extend(array.flatten().tolist())
    for array in weights:
        message.s.append(shape_message(array))
    return message


def read_model(message: pb.Model) -> list[Array]:
    """Return the weights of a model, array by array."""
    weights, start = [], 0
    for shape in message.s:
        size = int(np.prod(shape.shape))
        weights.append(np.array(message.weights[start : start + size]).reshape(shape.shape))
        start += size
    return weights
