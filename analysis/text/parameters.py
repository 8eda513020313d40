"""Words for axes and their values, as people say them: `batch size`, `3 clients`, `cut dense1`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

Value = str | int | float

NOTHING = "–"
"""A parameter that a cell does not have."""

MAY_NOT_APPLY = frozenset(
    {"aggregation", "clients", "codec", "cut_layer", "eval_clients", "gradient_codec", "model_codec", "order",
     "participation", "partitioner", "strategy", "threads", "transport", "workers"}
)  # fmt: skip
"""Parameters that some algorithms do not have: without a value they say nothing. Of others nothing is a value too."""

Together = Mapping[str, Mapping[str, Mapping[Value, Value]]]
"""Of an axis the parameters that move with it, and their value at each of its own: `{axis: {other: {value: …}}}`."""

_WORDS = {
    "clients": "{} clients",
    "batch_size": "batch {}",
    "cut_layer": "cut {}",
    "aggregation": "aggregation {}",
    "algorithm": "{}",
    "run": "{}",
    "dataset": "{}",
    "model": "{}",
    "optimizer": "{}",
    "rounds": "{} rounds",
    "workers": "{} workers",
    "partitioner": "{}",
    "transport": "{}",
    "gradient_codec": "gradient {}",
    "model_codec": "models {}",
    "examples_per_client": "{} examples per client",
    "cell_id": "{}",
    "link": "over {}",
}
_SETTINGS = {
    "uplink_mbit": "{} Mbit/s up",
    "downlink_mbit": "{} Mbit/s down",
    "delay_ms": "{} ms",
    "jitter_ms": "± {} ms",
    "loss": "{} % lost",
    "shared_by": "shared by {}",
}
_SHARES = {"loss"}

_NOTHING = {"examples_per_client": "all examples"}
"""What no value means, where it means something."""

_SHORT = {"aggregation": "agg. {}", "cut_layer": "{}", "clients": "{} cl.", "batch_size": "b{}"}
_TITLES = {"cell_id": "cell", "workers_used": "workers"}
_LONGEST = 20


@dataclass(frozen=True)
class Names:
    """How the axes of some cells are named; what moves together with an axis is named with it.

    Args:
        together: What moves together with each axis.
        shared: The number of workers, by the number of clients, where there were fewer workers than clients.
    """

    together: Together = field(default_factory=dict)
    shared: Mapping[Value, int] = field(default_factory=dict)

    def title(self, axis: str) -> str:
        """Name an axis: `batch size`, `batch size/learning rate`."""
        return "/".join(title(name) for name in self.parameters(axis))

    def label(self, axis: str) -> str:
        """Name an axis beside its ticks: `clients in workers` where clients share some."""
        return self.title(axis) + (" in workers" if axis == "clients" and self.shared else "")

    def parameters(self, axis: str) -> tuple[str, ...]:
        """Return the parameters that an axis stands for."""
        return (axis, *self._companions(axis))

    def leader(self, name: str) -> str:
        """Return the axis that a parameter moves together with, or the parameter itself."""
        return next((axis for axis, others in self.together.items() if name in others and axis != "run"), name)

    def word(self, axis: str, value: Any, *, short: bool = False) -> str:
        """Say one value of an axis: `3 clients`, `batch 64, learning rate 0.01`."""
        others = [(name, at[value]) for name, at in self._companions(axis).items() if value in at]
        own = _word(axis, value, short=short)
        if (workers := self._workers(axis, value)) is not None:
            own += f" in {workers}" if short else f" in {workers} worker{'s' * (workers != 1)}"
        return ", ".join([own, *(_word(name, one, short=short) for name, one in others)])

    def tick(self, axis: str, value: Any) -> str:
        """Say one value of an axis where the axis is named beside it: `64`, `64/0.01`."""
        workers = self._workers(axis, value)
        own = brief(value) if workers is None else f"{brief(value)} in {workers}"
        return "/".join([own, *(brief(at.get(value)) for at in self._companions(axis).values())])

    def words(self, values: Mapping[Any, Any], axes: Iterable[str], *, short: bool = False) -> str:
        """Say a cell by its axes: `3 clients · cut dense1`; that it lacks what does not apply goes without saying."""
        shown = [axis for axis in axes if values[axis] != NOTHING or axis not in MAY_NOT_APPLY]
        return " · ".join(self.word(axis, values[axis], short=short) for axis in shown) or NOTHING

    def _workers(self, axis: str, value: Any) -> int | None:
        return self.shared.get(value) if axis == "clients" and "workers" not in self._companions(axis) else None

    def _companions(self, axis: str) -> Mapping[str, Mapping[Value, Value]]:
        """Return what is named with an axis. Runs have names of their own: how else they differ is a warning."""
        return {} if axis == "run" else self.together.get(axis, {})


def normalise(value: object) -> Value:
    """Turn a parameter into what a table shows: `on`/`off`, `dirichlet(alpha=0.5)`, `conv1+dense2`, `–` for nothing.

    Of a mix its shares, `70 % lte, 30 % wifi`; of a custom choice what it says, `10 Mbit/s up, 25 ms`.
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict):
        return _choice(value)
    if isinstance(value, list | tuple):
        return "+".join(str(normalise(item)) for item in value)
    return value if isinstance(value, int | float) else str(value)


