"""Points in time as people write them."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from aqsync.config import parse_duration

_DATE_LENGTH = len("2026-11-23")


def point_in_time(text: str, now: datetime, *, end_of_day: bool) -> datetime:
    """Read a point in time; without an offset from UTC it is this machine's local time.

    Args:
        text: A date, a date with a time, or how long ago, such as ``2d``.
        now: The time now, with its offset.
        end_of_day: Whether a date alone means the end of that day, not its beginning.

    Raises:
        ValueError: It is none of these.
    """
    try:
        return now - timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError):
        pass
    try:
        found = datetime.fromisoformat(text.strip())
        if end_of_day and len(text.strip()) == _DATE_LENGTH:
            found = datetime.combine(found.date(), time.max)
        return found if found.tzinfo is not None else found.astimezone()
    except (ValueError, OverflowError) as exc:
        raise ValueError(
            f"{text!r} is not a time; write it like 2026-11-23, '2026-11-23 10:00' or 2d"
            " (two days ago)"
        ) from exc
