"""Code of the user's own that a parameter names: `./file.py:name` or `package.module:name`."""

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from posixpath import normpath
from types import ModuleType
from zlib import crc32

from splitfed_core.config.app_folder import app_folder
from splitfed_core.errors import ConfigError

_OURS = frozenset({"analysis", "benchmarks", "sfbench", "splitfed_core"})
"""Packages that are found before any of the user's that has the same name."""


def one_spelling(name: str) -> str:
    """Return code that is named by its file in the one way that is hashed: from the user's folder, with `./`."""
    path, colon, found = name.rpartition(":")
    if name.startswith("keras:") or not _is_file(path):
        return name
    path = normpath(path)
    return f"{path if path.startswith(('/', '../')) else f'./{path}'}{colon}{found}"


def load_module(parameter: str, name: str) -> ModuleType:
    """Import the module of a name of the user's.

    Args:
        parameter: The parameter of a cell that has this value.
        name: `./file.py:name` or `package.module:name`.

    Raises:
        ConfigError: It cannot be imported.
    """
    where = name.rpartition(":")[0]
    return _load_file(parameter, name, where) if _is_file(where) else _import(parameter, name, where)


def defined_in(module: ModuleType, kind: type | None = None) -> str:
    """List the names that a module itself defines, or its values of a kind; for an error."""
    if kind is not None:
        own = [name for name, value in vars(module).items() if isinstance(value, kind)]
    else:
        own = [n for n, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return ", ".join(own) or "none"


def _is_file(where: str) -> bool:
    """Whether a module is named by its file."""
    return where.endswith(".py") or "/" in where


def _load_file(parameter: str, name: str, where: str) -> ModuleType:
    """Load a file under a name of its own, which no installed package can have; once in a process."""
    path = (app_folder() / where).resolve()
    if path.suffix != ".py" or not path.is_file():
        package = path / "__init__.py"
        remedy = f"name it: {where.rstrip('/')}/__init__.py" if package.is_file() else "paths start where sfbench does"
        raise ConfigError(f"{parameter} {name!r}: there is no Python file {path}; {remedy}", parameter)
    private = f"_sfbench_own_{re.sub(r'[^A-Za-z0-9]', '_', where)}_{crc32(where.encode()):x}"
    loaded = sys.modules.get(private)
    if loaded is not None and loaded.__file__ == str(path):
        return loaded
    folders = [str(path.parent)] if path.name == "__init__.py" else None  # so that `from .layers import …` works
    spec = spec_from_file_location(private, path, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{parameter} {name!r}: Python has no loader for {path}; name a .py file", parameter)
    module = sys.modules[private] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's code: anything may go wrong in it, and the user can fix it
        del sys.modules[private]
        raise _cannot_import(parameter, name, error, f"python {where} shows the same") from error
    return module


def _import(parameter: str, name: str, module_name: str) -> ModuleType:
    top = module_name.partition(".")[0]
    if top in _OURS:
        raise ConfigError(
            f"{parameter} {name!r}: {top!r} is a package of sfbench itself, which is found before yours; name the "
            f"file: {_file_of(module_name)}:{name.rpartition(':')[2]}",
            parameter,
        )
    try:
        with _users_folder_on_path():
            return importlib.import_module(module_name)
    except Exception as error:  # as above
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            remedy = f"start sfbench in the folder that holds {missing.partition('.')[0]!r}, or install that package"
        else:
            remedy = f"python -c 'import {module_name}' shows the same"
        raise _cannot_import(parameter, name, error, remedy) from error


@contextmanager
def _users_folder_on_path() -> Iterator[None]:
    """Find modules in the user's folder, after all others: a command's own path does not have it."""
    before = sys.path[:]
    sys.path.append(str(app_folder()))
    try:
        yield
    finally:
        sys.path[:] = before


def _file_of(module_name: str) -> str:
    """Return the file of a dotted name below the user's folder: that of a package, if there is one."""
    path = Path(*module_name.split("."))
    package = path / "__init__.py"
    return f"./{package if (app_folder() / package).is_file() else path.with_suffix('.py')}"


def _cannot_import(parameter: str, name: str, error: Exception, remedy: str) -> ConfigError:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _OURS:
        remedy = "that is a package of sfbench; import what is beside the file with `from .module import …`"
    what = f"{parameter} {name!r} cannot be imported: {type(error).__name__}: {error}; {remedy}"
    return ConfigError(what, parameter)
