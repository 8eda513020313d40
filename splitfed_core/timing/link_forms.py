"""The forms in which a grid names a link, and the one form into which all of them are brought before it is hashed."""

from collections.abc import Mapping
from math import isfinite

from splitfed_core.errors import ConfigError
from splitfed_core.timing.fleet import CUSTOM, MIX, PER_CLIENT, Form, canonical, kinds, named, unknown_name
from splitfed_core.timing.links import DEFAULTS, PRESET_FORMS, default_overhead, number_of
from splitfed_core.timing.traces import one_spelling

_RULES = {
    "uplink_mbit": "a number above 0, in 10⁶ bits per second; leave it out for no limit",
    "downlink_mbit": "a number above 0, in 10⁶ bits per second; leave it out for no limit",
    "delay_ms": "a number of at least 0, one way, in milliseconds",
    "rtt_ms": "a number of at least 0, there and back, in milliseconds",
    "jitter_ms": "a number of at least 0, in milliseconds either way",
    "loss": "a share of at least 0 and below 1, such as 0.01 for 1 %",
    "overhead": "a number of at least 1: bytes on the line for each byte of a message",
    "shared_by": "a whole number of at least 1: how many clients share one link",
    "trace": "a file in mahimahi's format, or {uplink: file, downlink: file}",
    "tcp": "on, off, or {initial_window: 10, idle_reset: on}",
}
"""The settings of a link, and what each of them may be."""