def codec_words(value: object) -> Value:
    """Say a codec: `topk 1 % + zstd`, `delta 4 bit`, `int8 per channel`, `–` for nothing."""
    if not isinstance(value, Mapping):
        return normalise(value)
    words = [_CODEC_SETTINGS[name](value[name]) for name in _CODEC_SETTINGS if name in value]
    unknown = [f"{name}={normalise(v)}" for name, v in value.items() if name not in (*_CODEC_SETTINGS, "name", "then")]
    last = [f"+ {value['then']}"] if value.get("then") else []
    return " ".join([str(value.get("name", "")), *words, *unknown, *last])


_CODEC_SETTINGS: dict[str, Callable[[Any], str]] = {
    "share": lambda share: f"{100 * share:.4g} %",
    "alpha": lambda alpha: f"α {alpha:g}",
    "bits": lambda bits: f"{bits} bit",
    "format": str,
    "per": lambda per: f"per {per}",
    "rounding": str,
    "feedback": "+ feedback".format,
}
"""How the settings of codecs are said, in this order."""


def _choice(choice: Mapping[str, Any]) -> str:
    name, of = str(choice.get("name", "")), choice.get("of")
    if name == "mix" and isinstance(of, dict):
        return ", ".join(f"{100 * share:.4g} % {part}" for part, share in of.items())
    if name == "per_client" and isinstance(of, list):
        return " + ".join(_runs([str(normalise(each)) for each in of]))
    settings = ", ".join(_setting(k, v) for k, v in choice.items() if k != "name")
    if name == "custom" and settings:
        return settings
    return f"{name}({settings})" if settings else name


def _setting(name: str, value: object) -> str:
    if name not in _SETTINGS or not isinstance(value, int | float):
        return f"{name}={normalise(value)}"
    return _SETTINGS[name].format(f"{100 * value if name in _SHARES else value:.12g}")


def _runs(names: list[str]) -> list[str]:
    """Say equal neighbours once: `3 × lte`."""
    groups = [(name, len(list(group))) for name, group in groupby(names)]
    return [name if count == 1 else f"{count} × {name}" for name, count in groups]


def title(axis: str) -> str:
    """Name a parameter: `batch size`."""
    return _TITLES.get(axis, axis.replace("_", " "))


def _word(axis: str, value: object, *, short: bool) -> str:
    if value == NOTHING:
        return _NOTHING.get(axis, f"no {title(axis)}")
    pattern = (_SHORT if short else {}).get(axis) or _WORDS.get(axis) or f"{title(axis)} {{}}"
    text = pattern.format(brief(value))
    return text.removesuffix("s") if value == 1 and text.endswith("s") else text


def brief(value: object) -> str:
    """Say a value in few characters: a long name keeps its beginning and its end."""
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:7]}…{text[8 - _LONGEST :]}"
