"""The settings of a named choice, `{name: dirichlet, alpha: 0.3}`, read into a model of their own."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from splitfed_core.config.choice import Named
from splitfed_core.errors import ConfigError

Settings = TypeVar("Settings", bound=BaseModel)


def read_settings(choice: Named, model: type[Settings], parameter: str) -> Settings:
    """Validate the settings of a choice.

    Raises:
        ConfigError: The first wrong setting, with its value and the rule.
    """
    try:
        return model.model_validate(choice.settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    setting = ".".join(str(part) for part in first["loc"])
    known = ", ".join(model.model_fields) or "none"
    if first["type"] == "extra_forbidden":
        message = f"{parameter} {choice.name!r} has no setting {setting!r}; it has {known}"
    elif first["type"] == "missing":
        message = f"{parameter} {choice.name!r} needs the setting {setting!r}; it has {known}"
    else:
        rule = first["msg"][:1].lower() + first["msg"][1:]
        message = f"{parameter} {choice.name!r}, setting {setting} {first['input']!r}: {rule}"
    raise ConfigError(message, parameter)
