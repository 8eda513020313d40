"""The devices of a cell as types of parameters: what a grid holds, in the one form that is hashed."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from splitfed_core.config.choice import Choice, Named
from splitfed_core.config.fleet_schema import FleetSchema, mapping
from splitfed_core.config.link_choice import form_of
from splitfed_core.errors import ConfigError
from splitfed_core.timing.devices import (
    HOST,
    PRESETS,
    HostSpeed,
    canonical_device,
    check_device,
    needs_host_speed,
    slowdown_rule,
    slowdowns_of,
)
from splitfed_core.timing.fleet import CUSTOM


def _canonical(value: object) -> object:
    if value is None:
        return None
    return canonical_device(form_of(value) if isinstance(value, Named) else value)


def _checked(value: object) -> object:
    if value is not None and (rule := slowdown_rule(value)) is not None:
        raise ConfigError(f"server_slowdown {value!r}: {rule}", "server_slowdown")
    return value


_OWN = mapping({"name": {"const": CUSTOM}}, slowdown={"type": "number", "minimum": 1})
_PRESET = mapping({"cores": {"type": "integer", "minimum": 1}}, name={"enum": list(PRESETS)})

DeviceChoice = Annotated[
    Choice | None,
    BeforeValidator(_canonical),
    FleetSchema((HOST, *PRESETS), {"anyOf": [_OWN, _PRESET]}),
]
ServerSlowdown = Annotated[Annotated[float, Field(ge=1)] | None, BeforeValidator(_checked)]


def asks_host_speed(choice: Named | None) -> bool:
    """Whether the devices of a cell are said by what they compute, so that the host's own speed must be known."""
    return choice is not None and needs_host_speed(form_of(choice))


def check_devices(choice: Named | None, host: HostSpeed | None) -> None:
    """Refuse devices that this host cannot emulate.

    Raises:
        ConfigError: One of them is faster.
    """
    if choice is not None:
        check_device(form_of(choice), host)


def client_slowdowns(choice: Named | None, clients: int, seed: int, host: HostSpeed | None) -> dict[int, float]:
    """Return how many times as slow as this host each client of a cell computes; nothing without devices.

    Args:
        choice: The cell's `device`.
        clients: How many there are.
        seed: Of the cell's repeat.
        host: The host's own speed, where `asks_host_speed` wants it.
    """
    return {} if choice is None else dict(enumerate(slowdowns_of(form_of(choice), clients, seed, host)))
