"""The templates of everything written for people; what comes from run directories is always escaped."""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape


def templates() -> Environment:
    """Return the templates, with HTML escaped by default and a filter `md` for markdown."""
    environment = Environment(
        loader=PackageLoader("analysis"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["md"] = escape_markdown
    return environment


def escape_markdown(text: object) -> Markup:
    """Keep text from a run directory from being markdown or HTML."""
    return Markup(re.sub(r"([\\`*_\[\]|])", r"\\\1", str(escape(str(text)))).replace("\n", " "))  # noqa: S704 - escaped
