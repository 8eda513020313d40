"""The algorithms by name. A user's own is registered like ours, from whichever file defines it."""

from collections.abc import Mapping
from types import MappingProxyType

from splitfed_core.algorithms.base import Algorithm
from splitfed_core.errors import ConfigError

_REGISTERED: dict[str, Algorithm] = {}

ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType(_REGISTERED)
"""Every algorithm, by the value of the parameter `algorithm`."""


def register(algorithm: Algorithm) -> Algorithm:
    """Make an algorithm known by its name, in this process; returns it.

    Raises:
        ConfigError: Another one has this name.
    """
    if _REGISTERED.setdefault(algorithm.name, algorithm) is not algorithm:
        raise ConfigError(f"algorithm {algorithm.name!r} is registered already; give yours another name", "algorithm")
    return algorithm


def unregister(name: str) -> None:
    """Forget an algorithm, so that a notebook can define it anew."""
    _REGISTERED.pop(name, None)


def trains_in_line(name: object) -> bool:
    """Whether the clients of the algorithm of this name train one after the other; an unknown one's do not."""
    algorithm = _REGISTERED.get(str(name))
    return algorithm is not None and algorithm.in_line
