"""Times as people read them, the same everywhere: local, to the second, with the zone's offset."""

from __future__ import annotations

from datetime import UTC, datetime


def local_text(moment: float | datetime) -> str:
    """A time in this machine's zone: ``2026-11-23 10:00:00+01:00``.

    Args:
        moment: Seconds since 1970, or a time; one without an offset is meant as local.
    """
    if not isinstance(moment, datetime):
        try:
            moment = datetime.fromtimestamp(moment, UTC)
        except (ValueError, OverflowError, OSError):
            return f"{moment:.0f} s after 1970"  # a file may have any time
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")


class LocalDays:
    """The day that a time belongs to in this machine's zone, of many times: ``2026-11-23``."""

    _QUARTER_NS = 900 * 10**9
    """No zone's day begins at another time than a full quarter of an hour."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def __call__(self, at_ns: int) -> str:
        """Give the day of a time in nanoseconds since 1970."""
        quarter = at_ns // self._QUARTER_NS
        day = self._known.get(quarter)
        if day is None:
            day = self._known[quarter] = local_text(quarter * 900)[: len("2026-11-23")]
        return day
