"""Sizes, times and links as people read them: pure functions."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote, urlencode

_UNITS = ("KiB", "MiB", "GiB", "TiB")


def size(count: int) -> str:
    """Return a number of bytes in the unit that suits it: ``12 bytes``, ``1.5 MiB``."""
    if count < 1024:  # noqa: PLR2004 - a KiB
        return "1 byte" if count == 1 else f"{count} bytes"
    amount, unit = count / 1024, 0
    while amount >= 1023.95 and unit + 1 < len(_UNITS):  # noqa: PLR2004 - 1024.0, by rounding
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f}".removesuffix(".0") + f" {_UNITS[unit]}"


def counted(count: int, thing: str) -> str:
    """Return ``1 file`` or ``2 files``."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def local_time(when: datetime) -> str:
    """Return a time in the time zone of the server, which it names."""
    local = when.astimezone()
    return f"{local:%Y-%m-%d %H:%M} {local.tzname()}"


def link(*parts: str, **query: str | int) -> str:
    """Return the path of a page.

    Args:
        parts: The parts of the path, as they are.
        query: What follows the path; what is empty is left out.
    """
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    wanted = {key: value for key, value in query.items() if value}
    return f"{path}?{urlencode(wanted)}" if wanted else path
