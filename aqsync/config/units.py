"""Durations, sizes, rates and shares as people write them."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_WORDS = {
    "ms": "ms",
    "s": "s",
    "sec": "s",
    "second": "s",
    "seconds": "s",
    "m": "m",
    "min": "m",
    "minute": "m",
    "minutes": "m",
    "h": "h",
    "hour": "h",
    "hours": "h",
    "d": "d",
    "day": "d",
    "days": "d",
}
_DECIMAL = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_BINARY = {"k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}

_DURATION_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*([A-Za-z]+)\s*")
_NUMBER = r"([0-9]{1,18}(?:\.[0-9]{1,9})?)"
_SIZE = re.compile(_NUMBER + r"\s*(?:([kmgt]?)(i?)(b|bytes?))?", re.IGNORECASE)
_RATE = re.compile(r"(.*[bB](?:ytes?)?)\s*/\s*s")
_SHARE = re.compile(_NUMBER + r"\s*%")


LONGEST_DURATION_S = 10 * 366 * 86_400.0
"""Seconds that a command may be told to wait or to pause: ten years."""


def parse_duration(text: str) -> float:
    """Read a duration such as ``5s``, ``500ms``, ``15m`` or ``1h30m``.

    Args:
        text: Numbers, each with a unit: ms, s, m (or min), h, d, or the word in full.

    Returns:
        The duration in seconds.

    Raises:
        ValueError: The text is no duration; the message says why.
    """
    text = text.strip()
    if text == "0":
        return 0.0
    seconds = 0.0
    seen = set()
    position = 0
    while position < len(text):
        part = _DURATION_PART.match(text, position)
        unit = part and _DURATION_WORDS.get(part[2].lower())
        if part is None or unit is None or unit in seen:
            break
        seen.add(unit)
        seconds += float(part[1]) * _SECONDS[unit]
        position = part.end()
    if not seen or position < len(text):
        raise ValueError(f"{text!r} is not a duration")
    return seconds


def parse_size(text: str) -> int:
    """Read a size such as ``512``, ``20MB`` (1000s) or ``2 GiB`` (1024s).

    Args:
        text: A number, and a unit unless it counts bytes: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB.

    Returns:
        The size in bytes.

    Raises:
        ValueError: The text is no size; the message says why.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size")
    number, scale, binary = match[1], (match[2] or "").lower(), bool(match[3])
    if binary and not scale:
        raise ValueError(f"{text!r} is not a size")
    return round(float(number) * (_BINARY if binary else _DECIMAL)[scale])


def parse_rate(text: str) -> int:
    """Read a rate such as ``20 MiB/s``, ``500 kB/s`` or ``1MB / s``.

    Returns:
        The rate in bytes per second.

    Raises:
        ValueError: The text is no rate; the message says why.
    """
    match = _RATE.fullmatch(text.strip())
    try:
        return parse_size(match[1] if match else "")
    except ValueError:
        raise ValueError(f"{text!r} is not a number of bytes per second") from None


def parse_share(text: str) -> float:
    """Read a share such as ``50%``.

    Returns:
        The share as a fraction: 0.5 for ``50%``.

    Raises:
        ValueError: The text is no share; the message says why.
    """
    match = _SHARE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a share")
    return float(match[1]) / 100
