"""Building a network by name: built in, one of keras.applications, or the user's own function."""

import inspect
import re
from collections.abc import Callable
from functools import partial

import keras

from splitfed_core.errors import ConfigError
from splitfed_core.models.builtin import NETWORKS, BuildNetwork, Shape
from splitfed_core.models.user_model import find_own

_KERAS = "keras:"


def build_model(name: str, input_shape: Shape, num_classes: int, seed: int) -> keras.Model:
    """Build the unsplit network; the same seed gives the same initial weights and dropout masks.

    Args:
        name: `lenet5`, `keras:MobileNetV2`, `./file.py:function` or `package.module:function`.
        input_shape: Of one example.
        num_classes: Number of logits.
        seed: Of every random number the network draws.

    Raises:
        ConfigError: An unknown network, data it cannot take, or a network that cannot be trained here.
    """
    build = _find(name, input_shape)
    keras.utils.clear_session(free_memory=False)  # or layers without names are counted on from the last model
    keras.utils.set_random_seed(seed)
    model = build(input_shape, num_classes)
    _check(model, name, input_shape, num_classes)
    return model


def is_own(name: str) -> bool:
    """Whether a network is the user's own function."""
    return ":" in name and not name.startswith(_KERAS)


def _find(name: str, input_shape: Shape) -> BuildNetwork:
    if name.startswith(_KERAS):
        return _find_application(name)
    if is_own(name):
        return find_own(name)
    if name not in NETWORKS:
        raise ConfigError(
            f"model {name!r} is unknown; choose one of {', '.join(NETWORKS)}, {_KERAS}<Name> of keras.applications, or "
            "your own ./file.py:function or package.module:function",
            "model",
        )
    network = NETWORKS[name]
    if network.min_size:
        _check_image(name, input_shape, network.min_size)
    return network.build


def _find_application(name: str) -> BuildNetwork:
    known = {n: value for n, value in vars(keras.applications).items() if n[0].isupper() and callable(value)}
    application = known.get(name.removeprefix(_KERAS))
    if application is None:
        raise ConfigError(f"model {name!r} is not in keras.applications; choose one of {', '.join(known)}", "model")
    return partial(_build_application, name, application)


def _build_application(
    name: str, application: Callable[..., keras.Model], input_shape: Shape, num_classes: int
) -> keras.Model:
    """Build one of keras.applications, untrained, and without its scaling of bytes: the data is in [0, 1]."""
    _check_image(name, input_shape, min_size=1)
    options: dict[str, object] = {"weights": None, "input_shape": input_shape, "classes": num_classes}
    if "include_preprocessing" in inspect.signature(application).parameters:
        options["include_preprocessing"] = False
    try:
        return application(classifier_activation=None, **options)
    except ValueError as error:
        if minimum := re.search(r"at least (\d+)x\d+", str(error)):
            _check_image(name, input_shape, int(minimum[1]))
        raise ConfigError(
            f"model {name!r} cannot take data of shape {input_shape}: {error}; try resize: [224, 224]", "model"
        ) from None


def _check_image(name: str, input_shape: Shape, min_size: int) -> None:
    if len(input_shape) != 3:
        raise ConfigError(
            f"model {name!r} takes images (height, width, channels); the data has shape {input_shape}; choose 'mlp', "
            "or give the data set a shape: [height, width, channels]",
            "model",
        )
    if min(input_shape[:2]) < min_size:
        raise ConfigError(
            f"model {name!r} needs images of at least {min_size}×{min_size}; the data has {input_shape[0]}×"
            f"{input_shape[1]}; scale it: dataset: {{name: …, resize: [{min_size}, {min_size}]}}",
            "model",
        )


def _check(model: object, name: str, input_shape: Shape, num_classes: int) -> None:
    """Refuse what cannot be trained or cut, and what would be trained wrongly."""
    if not isinstance(model, keras.Model):
        raise ConfigError(f"model {name!r} returned a {type(model).__name__}; return a keras.Model", "model")
    if isinstance(model, keras.Sequential) and not model.built:
        model.build((None, *input_shape))
    inputs, outputs = getattr(model, "inputs", None) or [], getattr(model, "outputs", None) or []
    if (len(inputs), len(outputs)) != (1, 1):
        raise ConfigError(
            f"model {name!r} has {len(inputs)} inputs and {len(outputs)} outputs; return a functional or sequential "
            "keras.Model with one of each",
            "model",
        )
    if tuple(inputs[0].shape[1:]) != tuple(input_shape):
        raise ConfigError(
            f"model {name!r} takes inputs of shape {tuple(inputs[0].shape[1:])}, the data has {tuple(input_shape)}; "
            "build it from the input_shape it is called with",
            "model",
        )
    if tuple(outputs[0].shape[1:]) != (num_classes,):
        raise ConfigError(
            f"model {name!r} returns shape {tuple(outputs[0].shape[1:])} for an example; return one logit for each of "
            f"the {num_classes} classes",
            "model",
        )
    last = model.layers[-1]
    if isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax:
        raise ConfigError(f"model {name!r} ends in softmax; return logits, the loss applies it", "model")
