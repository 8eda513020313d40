"""The user's own network: `./file.py:function` or `package.module:function`, called with (input_shape, num_classes)."""

import traceback
from functools import partial
from types import ModuleType

import keras

from splitfed_core.config.user_code import defined_in, load_module
from splitfed_core.errors import ConfigError
from splitfed_core.models.builtin import BuildNetwork, Shape


def find_own(name: str) -> BuildNetwork:
    """Import the user's function.

    Raises:
        ConfigError: It cannot be imported. Calling what is returned raises one too if the function fails.
    """
    module = load_module("model", name)
    where, _, function_name = name.rpartition(":")
    function = getattr(module, function_name, None)
    if not callable(function):
        raise ConfigError(
            f"model {name!r}: {where!r} has no function {function_name!r}; it has {defined_in(module)}", "model"
        )
    return partial(_call, name, module, function)


def _call(name: str, module: ModuleType, function: BuildNetwork, shape: Shape, num_classes: int) -> keras.Model:
    try:
        return function(shape, num_classes)
    except Exception as error:  # the user's code: anything may go wrong in it, and the user can fix it
        frames = traceback.extract_tb(error.__traceback__)
        place = [f"{frame.filename}, line {frame.lineno}" for frame in frames if frame.filename == module.__file__]
        raise ConfigError(
            f"model {name!r}, called with ({shape}, {num_classes}), raised {type(error).__name__}: {error}"
            f" ({place[-1] if place else 'before its first line'}); fix it there",
            "model",
        ) from error
