"""Every codec by its name, and the one form in which one is written down: `{name: topk, share: 0.01, then: zstd}`."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Protocol

from splitfed_core.errors import ConfigError
from splitfed_core.wire.codecs.affine import Int2, Int4, Int8
from splitfed_core.wire.codecs.base import Codec
from splitfed_core.wire.codecs.bf16 import BFloat16
from splitfed_core.wire.codecs.delta import Delta
from splitfed_core.wire.codecs.fp8 import Float8
from splitfed_core.wire.codecs.fp16 import Float16
from splitfed_core.wire.codecs.lossless import STAGES, Staged
from splitfed_core.wire.codecs.randtopk import RandTopK
from splitfed_core.wire.codecs.raw import RawCodec
from splitfed_core.wire.codecs.repeated import Repeated
from splitfed_core.wire.codecs.settings import Settings
from splitfed_core.wire.codecs.topk import TopK


class CodecType(Protocol):
    """What makes a codec, given its settings: a class, as a rule."""

    name: str

    @property
    def settings(self) -> Settings:
        """What it can be told, by name."""
        ...

    def __call__(self, *args: Any, **settings: Any) -> Codec:
        """Make the codec."""
        ...


CODECS: dict[str, CodecType] = {
    codec.name: codec
    for codec in (RawCodec, Float16, BFloat16, Float8, Int8, Int4, Int2, TopK, RandTopK, Delta, Repeated)
}
"""Every codec, by its name on the wire: call one with its settings to have it."""

_THEN = "then"


def canonical(value: object, parameter: str = "codec") -> dict[str, Any]:
    """Return the one form of a codec that is hashed: its name, the settings that differ from their defaults, `then`.

    What a codec is about (the share of top-k, the bits of delta) is written even at its default.

    Args:
        value: A name, or a mapping with `name`.
        parameter: Of the cell, for the error.

    Raises:
        ConfigError: No such codec, setting or value.
    """
    given = {"name": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise ConfigError(
            f"{parameter} {value!r}: give a name, or a mapping such as {{name: topk, share: 0.01}}", parameter
        )
    name = given["name"]
    kind = CODECS.get(name)
    if kind is None:
        raise ConfigError(f"{parameter} {name!r} is not a codec: {_remedy(name)}", parameter)
    plain: dict[str, Any] = {"name": name}
    for key in given:
        if key not in ("name", _THEN, *kind.settings):
            known = ", ".join((*kind.settings, _THEN))
            raise ConfigError(f"{parameter} {name!r} has no setting {key!r}; it has {known}", parameter)
    for key, setting in kind.settings.items():
        try:
            read = setting.read(given.get(key, setting.default))
        except ValueError:
            raise ConfigError(
                f"{parameter} {name!r}, {key} {given[key]!r}: it has to be {setting.rule}; "
                f"without it, it is {setting.default}",
                parameter,
            ) from None
        if setting.always_written or read != setting.default:
            plain[key] = read
    if given.get(_THEN) is not None:
        plain[_THEN] = _stage(given[_THEN], f"{parameter} {name!r}", parameter)
    return plain


def make_codec(plain: str | Mapping[str, Any]) -> Codec:
    """Return the codec of a canonical form, or of one that can be brought into it.

    Raises:
        ConfigError: There is no such codec.
        NotInstalledError: The library of its lossless stage is missing.
    """
    settings = canonical(plain)
    kind, then = CODECS[settings.pop("name")], settings.pop(_THEN, None)
    codec = kind(**settings)
    return Staged(codec, then) if then else codec


def _stage(then: object, codec: str, parameter: str) -> str:
    stages = " or ".join(STAGES)
    if isinstance(then, list | tuple | Mapping) or (isinstance(then, str) and "+" in then):
        raise ConfigError(f"{codec}, then {then!r}: there is one lossless stage at most; give {stages}", parameter)
    if not isinstance(then, str) or then not in STAGES:
        raise ConfigError(f"{codec}, then {then!r} is not a lossless stage; give {stages}, or leave it out", parameter)
    return then


def _remedy(name: str) -> str:
    """Say what to write in place of an unknown codec."""
    codec, plus, then = name.partition("+")
    if name in STAGES:
        return f"it is a lossless stage; write {{name: raw, then: {name}}}"
    if plus and codec in CODECS:
        return f"write {{name: {codec}, then: {then}}}"
    close = get_close_matches(name, CODECS, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}choose one of {', '.join(CODECS)}"
