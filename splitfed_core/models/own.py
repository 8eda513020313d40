"""The user's own network: `package.module:function`, called with (input_shape, num_classes)."""

import importlib
import traceback
from functools import partial
from types import ModuleType

import keras

from splitfed_core.errors import ConfigError
from splitfed_core.models.networks import BuildNetwork, Shape


def find_own(name: str) -> BuildNetwork:
    """Import the user's function.

    Raises:
        ConfigError: It cannot be imported. Calling what is returned raises one too if the function fails.
    """
    module_name, _, function_name = name.partition(":")
    module = _import(name, module_name)
    function = getattr(module, function_name, None)
    if not callable(function):
        own = [n for n, value in vars(module).items() if getattr(value, "__module__", None) == module_name]
        raise ConfigError(
            f"model {name!r}: {module_name!r} has no function {function_name!r}; it has {', '.join(own) or 'none'}",
            "model",
        )
    return partial(_call, name, module, function)


def _import(name: str, module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except Exception as error:  # an import runs the user's code: anything may go wrong in it, and the user can mend it
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            remedy = f"start sfbench in the folder that holds {missing.partition('.')[0]!r}, or install that package"
        else:
            remedy = f"python -c 'import {module_name}' shows the same"
        raise ConfigError(
            f"model {name!r} cannot be imported: {type(error).__name__}: {error}; {remedy}", "model"
        ) from error


def _call(name: str, module: ModuleType, function: BuildNetwork, shape: Shape, num_classes: int) -> keras.Model:
    try:
        return function(shape, num_classes)
    except Exception as error:  # as above
        frames = traceback.extract_tb(error.__traceback__)
        place = [f"{frame.filename}, line {frame.lineno}" for frame in frames if frame.filename == module.__file__]
        raise ConfigError(
            f"model {name!r}, called with ({shape}, {num_classes}), raised {type(error).__name__}: {error}"
            f" ({place[-1] if place else 'before its first line'}); mend it there",
            "model",
        ) from error