_POSITIVE, _SHARE = {"type": "number", "exclusiveMinimum": 0}, {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
_FROM_ZERO, _FILE = {"type": "number", "minimum": 0}, {"type": "string", "minLength": 1}
_SWITCH_SCHEMA = {"enum": [True, False, "on", "off"]}
SETTINGS_SCHEMA: Mapping[str, Form] = {
    "uplink_mbit": _POSITIVE,
    "downlink_mbit": _POSITIVE,
    "delay_ms": _FROM_ZERO,
    "rtt_ms": _FROM_ZERO,
    "jitter_ms": _FROM_ZERO,
    "loss": _SHARE,
    "overhead": {"type": "number", "minimum": 1},
    "shared_by": {"type": "integer", "minimum": 1},
    "trace": {"anyOf": [_FILE, {"type": "object", "properties": {"uplink": _FILE, "downlink": _FILE}}]},
    "tcp": {
        "anyOf": [
            _SWITCH_SCHEMA,
            {
                "type": "object",
                "properties": {"initial_window": {"type": "integer", "minimum": 1}, "idle_reset": _SWITCH_SCHEMA},
                "additionalProperties": False,
            },
        ]
    },
}
"""The same for an editor."""

OF_SERVERS = ("uplink_mbit", "downlink_mbit", "delay_ms")


def canonical_link(value: object, parameter: str = "link") -> Form:
    """Bring what a grid may hold as a link into the one form that is hashed.

    A bare name is a preset; settings beside a preset's name change it. Numbers are spelled alike, `rtt_ms` becomes
    `delay_ms`, and what changes nothing is left out.

    Raises:
        ConfigError: Value, rule and remedy.
    """
    return canonical(value, parameter, lambda form: _one(form, parameter))


def canonical_server_link(value: object) -> Form:
    """Bring what a grid may hold as the servers' own link into the one form that is hashed: rates and a delay.

    Raises:
        ConfigError: Value, rule and remedy.
    """
    form = _one(named(value, "server_link"), "server_link")
    for setting in {**PRESET_FORMS.get(str(form["name"]), {}), **form}:
        if setting not in {"name", *OF_SERVERS}:
            raise ConfigError(
                f"server_link {form['name']!r} has {setting}: the servers' link has {', '.join(OF_SERVERS)}, and all "
                "clients share it; the rest belongs to `link`",
                "server_link",
            )
    return form


def trace_files(form: Form) -> list[str]:
    """Return the files of the traces that a link of one client replays."""
    trace = form.get("trace")
    return [str(file) for file in (trace.values() if isinstance(trace, Mapping) else [trace] if trace else [])]


def most_sharers(form: Form) -> int:
    """Return how many clients at most share one link by this choice."""
    return max(int(number_of(each.get("shared_by", 1))) for each in kinds(form))


def _one(form: Mapping[str, object], parameter: str) -> Form:
    name = str(form["name"])
    if name != CUSTOM and name not in PRESET_FORMS:
        raise unknown_name(parameter, name, [*PRESET_FORMS, CUSTOM, PER_CLIENT, MIX])
    given = {setting: value for setting, value in form.items() if setting != "name"}
    for setting in given:
        if setting not in _RULES:
            close = unknown_name(f"{parameter} {name!r}, setting", setting, _RULES)
            raise ConfigError(str(close), parameter)
    if name == CUSTOM and not given:
        raise ConfigError(f"{parameter} 'custom' says nothing; give it {', '.join(_RULES)}", parameter)
    read = {setting: _setting(parameter, name, setting, value) for setting, value in given.items()}
    if "rtt_ms" in read:
        if "delay_ms" in read:
            raise ConfigError(
                f"{parameter} {name!r} has delay_ms {read['delay_ms']} and rtt_ms {read['rtt_ms']}: the round trip is "
                "twice the delay; give one of them",
                parameter,
            )
        read["delay_ms"] = _plain(number_of(read.pop("rtt_ms")) / 2)
    rates = [setting for setting in ("uplink_mbit", "downlink_mbit") if setting in {*read, *PRESET_FORMS.get(name, {})}]
    if read.get("trace") and rates:
        raise ConfigError(
            f"{parameter} {name!r} has a trace and {rates[0]}: the trace says when it carries what; remove one of them",
            parameter,
        )
    usual = {
        **DEFAULTS,
        "overhead": default_overhead(traced=bool(read.get("trace"))),
        "tcp": None,
        **PRESET_FORMS.get(name, {}),
    }
    return {"name": name} | {s: read[s] for s in _RULES if s in read and not (s in usual and read[s] == usual[s])}


def _setting(parameter: str, name: str, setting: str, value: object) -> object:
    """Return a setting as it is spelled in the canonical form."""
    if setting == "trace":
        read = _trace_form(value)
    elif setting == "tcp":
        read = _tcp_form(value)
        if read is None and value in (False, "off", None):
            return None
    else:
        read = _plain(value) if _allowed(setting, value) else None
    if read is None:
        raise ConfigError(f"{parameter} {name!r}, setting {setting} {value!r}: must be {_RULES[setting]}", parameter)
    return read


def _allowed(setting: str, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return False
    match setting:
        case "uplink_mbit" | "downlink_mbit":
            return value > 0
        case "loss":
            return 0 <= value < 1
        case "overhead":
            return value >= 1
        case "shared_by":
            return value >= 1 and value == int(value)
    return value >= 0


def _trace_form(value: object) -> object:
    if isinstance(value, str) and value:
        return one_spelling(value)
    if isinstance(value, Mapping) and value.keys() == {"uplink", "downlink"}:
        up, down = (_trace_form(value[direction]) for direction in ("uplink", "downlink"))
        if isinstance(up, str) and isinstance(down, str):
            return up if up == down else {"uplink": up, "downlink": down}
    return None


_SWITCH: Mapping[object, bool] = {True: True, False: False, "on": True, "off": False}


def _tcp_form(value: object) -> Form | None:
    usual: Form = {"initial_window": 10, "idle_reset": True}
    if isinstance(value, bool | str):
        return usual if _SWITCH.get(value) else None
    if not isinstance(value, Mapping) or value.keys() - usual.keys():
        return None
    window, reset = value.get("initial_window", 10), value.get("idle_reset", True)
    if isinstance(window, bool) or not isinstance(window, int) or window < 1:
        return None
    if not isinstance(reset, bool | str) or reset not in _SWITCH:
        return None
    return {"initial_window": window, "idle_reset": _SWITCH[reset]}


def _plain(value: object) -> object:
    """Spell a number in one way: 10, not 10.0."""
    return int(value) if isinstance(value, float) and value == int(value) else value
