"""The codec of a parameter: a bare name or `{name: topk, share: 0.01, then: zstd}`, in the one form that is hashed.

Which codecs there are, and what they can be set to, the codecs themselves say (`wire/codecs`). One setting is the
cell's, for it takes a memory that a codec does not have: `feedback`.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, GetJsonSchemaHandler, PlainSerializer, ValidationInfo
from pydantic_core import CoreSchema

from splitfed_core.config.choice import Named, name_to_mapping
from splitfed_core.errors import ConfigError

DELTA = "delta"
_SPARSE = ("topk", "randtopk")
_RAW = Named(name="raw")
_FEEDBACK = "feedback"
_SWITCH: dict[bool | str, bool] = {"on": True, "off": False, True: True, False: False}


def without_feedback(choice: Named) -> dict[str, Any]:
    """Return a codec as its own plain values."""
    return {"name": choice.name} | {name: value for name, value in choice.settings.items() if name != _FEEDBACK}


def has_feedback(choice: Named | None) -> bool:
    """Tell whether what a codec loses is added to what it encodes next."""
    return choice is not None and bool(choice.settings.get(_FEEDBACK))


def invalid_codecs(values: Mapping[str, Any], *, in_line: bool) -> tuple[str, str] | None:
    """Return the parameter and the reason why the codecs of a cell make no sense; None if they do.

    Args:
        values: The parameters of the cell.
        in_line: Whether the state of one client is handed on to the next.
    """
    smashed, gradient, model = values["codec"], values["gradient_codec"], values["model_codec"]
    for name in ("codec", "gradient_codec"):
        if has_feedback(values[name]):
            return name, (
                f"{name} {_shown(values[name])}: feedback adds what was lost to the next tensor, whose rows are other "
                "examples; it is for model_codec only. For codec, delta remembers each example"
            )
    for name, instead in (("gradient_codec", "a quantiser"), ("model_codec", "feedback")):
        if values[name] is not None and values[name].name == DELTA:
            return name, (
                f"{name} {_shown(values[name])}: delta remembers the smashed data of each example; it is for codec "
                f"only, use {instead} here"
            )
    if smashed and gradient and smashed.name in _SPARSE and gradient.name in _SPARSE:
        return "gradient_codec", (
            f"gradient_codec {_shown(gradient)}: the gradient of what codec {_shown(smashed)} keeps is already that of "
            "the kept values alone; give gradient_codec raw or a quantiser"
        )
    if model is None or model == _RAW:
        return None
    is_lossless = _is_lossless(model)
    if in_line and not is_lossless:
        return "model_codec", (
            f"model_codec {_shown(model)}: what a client hands on to the next one is its whole state, the optimizer's "
            "included, and no change to a common start; give raw, with `then` to compress it"
        )
    if is_lossless and has_feedback(model):
        return (
            "model_codec",
            f"model_codec {_shown(model)}: it loses nothing that could be fed back; leave feedback out",
        )
    return None


def _canonical(choice: Named, info: ValidationInfo) -> Named:
    """Bring a choice into its one form.

    Raises:
        ConfigError: No such codec, or it cannot be set so.
    """
    if choice == _RAW:
        return choice
    from splitfed_core.wire.codecs import canonical  # takes time, and most cells have none

    parameter, feedback = str(info.field_name), choice.settings.get(_FEEDBACK, False)
    if not isinstance(feedback, bool | str) or feedback not in _SWITCH:
        raise ConfigError(f"{parameter} {choice.name!r}, feedback {feedback!r}: it is on or off", parameter)
    plain = canonical(without_feedback(choice), parameter)
    return Named.of(plain | ({_FEEDBACK: True} if _SWITCH[feedback] else {}))


def _shown(choice: Named) -> str:
    return repr(choice.plain())


def _is_lossless(choice: Named) -> bool:
    from splitfed_core.wire.codecs import make_codec

    return make_codec(without_feedback(choice)).lossless


class _Schema:
    """Says in a JSON schema what a grid may hold: names, and the settings that some of them have."""

    def __init__(self, *, without: str = "", feedback: bool = False) -> None:
        self._without, self._feedback = without, feedback

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        from splitfed_core.wire.codecs import CODECS
        from splitfed_core.wire.codecs.lossless import STAGES

        names = {"type": "string", "enum": [name for name in CODECS if name != self._without]}
        settings: dict[str, Any] = {
            name: {"description": f"of {codec}: {setting.rule}", **setting.schema}
            for codec, kind in CODECS.items()
            for name, setting in kind.settings.items()
        }
        settings["then"] = {"enum": [*STAGES, None]}
        if self._feedback:
            settings[_FEEDBACK] = {"enum": list(_SWITCH)}
        own = {"type": "object", "properties": {"name": names, **settings}, "required": ["name"]}
        return {"anyOf": [names, own | {"additionalProperties": False}]}


_Choice = Annotated[Named, BeforeValidator(name_to_mapping), AfterValidator(_canonical), PlainSerializer(Named.plain)]
CodecChoice = Annotated[_Choice, _Schema()]
GradientCodecChoice = Annotated[_Choice, _Schema(without=DELTA)]
ModelCodecChoice = Annotated[_Choice, _Schema(without=DELTA, feedback=True)]
