"""The user's own network: `./file.py:function` or `package.module:function`, called with (input_shape, num_classes)."""

import importlib
import re
import sys
import traceback
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from zlib import crc32

import keras

from splitfed_core.config.app_folder import app_folder
from splitfed_core.errors import ConfigError
from splitfed_core.models.builtin import BuildNetwork, Shape

_OURS = frozenset({"analysis", "benchmarks", "sfbench", "splitfed_core"})
"""Packages that are found before any of the user's that has the same name."""


def find_own(name: str) -> BuildNetwork:
    """Import the user's function.

    Raises:
        ConfigError: It cannot be imported. Calling what is returned raises one too if the function fails.
    """
    where, _, function_name = name.rpartition(":")
    module = _load_file(name, where) if is_file(where) else _import(name, where)
    function = getattr(module, function_name, None)
    if not callable(function):
        own = [n for n, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
        raise ConfigError(
            f"model {name!r}: {where!r} has no function {function_name!r}; it has {', '.join(own) or 'none'}",
            "model",
        )
    return partial(_call, name, module, function)


def is_file(where: str) -> bool:
    """Whether a module is named by its file."""
    return where.endswith(".py") or "/" in where


def _load_file(name: str, where: str) -> ModuleType:
    """Load a file under a name of its own, which no installed package can have; once in a process."""
    path = (app_folder() / where).resolve()
    if path.suffix != ".py" or not path.is_file():
        package = path / "__init__.py"
        remedy = f"name it: {where.rstrip('/')}/__init__.py" if package.is_file() else "paths start where sfbench does"
        raise ConfigError(f"model {name!r}: there is no Python file {path}; {remedy}", "model")
    private = f"_sfbench_own_{re.sub(r'[^A-Za-z0-9]', '_', where)}_{crc32(where.encode()):x}"
    loaded = sys.modules.get(private)
    if loaded is not None and loaded.__file__ == str(path):
        return loaded
    folders = [str(path.parent)] if path.name == "__init__.py" else None  # so that `from .layers import …` works
    spec = spec_from_file_location(private, path, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise ConfigError(f"model {name!r}: Python has no loader for {path}; name a .py file", "model")
    module = sys.modules[private] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's code: anything may go wrong in it, and the user can fix it
        del sys.modules[private]
        raise _cannot_import(name, error, f"python {where} shows the same") from error
    return module


def _import(name: str, module_name: str) -> ModuleType:
    top = module_name.partition(".")[0]
    if top in _OURS:
        raise ConfigError(
            f"model {name!r}: {top!r} is a package of sfbench itself, which is found before yours; name the file: "
            f"{_file_of(module_name)}:{name.rpartition(':')[2]}",
            "model",
        )
    try:
        return importlib.import_module(module_name)
    except Exception as error:  # as above
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            remedy = f"start sfbench in the folder that holds {missing.partition('.')[0]!r}, or install that package"
        else:
            remedy = f"python -c 'import {module_name}' shows the same"
        raise _cannot_import(name, error, remedy) from error


def _file_of(module_name: str) -> str:
    """Return the file of a dotted name below the user's folder: that of a package, if there is one."""
    path = Path(*module_name.split("."))
    package = path / "__init__.py"
    return f"./{package if (app_folder() / package).is_file() else path.with_suffix('.py')}"


def _cannot_import(name: str, error: Exception, remedy: str) -> ConfigError:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _OURS:
        remedy = "that is a package of sfbench; import what is beside the file with `from .module import …`"
    return ConfigError(f"model {name!r} cannot be imported: {type(error).__name__}: {error}; {remedy}", "model")


def _call(name: str, module: ModuleType, function: BuildNetwork, shape: Shape, num_classes: int) -> keras.Model:
    try:
        return function(shape, num_classes)
    except Exception as error:  # as above
        frames = traceback.extract_tb(error.__traceback__)
        place = [f"{frame.filename}, line {frame.lineno}" for frame in frames if frame.filename == module.__file__]
        raise ConfigError(
            f"model {name!r}, called with ({shape}, {num_classes}), raised {type(error).__name__}: {error}"
            f" ({place[-1] if place else 'before its first line'}); fix it there",
            "model",
        ) from error
