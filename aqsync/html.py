"""HTML from templates, with every value escaped and none left out in silence."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from aqsync.wording import counted, printable, seconds_text, size_text

__all__ = ["Environment", "environment_of"]

_TOLD = (
    '{% macro told(text) %}{% set parts = (text | name).split("`") %}{% for part in parts %}'
    "{% if parts | length % 2 == 0 %}{{ '`' if loop.index0 }}{{ part }}"
    "{% elif loop.index0 % 2 %}<code>{{ part }}</code>{% else %}{{ part }}{% endif %}"
    "{% endfor %}{% endmacro %}"
)
"""A message or a hint for people, with its commands set apart."""


def environment_of(package: str) -> Environment:
    """Where the templates of a package are, with the filters that all of them need.

    Args:
        package: Its dotted name; the templates lie in its folder ``templates``.
    """
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "counted": counted,
        "name": printable,
        "seconds": seconds_text,
        "size": size_text,
    }
    made.filters["told"] = vars(made.from_string(_TOLD).module)["told"]
    return made
