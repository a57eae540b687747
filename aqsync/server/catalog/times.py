"""Times as the database keeps them: whole microseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_microseconds(time: datetime) -> int:
    """Return a time that has an offset in microseconds since 1970."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(microseconds: object) -> datetime:
    """Return a time of the database in UTC."""
    return _EPOCH + timedelta(microseconds=int(str(microseconds)))


def now_microseconds() -> int:
    """Return the time by the clock of this machine, in microseconds since 1970."""
    return to_microseconds(datetime.now(UTC))
