"""Local time as the system has it, for libraries that want a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo


class LocalTime(tzinfo):
    """The system's own time zone, as it is at the moment of asking.

    Needs neither a name nor a database of zones, and follows when somebody changes the zone.
    """

    def utcoffset(self, shown: datetime | None) -> timedelta | None:
        """How far local time is ahead of UTC; for a time that is skipped, as before the skip."""
        if shown is None:
            return None
        local = shown.replace(tzinfo=None)
        # Of a skipped time, `astimezone` says this or that by the release of Python.
        return timedelta(seconds=local.replace(tzinfo=UTC).timestamp() - local.timestamp())

    def dst(self, shown: datetime | None) -> timedelta | None:  # noqa: ARG002 - tzinfo's signature
        """Not known apart from the offset."""
        return None

    def tzname(self, shown: datetime | None) -> str | None:
        """The zone's abbreviation."""
        return None if shown is None else shown.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime) -> datetime:
        """What the clock shows at a moment of UTC."""
        moment = moment.replace(tzinfo=UTC)
        shown = moment.astimezone().replace(tzinfo=None)
        is_second = shown.astimezone() != moment  # of two hours of the same name
        return shown.replace(tzinfo=self, fold=int(is_second))
