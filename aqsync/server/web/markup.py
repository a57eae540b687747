"""HTML out of templates. What is not `Markup` is escaped: there is no way around it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files
from string import Template


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


EMPTY = Markup()


def fill(name: str, /, **values: object) -> Markup:
    """Fill a template.

    Args:
        name: The template's file name, without the suffix.
        values: What its placeholders stand for. An attribute's placeholder must stand in quotes.
    """
    return Markup(_template(name).substitute({key: _html(value) for key, value in values.items()}))


def joined(parts: Iterable[Markup]) -> Markup:
    """Put pieces of HTML together."""
    return Markup("".join(parts))


def _html(value: object) -> Markup:
    return value if isinstance(value, Markup) else Markup(escape(str(value), quote=True))


@cache
def _template(name: str) -> Template:
    text = (files(__package__) / "templates" / f"{name}.html").read_text(encoding="utf-8")
    return Template(text)
