"""A parameter with settings of its own."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer


class Named(BaseModel):
    """A choice with settings of its own: `{name: dirichlet, alpha: 0.3}`; a bare name means the defaults."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(min_length=1)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings beside the name."""
        return dict(self.model_extra or {})

    @classmethod
    def of(cls, value: "Named | str | Mapping[str, Any]") -> "Named":
        """Read what a grid could hold: a name, or a mapping with `name`."""
        return cls.model_validate(name_to_mapping(value))

    def plain(self) -> str | dict[str, Any]:
        """Return the shortest form a grid could hold: the bare name where there are no settings."""
        return {"name": self.name, **self.settings} if self.settings else self.name

    def __hash__(self) -> int:
        """Hash by content, settings included."""
        return hash(json.dumps(self.plain(), sort_keys=True))


def name_to_mapping(value: object) -> object:
    """Turn a bare name into the mapping that it stands for."""
    return {"name": value} if isinstance(value, str) else value


Choice = Annotated[Named, BeforeValidator(name_to_mapping), PlainSerializer(Named.plain)]
