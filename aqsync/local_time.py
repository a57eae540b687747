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
