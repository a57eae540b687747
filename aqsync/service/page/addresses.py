"""Addresses and forms that hold names of files: any bytes, also such as are no UTF-8."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote, urlencode

from starlette.requests import Request

_BYTES = "surrogateescape"
_LARGEST = 2**63 - 1
"""Of the numbers of SQLite."""


def address(page: str, /, **values: str | int) -> str:
    """An address on this page.

    Args:
        page: Its path, such as ``/files``.
        values: What it asks for; empty texts are left out.
    """
    given = {name: value for name, value in values.items() if value != ""}
    return f"{page}?{urlencode(given, errors=_BYTES)}" if given else page


def asked(request: Request) -> Mapping[str, str]:
    """What an address asks for: paths as the journal has them, and a mapping's name as text."""
    given = dict(parse_qsl(request.url.query, errors=_BYTES))
    if "mapping" in given:
        given["mapping"] = given["mapping"].encode(errors="replace").decode()
    return given


def quoted(path: str) -> str:
    """A path as the field of a form holds it: a browser would not send all bytes of it back."""
    return quote(path, errors=_BYTES)


def unquoted(field: str) -> str:
    """The path again."""
    return unquote(field, errors=_BYTES)


def asked_number(given: Mapping[str, str], name: str) -> int | None:
    """A number that an address asks for; None: there is none that a row could have."""
    text = given.get(name, "")
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(_LARGEST)):
        return None
    return min(int(text), _LARGEST)
